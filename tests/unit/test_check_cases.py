"""What checks run on, without any host."""

import ast
import inspect
from pathlib import Path

import pytest
from everything import FLEETS
from support import full_fleet

from postwright import checks
from postwright.checks import conftest
from postwright.checks.cases import cases

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
