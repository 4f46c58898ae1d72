"""What checks run on, without any host."""

import ast
import inspect
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from everything import FLEETS
from support import full_fleet, project
from testinfra.backend.base import CommandResult

from postwright import checks
from postwright.checks import conftest, test_firewall, test_hardening
from postwright.checks.cases import cases
from postwright.checks.unknown import UnknownError
from postwright.services import upgrades

BUILT_IN = {"request"}


def arguments():
    """Every argument of every check, with the check's name."""
    for path in sorted(Path(checks.__file__).parent.glob("test_*.py")):
        tree = ast.parse(path.read_text())
        own = {it.name for it in tree.body if isinstance(it, ast.FunctionDef)}
        for it in tree.body:
            if isinstance(it, ast.FunctionDef) and it.name.startswith("test_"):
                given = {
                    name
                    for call in it.decorator_list
                    for name in ast.walk(call)
                    if isinstance(name, ast.Constant) and isinstance(name.value, str)
                }
                words = {word.strip() for name in given for word in name.value.split(",")}
                yield from ((it.name, argument.arg) for argument in it.args.args if argument.arg not in words | own)


@pytest.mark.parametrize(("check", "argument"), [*arguments()])
def test_every_argument_of_a_check_is_a_fixture_or_stands_for_parts_of_the_fleet(tmp_path, check, argument):
    fixtures = {name for name, _ in inspect.getmembers(conftest)} | BUILT_IN
    assert (argument in fixtures) != (cases(full_fleet(tmp_path), argument) is not None), check


@pytest.mark.parametrize("made", FLEETS)
def test_what_checks_run_on_is_told_apart_by_its_name(tmp_path, made):
    fleet = made(tmp_path)
    for argument in {argument for _, argument in arguments()}:
        names = [name for _, name in cases(fleet, argument) or ()]
        assert len(names) == len(set(names)), argument


def test_there_is_a_fleet_in_which_each_argument_of_a_check_stands_for_something(tmp_path):
    """Else nobody would notice that a check never runs."""
    fleets = [made(tmp_path) for made in FLEETS]

    for argument in {argument for _, argument in arguments()}:
        found = [cases(fleet, argument) for fleet in fleets]
        assert found[0] is None or any(found), argument


def speaking(tree):
    """The functions of a module that speak SMTP to a host from outside, or use one that does."""
    text = {it.name: ast.unparse(it) for it in tree.body if isinstance(it, ast.FunctionDef)}
    found = {
        name for name, said in text.items() if re.search(r"smtp\.(connected|submission)\(|connecting\(\w+, 25\)", said)
    }
    while more := {name for name, said in text.items() if any(re.search(rf"\b{it}\(", said) for it in found)} - found:
        found |= more
    return {it.name: {arg.arg for arg in it.args.args} for it in tree.body if getattr(it, "name", "") in found}


def test_no_check_speaks_smtp_to_a_drained_host():
    checked = {}
    for path in Path(checks.__file__).parent.glob("test_*.py"):
        checked |= {name: given for name, given in speaking(ast.parse(path.read_text())).items() if name[:5] == "test_"}

    assert len(checked) > 15
    assert [name for name, given in checked.items() if not given & {*conftest._INTAKE, "drained"}] == []


@pytest.mark.parametrize(
    ("version", "said", "outcome"),
    [
        (4, "refused", None),
        (4, "let out ([Errno 113] No route to host)", AssertionError),
        (4, "no way ([Errno 101] Network is unreachable)", UnknownError),
        (6, "no way ([Errno 101] Network is unreachable)", None),
        (6, "let out", AssertionError),
    ],
)
def test_port_25_of_others_is_not_called_open_where_there_is_no_way_to_them(tmp_path, version, said, outcome):
    host = project(tmp_path).fleet.hosts[0]  # of IPv4 alone

    with nullcontext() if outcome is None else pytest.raises(outcome):
        test_firewall._assert_refused(host, version, "nobody", said)


def test_a_try_of_port_25_says_a_word_for_each_ip_version():
    # In a network that is empty, for nothing of a unit test is to leave this machine.
    alone = ["unshare", "--map-root-user", "--net", sys.executable, "-c", test_firewall._NOT_POSTFIX]
    said = subprocess.run(alone, check=True, capture_output=True, text=True)

    assert [re.match(r"refused|no way \(|let out", line) is not None for line in said.stdout.splitlines()] == [True] * 2


@pytest.mark.parametrize(
    ("ages", "outcome"),
    [
        ({"update": 0.5, "upgrade": 1.2, "asked": 90}, None),
        ({"update": 9, "upgrade": 1.2, "asked": 90}, AssertionError),
        ({"update": 1, "asked": 90}, AssertionError),
        ({"asked": 0.1}, pytest.skip.Exception),
    ],
)
def test_updates_that_no_longer_come_are_seen_by_the_age_of_the_last(ages, outcome):
    files = dict(zip((*upgrades.STAMPS, upgrades.PERIODIC), ("update", "upgrade", "asked"), strict=True))

    class There:
        name = "mx1"

        def run(self, command):
            age = next((ages.get(name) for path, name in files.items() if path in command), None)
            said = (
                "active"
                if "is-active" in command
                else f"1000000000 - {'' if age is None else round(1e9 - age * 86_400)}"
            )
            return CommandResult(None, 0, b"", said, "")

    with nullcontext() if outcome is None else pytest.raises(outcome):
        test_hardening.test_security_updates_come(There(), lambda host: host)
