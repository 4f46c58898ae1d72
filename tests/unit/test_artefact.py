"""A saved plan comes back as it was made, or not at all."""

import json

import pytest

from postwright import artefact
from postwright.dns.plan import Change, Conflict, DnsPlan, ZonePlan
from postwright.dns.records import Record
from postwright.errors import UnsafePlan, UsageError
from postwright.hosts.plan import FileChange, HostPlan
from postwright.keys.steps import KeyStep
from postwright.plan import FleetPlan

OCTETS = r'"\255\254\000" "back\\slash \"quoted\""'


@pytest.fixture
def saved():
    change = Change("example.com", "TXT", 777, (OCTETS,), 777, (OCTETS, '"v=spf1 -all"'), ids=("a1",))
    zone = ZonePlan(
        "example.com",
        (change,),
        (Change("a.example.com", "A", 300, ("192.0.2.1",), 300, ()),),
        (Conflict("x.example.com", "TXT", ('"there"',), (), ('"ours"',), "because"),),
        (Record("a.example.com", "A", 300, "192.0.2.1"),),
        (Record("example.com", "TXT", 777, '"v=spf1 -all"', shared=True),),
        dangers=("too much",),
    )
    host = HostPlan("mx1", ("postfix",), (FileChange("/etc/x", "changed", ("-a", "+b")),), ("Postfix",))
    keys = (
        KeyStep("example.com", "pw2", None, "published", "rsa", 2048, None, "the first"),
        KeyStep("example.com", "pw1", "active", "retiring", "ed25519", 256, "mx1"),
    )
    plan = FleetPlan(keys, DnsPlan((zone,), ("note",)), (host,))
    return artefact.SavedPlan("production.py", "2026-11-22T06:30:00+00:00", True, False, plan)


def test_what_comes_back_is_what_went_in(saved, tmp_path):
    artefact.save(tmp_path / "plan.json", saved)
    assert artefact.load(tmp_path / "plan.json") == saved


def test_a_file_that_was_changed_is_refused(saved, tmp_path):
    path = tmp_path / "plan.json"
    artefact.save(path, saved)
    path.write_text(path.read_text().replace("192.0.2.1", "192.0.2.2"))
    with pytest.raises(UsageError, match=r"plan.json: was changed after it was made"):
        artefact.load(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"sha256": 1, "format": 1}', "\x00", '{"sha256": "x"}'])
def test_what_is_no_plan_is_refused_with_its_path(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UsageError, match=r"plan\.json: "):
        artefact.load(tmp_path / "plan.json")


def test_a_plan_for_what_must_never_change_is_refused(saved, tmp_path):
    """Even with a hash that fits: somebody may make one."""
    path = tmp_path / "plan.json"
    artefact.save(path, saved)
    body = json.loads(path.read_text())
    body["plan"]["dns"]["zones"][0]["additive"][0]["type"] = "NS"
    del body["sha256"]
    path.write_text(json.dumps({**body, "sha256": artefact._digest(body)}))
    with pytest.raises(UsageError, match="is not a plan"):
        artefact.load(path)


def test_a_plan_that_no_longer_holds_says_what_differs(saved):
    (zone,) = saved.plan.dns.zones
    moved = FleetPlan(saved.plan.keys, DnsPlan((ZonePlan(zone.zone, zone.additive),)), ())
    with pytest.raises(UnsafePlan, match=r"(?s)host mx1.*zone example.com.*make the plan anew") as caught:
        artefact.require_same(saved, moved, "production.py")
    assert "  keys" not in str(caught.value)


def test_notes_are_no_difference(saved):
    """A time-out of a resolver is no change of the world."""
    (zone,) = saved.plan.dns.zones
    artefact.require_same(
        saved, FleetPlan(saved.plan.keys, DnsPlan((zone,), ("timed out",)), saved.plan.hosts), "production.py"
    )


def test_applied_plans_are_kept_newest_last_and_not_for_ever(saved, tmp_path):
    kept = [artefact.keep(tmp_path, saved) for _ in range(53)]
    assert artefact.applied(tmp_path) == kept[-50:]
    assert artefact.last_applied(tmp_path) == kept[-1]


def test_without_an_applied_plan_undo_says_so(tmp_path):
    with pytest.raises(UsageError, match="no plan was applied from here yet"):
        artefact.last_applied(tmp_path)


def test_a_plan_of_another_inventory_is_refused(saved):
    """Staging may look just like production."""
    with pytest.raises(UsageError, match=r"the plan is of production\.py, not of staging\.py"):
        artefact.require_same(saved, saved.plan, "staging.py")
