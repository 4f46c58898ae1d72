"""A plan that takes a key out of DNS while mail signed with it may be under way is unsafe, and says which."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support import host_data, mail_fleet, project

from postwright.dns.plan import Change, DnsPlan, ZonePlan
from postwright.keys.key import STATES, Key
from postwright.material import keyring_of
from postwright.rotation.endangered import lost_keys

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
NAME = "example.com"
NEEDED = {"confirmed", "active", "retiring"}


@pytest.fixture
def made(tmp_path):
    return project(tmp_path, host_data(fleet=mail_fleet()))


def key(selector="s1", state="active", **changes):
    return Key(selector, state, "rsa", 2048, f"{selector}AAA=", history={"generated": NOW, state: NOW}, **changes)


def record(p):
    return f'"v=DKIM1; k=rsa; p={p}"'


def change(it, new=(), name=None):
    """What takes a key out of DNS; ``new`` stands there then."""
    return Change(name or f"{it.selector}._domainkey.{NAME}", "TXT", 300, (record(it.p),), 300, new)


def told(made, then, *changes):
    return list(lost_keys(made, DnsPlan((ZonePlan(NAME, subtractive=changes),)), then))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("new", [(), (record(""),), (record("BBBB"),)], ids=["deleted", "revoked", "replaced"])
def test_a_key_that_mail_may_bear_is_not_taken_out_of_dns(made, state, new):
    found = told(made, {NAME: (key(state=state),)}, change(key(), new))
    expected = (
        f"s1._domainkey.example.com: the key there is {state}, and mail signed with it would fail; put its domain back into "
        "the inventory"
    )
    assert found == ([expected] if state in NEEDED else [])


def test_what_counts_is_the_key_after_the_plan_and_not_before(made):
    keyring_of(made).write(NAME, (key(state="retiring"),))
    assert told(made, {NAME: (key(state="revoked"),)}, change(key(), (record(""),))) == []


def test_the_keys_of_a_domain_the_plan_no_longer_knows_are_looked_up_in_the_keyring(made):
    keyring_of(made).write("gone.example", (key(state="retiring"),))
    (found,) = told(made, {NAME: ()}, change(key(), name="s1._domainkey.gone.example"))
    assert found.startswith("s1._domainkey.gone.example: the key there is retiring")


def test_a_compromised_key_may_go_and_so_may_one_nobody_knows(made):
    assert told(made, {NAME: (key(compromised=True),)}, change(key())) == []
    assert told(made, {NAME: (key("s2"),)}, change(key("s1"))) == []


def test_a_key_of_a_delegated_domain_is_looked_for_where_its_owner_leads_us(tmp_path):
    to = {"to": "customer.example.com", "selectors": ["s1"], "dmarc": False, "return_path": None}
    domains = [{"name": NAME}, {"name": "customer.example", "mx": "keep", "delegated": to}]
    made = project(tmp_path, host_data(fleet=mail_fleet(domains=domains)))
    lost = change(key(), name="s1._domainkey.customer.example.com")
    (found,) = told(made, {"customer.example": (key(),)}, lost)
    assert found.startswith("s1._domainkey.customer.example.com: the key there is active")
    gone = project(tmp_path, host_data(fleet=mail_fleet()))
    (found,) = told(gone, {"customer.example": (key(home=lost.name),)}, lost)
    assert found.startswith("s1._domainkey.customer.example.com: the key there is active")


def test_the_same_key_at_another_name_is_not_the_one_that_mail_bears(made):
    assert told(made, {NAME: (key(),)}, change(key(), name="s2._domainkey.example.com")) == []


def test_a_record_that_is_only_written_in_another_way_loses_no_key(made):
    again = change(key(), ('"v=DKIM1; h=sha256; p=" "s1AAA="',))
    assert told(made, {NAME: (key(),)}, again) == []


def test_other_records_that_go_are_no_danger_to_keys(made):
    other = replace(change(key()), name=NAME)
    assert told(made, {NAME: (key(),)}, other) == []
    assert told(made, {NAME: (key(),)}) == []


def test_all_keys_that_would_be_lost_are_told(made):
    then = {NAME: (key("s1"), key("s2", "retiring"), key("s3", "revoked"))}
    found = told(made, then, *(change(it) for it in then[NAME]))
    assert [line.partition(".")[0] for line in found] == ["s1", "s2"]


def test_a_key_taken_out_in_the_first_step_and_put_in_again_in_the_second_is_not_lost(made):
    out, back = change(key()), Change(f"s1._domainkey.{NAME}", "TXT", None, (), 300, (record(key().p),))
    plan = DnsPlan((ZonePlan(NAME, additive=(out,), subtractive=(back,)),))
    assert list(lost_keys(made, plan, {NAME: (key(),)})) == []
