"""`postwright users`, run as an operator runs it: passwords change hands once, and never where something keeps them."""

import json
import os
import pty
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from postwright.cli.main import cli


@pytest.fixture
def base(made, tmp_path, monkeypatch):
    """A copy of a fresh project that has a user store."""
    copy = tmp_path / "project"
    shutil.copytree(made, copy)
    with (copy / "inventories/production.py").open("a") as file:
        file.write("\nmail[1]['mail_fleet']['users'] = '../users.json'\n")
    monkeypatch.chdir(copy)
    monkeypatch.delenv("POSTWRIGHT_INVENTORY", raising=False)
    return copy


@pytest.fixture
def run(base):  # noqa: ARG001 - in its directory
    def run(*arguments, stdin=None, json=False):
        argv = [*(["--json"] if json else []), "users", *arguments]
        return CliRunner().invoke(cli, argv, input=stdin, catch_exceptions=False)

    return run


def listed(run):
    return {it["login"]: it for it in json.loads(run("list", json=True).stdout)["users"]}


def test_a_new_user_gets_a_password_in_a_file_of_his_own_and_nowhere_else(run, base):
    done = run("add", "crm", "--sender", "@shop.example", "--password-file", "crm.password")
    password = (base / "crm.password").read_text().strip()

    assert done.exit_code == 0, done.output
    assert "next: `postwright apply`" in done.output
    assert (base / "crm.password").stat().st_mode & 0o777 == 0o600
    assert len(password) == 26
    assert password not in done.output
    assert password not in (base / "users.json").read_text()
    assert listed(run)["crm"]["senders"] == ["@shop.example"]


def test_a_login_is_found_however_its_domain_is_written(run):
    done = [
        run(*command, "K3@Shop.Example", *more)
        for command, more in (
            (["add"], ["--sender", "@shop.example", "--password-file", "k3"]),
            (["set"], ["--suspend"]),
            (["rotate"], ["--password-file", "k3.new"]),
        )
    ]

    assert [it.exit_code for it in done] == [0, 0, 0], [it.output for it in done]
    assert listed(run)["K3@shop.example"]["state"] == "suspended"
    assert run("remove", "K3@SHOP.example", "--yes").exit_code == 0


def test_no_password_is_written_where_a_log_may_keep_it(run, base):
    done = run("add", "crm", "--sender", "@shop.example")

    assert done.exit_code == 2
    assert "--password-file FILE" in done.output
    assert not (base / "users.json").exists()


def test_on_a_terminal_it_is_shown_once(base):
    """A terminal of its own, for the command looks whether there is one."""
    leader, follower = pty.openpty()
    argv = [sys.executable, "-m", "postwright", "users", "add", "crm", "--sender", "@shop.example"]
    done = subprocess.run(argv, stdout=follower, stderr=subprocess.PIPE, cwd=base, check=False, timeout=60)
    os.close(follower)
    shown = os.read(leader, 65_536).decode()
    os.close(leader)

    assert done.returncode == 0, done.stderr
    assert "password of crm, shown this once: " in shown
    assert (base / "users.json").exists()


def test_a_file_that_is_there_is_not_written_over(run, base):
    (base / "crm.password").write_text("precious")
    done = run("add", "crm", "--sender", "@shop.example", "--password-file", "crm.password")

    assert done.exit_code == 2
    assert (base / "crm.password").read_text() == "precious"
    assert not (base / "users.json").exists()


def test_a_password_that_is_brought_is_not_repeated(run, base):
    done = run("add", "crm", "--sender", "@shop.example", "--password-stdin", stdin="a long one of mine\n", json=True)

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"login": "crm", "changed": True, "password_file": None}
    assert "a long one of mine" not in done.output + (base / "users.json").read_text()


def test_what_a_user_may_do_is_set_and_taken_back(run):
    run("add", "crm", "--sender", "@shop.example", "--password-file", "p", "--limit", "messages_per_day=5")
    run("set", "crm", "--network", "192.0.2.0/24", "--limit", "recipients_per_hour=unlimited", "--suspend")
    first = listed(run)["crm"]
    run("set", "crm", "--any-network", "--limit", "messages_per_day=default", "--resume")
    second = listed(run)["crm"]

    assert (first["networks"], first["state"]) == (["192.0.2.0/24"], "suspended")
    assert first["limits"] == {"messages_per_day": 5, "recipients_per_hour": "unlimited"}
    assert (second["networks"], second["state"]) == ([], "active")
    assert second["limits"] == {"recipients_per_hour": "unlimited"}


def invoke(*arguments):
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("users", "set", "crm", "--any-network", "--network", "192.0.2.0/24"), "--network and --any-network"),
        (("users", "set", "crm", "--no-certificate", "--certificate", "AB"), "--certificate and --no-certificate"),
        (("users", "add", "x", "--sender", "@shop.example", "--no-password", "--certificate", "AB", "--password-stdin"), "--no-password"),
        (("users", "add", "x", "--sender", "@shop.example", "--no-password", "--certificate", "AB", "--password-file", "p"), "--no-password"),
        (("users", "rotate", "crm", "--grace", "0m"), "is not a time"),
        (("apply", "--drain-wait", "1h"), "--drain-wait"),
        (("apply", "--drain", "mx1", "--drain-wait", "0m"), "is not a time"),
        (("warmup", "pause", "--provider", "google", "--for", "0m"), "is not a time"),
        (("rollback", "--list", "--to", "3"), "--to"),
        (("rollback", "--list", "--yes"), "--yes"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("base")
def test_what_would_say_nothing_or_two_things_is_refused_before_anything_is_read(arguments, expected):
    done = invoke(*arguments)

    assert done.exit_code == 2
    assert expected in done.output


def test_a_store_that_is_not_there_stops_all_but_the_first_add(run, base):
    checked, shown = invoke("check"), run("list")
    done = run("add", "crm", "--sender", "@shop.example", "--password-file", "p")
    again = run("add", "app", "--sender", "@shop.example", "--password-file", "q")

    assert [it.exit_code for it in (checked, shown, done, again)] == [2, 2, 0, 0]
    for told in (checked, shown):
        assert "mail_fleet.users: no file inventories/../users.json" in told.output.replace(f"{base}/", "")
    assert "the store is new: " in done.output
    assert "the store is new" not in again.output
    assert invoke("check").exit_code == 0


def test_a_user_whose_domain_has_left_the_inventory_can_be_changed_and_removed(run, base):
    for login in ("crm", "app"):
        run("add", login, "--sender", "@shop.example", "--password-file", login)
    path = base / "users.json"
    path.write_text(path.read_text().replace("@shop.example", "@gone.example"))
    checked = invoke("check")
    suspended, changed, removed = (
        run("set", "app", "--suspend"),
        run("set", "app", "--sender", "@shop.example"),
        run("remove", "crm", "--yes"),
    )

    assert checked.exit_code == 2
    assert "@gone.example is of no domain" in checked.output
    assert "`postwright users set crm` or `users remove crm`" in checked.output
    assert [it.exit_code for it in (suspended, changed, removed)] == [0, 0, 0]
    assert invoke("check").exit_code == 0


def test_a_removed_user_is_gone_and_an_unknown_one_is_told_with_those_there_are(run):
    run("add", "crm", "--sender", "@shop.example", "--password-file", "p")
    unknown = run("rotate", "crn", "--password-file", "q")
    done = run("remove", "crm", "--yes")

    assert "no user 'crn' (there is: crm)" in unknown.output
    assert done.exit_code == 0
    assert "crm" not in listed(run)


def test_a_user_of_a_foreign_domain_is_refused_and_no_password_is_left_behind(run, base):
    done = run("add", "crm", "--sender", "@elsewhere.example", "--password-file", "p")

    assert done.exit_code == 2
    assert "@elsewhere.example is of no domain in mail_fleet.domains" in done.output
    assert not (base / "p").exists()
    assert not (base / "users.json").exists()


@pytest.mark.parametrize("text", ["messages_per_hour=0", "messages=5", "messages_per_hour=-1", "messages_per_hour"])
def test_a_limit_that_is_none_is_refused(run, text):
    done = run("add", "crm", "--sender", "@shop.example", "--password-file", "p", "--limit", text)

    assert done.exit_code == 2
    assert "names are messages_per_hour" in done.output


def test_an_inventory_without_a_store_is_told_what_to_add(run, base):
    path = base / "inventories/production.py"
    path.write_text(path.read_text().replace("mail[1]['mail_fleet']['users'] = '../users.json'", ""))
    done = run("add", "crm", "--sender", "@shop.example", "--password-file", "p")

    assert done.exit_code == 2
    assert '"users": "../users.json"' in done.output
