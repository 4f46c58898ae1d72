"""The order services are brought up in: what deploys/ does is what SERVICES says, for a rollback goes by that."""

import ast
import inspect
from pathlib import Path

import pytest

from postwright.deploys import hardening, mail_host
from postwright.services import SERVICES

_STOPS = ("ssh", "acme")  # may fail for reasons outside: no second SSH connection, no certificate issued


def bodies():
    """Name → the statements of each function that is handed ``units``."""
    found = {}
    for module in (mail_host, hardening):
        tree = ast.parse(Path(inspect.getsourcefile(module)).read_text())
        found |= {it.name: it for it in tree.body if isinstance(it, ast.FunctionDef)}
    return found


def activated(function, functions):
    """The services a function activates, in the order it does: where it takes one out of ``units`` or calls who does."""
    for node in sorted(
        (it for it in ast.walk(function) if hasattr(it, "lineno")), key=lambda it: (it.lineno, it.col_offset)
    ):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "units":
            yield node.slice.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and any(it.arg == "units" for it in node.keywords)
        ):
            yield from activated(functions[node.func.id], functions)


@pytest.fixture
def order():
    functions = bodies()
    return list(activated(functions["mail_host"], functions))


def test_an_apply_activates_every_unit_in_the_order_of_services(order):
    assert order == [it.name for it in SERVICES if it.unit]


@pytest.mark.parametrize("asked", ["limits", "pacing", "mta-sts", "tls-gate", "opendkim", "opendkim-ed25519"])
def test_who_postfix_asks_is_there_before_what_may_fail_for_reasons_outside(order, asked):
    assert all(order.index(asked) < order.index(it) for it in _STOPS)
