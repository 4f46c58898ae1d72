"""What an apply does to keys is told as steps, each once, with why a new key is made."""

from dataclasses import replace
from datetime import UTC, datetime

from postwright.keys.key import Key
from postwright.keys.steps import KeyStep, steps

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OLD = Key("old", "active", "rsa", 2048, "AAAA", history={"active": NOW}, why="the first")
NEW = Key("new", "published", "ed25519", 256, "", "mx1", {"generated": NOW, "published": NOW}, why="asked for")


def test_a_new_key_is_a_step_with_its_reason():
    (step,) = steps({"example.com": (OLD,)}, {"example.com": (OLD, NEW)})
    assert step == KeyStep("example.com", "new", None, "published", "ed25519", 256, "mx1", "asked for")
    assert step.is_new


def test_a_key_that_comes_into_another_state_is_a_step():
    (step,) = steps({"example.com": (OLD,)}, {"example.com": (replace(OLD, state="retiring"),)})
    assert step == KeyStep("example.com", "old", "active", "retiring", "rsa", 2048, None)
    assert not step.is_new


def test_what_stays_as_it_is_is_no_step():
    assert steps({"example.com": (OLD, NEW)}, {"example.com": (OLD, NEW)}) == ()
    assert steps({}, {"example.com": ()}) == ()


def test_a_domain_that_had_no_key_begins_with_a_new_one():
    assert [step.is_new for step in steps({}, {"example.com": (NEW,)})] == [True]


def test_a_selector_that_comes_round_again_is_two_steps_of_two_keys():
    before = (replace(OLD, state="revoked"),)
    after = (replace(OLD, state="deleted"), replace(NEW, selector="old"))
    found = steps({"example.com": before}, {"example.com": after})
    assert [(it.selector, it.was, it.to) for it in found] == [("old", "revoked", "deleted"), ("old", None, "published")]


def test_the_steps_of_all_domains_are_told():
    then = {"a.example": (NEW,), "b.example": (replace(OLD, state="retiring"),)}
    assert [it.domain for it in steps({"b.example": (OLD,)}, then)] == ["a.example", "b.example"]
