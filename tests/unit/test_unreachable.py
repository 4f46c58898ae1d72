"""A host that nobody can ask: unknown is not "nothing to do", and stops the others only where it has a say."""

import pytest

from postwright import apply
from postwright.cli.plan_text import print_plan
from postwright.dns.plan import DnsPlan
from postwright.errors import DeployError
from postwright.hosts.plan import HostPlan
from postwright.hosts.planning import Planned
from postwright.hosts.remote import look
from postwright.plan import FleetPlan
from postwright.terms import Terms

GONE = "host mx1: cannot connect to root@192.0.2.10:22: timed out"
PLAN = HostPlan("mx2", (), (), ())


def test_a_plan_without_a_host_does_not_say_that_all_is_well(capsys):
    print_plan(FleetPlan((), DnsPlan(()), (PLAN,), unreachable=(GONE,)))

    printed = capsys.readouterr().out
    assert f"unknown: {GONE}" in printed
    assert "Nothing to do elsewhere." in printed
    assert "as the inventory says" not in printed


def test_a_host_that_has_no_say_stops_nobody():
    apply._require_enough(Planned((PLAN,), {"mx1": GONE}), Terms(), more=False)
    apply._require_enough(Planned((PLAN,), {}), Terms(drain="mx1"), more=True)


@pytest.mark.parametrize(
    ("planned", "terms", "more"),
    [
        (Planned((), {"mx1": GONE}), Terms(), False),
        (Planned((PLAN,), {"mx1": GONE}), Terms(canary="mx1"), False),
        (Planned((PLAN,), {"mx1": GONE}), Terms(drain="mx1"), False),
        (Planned((PLAN,), {"mx1": GONE}), Terms(undrain="mx1"), False),
        (Planned((PLAN,), {"mx1": GONE}), Terms(), True),
    ],
)
def test_where_it_has_a_say_no_host_is_changed_and_it_is_named(planned, terms, more):
    with pytest.raises(DeployError) as refused:
        apply._require_enough(planned, terms, more=more)

    assert str(refused.value).startswith(GONE)
    assert "no host was changed" in str(refused.value)


@pytest.mark.parametrize("lacking", ["root", "systemd"])
def test_of_a_host_that_is_not_fit_only_that_is_asked_for(monkeypatch, lacking):
    said = {"root": True, "systemd": True, lacking: False}
    monkeypatch.setattr(look, "system", lambda: said)

    found = look.look({"system": True, "services": [{"name": "x", "unit": "x"}], "files": ["/root/x"]})

    assert found == {"system": said, "listeners": {}, "foreign": {}}
