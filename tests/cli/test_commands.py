"""The commands that connect to nothing, run as an operator runs them: text, JSON, and how errors end."""

import json

import pytest


@pytest.fixture
def run(commands):
    return commands[0]


@pytest.fixture
def run_json(commands):
    return commands[1]


BROKEN = """
mail_hosts = [("mx1", {"mail_host": {"adresses": []}})]
mail = (["mx1"], {"mail_fleet": {"postmaster": "?"}})
"""


@pytest.mark.usefixtures("project")
def test_what_init_makes_passes_check(run):
    result = run("check")
    assert result.exit_code == 0
    assert "production.py: valid; 1 host, 1 domain, 1 zone" in result.stdout
    assert "self-signed" in result.stdout


@pytest.mark.usefixtures("project")
def test_check_answers_programs(run_json):
    status, answer = run_json("check")
    assert status == 0
    assert (answer["valid"], answer["hosts"], answer["domains"], answer["zones"]) == (True, 1, 1, 1)
    assert answer["inventory"].endswith("inventories/production.py")


@pytest.mark.usefixtures("empty")
def test_init_says_what_it_made_and_what_is_next(run):
    result = run("init", "shop.example")
    assert result.exit_code == 0
    assert "made inventories/production.py" in result.stdout
    assert "postwright check && postwright plan" in result.stdout


@pytest.mark.usefixtures("empty")
def test_init_answers_programs(run_json):
    status, answer = run_json("init", "shop.example")
    assert status == 0
    assert "inventories/production.py" in answer["created"]


@pytest.mark.usefixtures("project")
def test_init_twice_is_refused(run):
    result = run("init", "shop.example")
    assert result.exit_code == 2
    assert "nothing was written" in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("empty")
def test_init_with_an_inventory_named_is_wrong_usage(run):
    assert run("-i", "x.py", "init", "shop.example").exit_code == 2


@pytest.mark.parametrize("what", ["summary", "records", "files"])
@pytest.mark.usefixtures("project")
def test_show_answers_people_and_programs(run, run_json, what):
    result = run("show", what)
    assert result.exit_code == 0
    assert "shop.example" in result.stdout
    status, answer = run_json("show", what)
    assert status == 0
    assert "shop.example" in json.dumps(answer)


def test_show_shows_no_secret(run, run_json, project):
    shown = run("show", "files").stdout + json.dumps(run_json("show", "files")[1])
    for path in (project / "secrets").iterdir():
        if path.suffix != ".crt" and path.name != ".gitignore":
            assert path.read_text().splitlines()[-2 if path.suffix == ".key" else -1] not in shown, path.name


@pytest.mark.usefixtures("project")
def test_show_is_for_one_host_and_release_if_named(run_json):
    status, answer = run_json("show", "files", "--host", "mx1", "--release", "12")
    assert status == 0
    assert list(answer) == ["mx1"]
    assert any("postfix@-.service" in file["path"] for file in answer["mx1"])


@pytest.mark.usefixtures("project")
def test_show_of_a_host_that_is_not_there_names_those_that_are(run):
    result = run("show", "files", "--host", "mx9")
    assert result.exit_code == 2
    assert "no host 'mx9'" in result.stderr
    assert "there are mx1" in result.stderr


@pytest.mark.usefixtures("empty")
def test_without_an_inventory_it_says_how_to_get_one(run):
    result = run("check")
    assert result.exit_code == 2
    assert "make a first project with `postwright init`" in result.stderr


def test_with_several_inventories_it_asks_which(run, empty):
    (empty / "inventories").mkdir()
    for name in ("a.py", "b.py"):
        (empty / "inventories" / name).touch()
    result = run("check")
    assert result.exit_code == 2
    assert "inventories/a.py, inventories/b.py" in result.stderr


@pytest.mark.parametrize("command", [["check"], ["show"], ["plan"], ["apply", "--yes"], ["verify"]])
@pytest.mark.usefixtures("empty")
def test_an_inventory_that_is_not_there_ends_every_command_with_2(run_json, command):
    status, answer = run_json("-i", "nowhere.py", *command)
    assert status == 2
    assert answer["error"]["type"] == "UsageError"
    assert "no inventory nowhere.py" in answer["error"]["message"]


def test_all_problems_of_an_inventory_are_told_with_its_name_and_status_2(run, run_json, empty):
    (empty / "broken.py").write_text(BROKEN)
    result = run("-i", "broken.py", "check")
    assert result.exit_code == 2
    assert result.stdout == ""
    for expected in (
        "broken.py: ",
        "mail_host.adresses: unknown key",
        "mail_fleet.postmaster: '?'",
        "mail_fleet.keys: missing",
    ):
        assert expected in result.stderr
    status, answer = run_json("-i", "broken.py", "check")
    assert status == 2
    assert answer["error"]["type"] == "InventoryError"
    assert "mail_host.adresses: unknown key" in answer["error"]["message"]


def test_an_inventory_that_cannot_be_executed_is_told_with_its_line(run, empty):
    (empty / "broken.py").write_text("a = 1\nb = 1 / 0\n")
    result = run("-i", "broken.py", "check")
    assert result.exit_code == 2
    assert "broken.py:2: 1 problem\n  - ZeroDivisionError: division by zero" in result.stderr


def test_what_an_inventory_prints_is_not_taken_for_an_answer(run_json, project):
    chatty = project / "chatty.py"
    chatty.write_text("print('{}')\n" + (project / "inventories" / "production.py").read_text().replace("../", ""))
    try:
        assert run_json("-i", chatty, "check")[0] == 0
    finally:
        chatty.unlink()


def test_the_inventory_can_be_named_by_a_variable(run, project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTWRIGHT_INVENTORY", str(project / "inventories" / "production.py"))
    assert run("check").exit_code == 0


def test_looking_leaves_nothing_behind(run, project):
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    for command in (["check"], ["show"], ["show", "records"], ["show", "files"], ["keys", "list"]):
        assert run(*command).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before
