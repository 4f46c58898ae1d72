"""What is wrong with an inventory file as such is told by its name, with status 2 and no traceback."""

import pytest

MX1 = (
    '("mx1", {"mail_host": {"addresses": [("192.0.2.1", "mx1.example.com")], "tls": {"certificate": "c", "key": "k"}}})'
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a = [{MX1}, 'mx1']", "a: host mx1 stands there 2 times; keep one entry"),
        (f"a = [{MX1}]\nb = [{MX1}]", "b: host mx1 has mail_host already in a"),
        ("a = (['mx1'], {'mail_fleet': {}})\nb = (['mx1'], {'mail_fleet': {}})", "b: mail_fleet is given already by a"),
        ("a = ('mx1', {'mail_fleet': {}})", "a: a group is a list of hosts, or a pair"),
        ("a = [{'mx1': {}}]", "a[0]: a host is a name, or a pair"),
        ("a = ()", "a: a group is a list of hosts"),
        ("a = (['mx1'], 5)", "a: a group is a list of hosts"),
        ("a = (5, {})", "a: a group is a list of hosts"),
        ("a = [('mx1',)]", "a[0]: a host is a name"),
        ("a = [('mx1', 5)]", "a[0]: a host is a name"),
        ("a = ['']", "a[0]: a host is a name"),
        ("import sys\nsys.exit(3)", "it ends the process"),
        ("def f(:", "invalid syntax"),
        ("a = ['@nosuch/x']", "Invalid connector: nosuch"),
        ("a = [('mx1', {'mail_host': {('t',): 1}})]", "host mx1: mail_host[\"('t',)\"]: unknown key"),
    ],
)
def test_a_file_that_makes_no_inventory_is_told(commands, empty, text, expected):
    run, _ = commands
    (empty / "broken.py").write_text(text)
    result = run("-i", "broken.py", "check")
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "broken.py" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_clash_of_groups_is_told_together_with_all_other_problems(commands, empty):
    run, _ = commands
    (empty / "broken.py").write_text(f"a = [{MX1}, 'mx1']\nb = (['mx1'], {{'mail_fleet': {{'postmaster': '?'}}}})")
    text = run("-i", "broken.py", "check").stderr
    assert "stands there 2 times" in text
    assert "mail_fleet.postmaster: '?'" in text


def test_an_inventory_is_executed_once(commands, empty):
    run, _ = commands
    (empty / "count.py").write_text("with open('count', 'a') as f: f.write('x')\n")
    run("-i", "count.py", "check")
    assert (empty / "count").read_text() == "x"


def test_a_set_of_roles_is_as_good_as_a_list(commands, project):
    run, _ = commands
    path = project / "inventories" / "with-a-set.py"
    text = (project / "inventories" / "production.py").read_text()
    path.write_text(text.replace('["submission", "mx"]', '{"submission", "mx"}'))
    try:
        assert run("-i", path, "check").exit_code == 0
    finally:
        path.unlink()
