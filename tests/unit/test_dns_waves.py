"""What others lead into is published first, across zones and inside one."""

import pytest

from postwright.dns.diff import Three, diff
from postwright.dns.plan import Change, ZonePlan
from postwright.dns.records import Record
from postwright.dns.waves import leaders

HOLD, CUSTOMER = "hold.example", "customer.example"
TARGET = Change("_spf.hold.example", "TXT", None, (), 300, ('"v=spf1 ip4:192.0.2.1 -all"',))


def adds(rdtype, value, old=()):
    return Change(CUSTOMER, rdtype, 300 if old else None, old, 300, (value,))


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (adds("TXT", '"v=spf1 include:_SPF.hold.example. ~all"'), {HOLD}),
        (adds("CNAME", "_spf.hold.example."), {HOLD}),
        (adds("MX", "10 _spf.hold.example."), {HOLD}),
        (adds("TXT", '"v=spf1 include:other.example ~all"'), set()),
        (adds("TXT", '"v=spf1 include:%{d}._spf.hold.example ~all"'), set()),
        (adds("TXT", '"include:_spf.hold.example"'), set()),
    ],
    ids=["include", "cname", "mx", "elsewhere", "macro", "no spf"],
)
def test_the_zone_that_is_led_into_comes_first(change, first):
    assert leaders([ZonePlan(CUSTOMER, (change,)), ZonePlan(HOLD, (TARGET,))]) == first


def test_what_was_there_before_leads_nobody():
    """Only what is put in may be a dead end; and a zone need not wait for itself."""
    stays = '"v=spf1 include:_spf.hold.example ~all"'
    change = Change(CUSTOMER, "TXT", 300, (stays,), 300, (stays, '"site=1"'))
    assert not leaders([ZonePlan(CUSTOMER, (change,)), ZonePlan(HOLD, (TARGET,))])
    own = Change("hold.example", "MX", None, (), 300, ("10 _spf.hold.example.",))
    assert not leaders([ZonePlan(HOLD, (own, TARGET))])


def test_inside_a_zone_the_target_comes_before_what_leads_to_it():
    records = (
        Record(HOLD, "TXT", 300, '"v=spf1 include:_spf.hold.example ~all"', shared=True),
        Record("_spf.hold.example", "TXT", 300, '"v=spf1 ip4:192.0.2.1 -all"', shared=True),
        Record("mail.hold.example", "A", 300, "192.0.2.1"),
    )
    plan = diff(HOLD, Three((), (), records))
    assert [change.name for change in plan.additive] == ["mail.hold.example", "_spf.hold.example", HOLD]
