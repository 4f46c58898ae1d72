"""Rule 4 as a property: whatever strangers have at our names, and whatever we do there, their values are as they were.

How many examples: the hypothesis profile says (``HYPOTHESIS_PROFILE=nightly``: 10,000).
"""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from zone_in_memory import APEX, KEY, NOBODY, Memory, foreign_spf, other, spf_record

from postwright.dns import spf
from postwright.dns.canonical import txt_octets
from postwright.dns.plan import RRset
from postwright.dns.record import Record
from postwright.dns.spf import join as spf_join

HOST, POLICY, STS = f"mail.{APEX}", f"_dmarc.{APEX}", f"mta-sts.{APEX}"
FOREIGN_TTL = 777
NULL_MX = Record(APEX, "MX", 300, "0 .", shared=True)
INCLUDE = Record(APEX, "TXT", 300, spf.render(["include:spf.example.net", "~all"]), shared=True)

# What only strangers write, by where it may stand.
POOL = {
    (APEX, "MX"): ["10 Other.Example.NET.", "20 mail.vendor.test."],
    (HOST, "CAA"): ['0 issue "Other.test"', '0 iodef "mailto:CA@x.test"', '128 issuewild ";"'],
    (HOST, "A"): ["203.0.113.1", "203.0.113.2"],
    (KEY, "TXT"): ['"v=DKIM1; p=" "foreign"', r'"\255\000"'],
    (POLICY, "TXT"): ['"v=DMARC1;p=reject"'],
    (STS, "A"): ["203.0.113.3"],
    (STS, "CNAME"): ["vendor.test."],
    (POLICY, "CNAME"): ["Policy.vendor.test."],
    (STS, "TXT"): ['"theirs"'],
}
OURS = [
    Record(APEX, "MX", 300, "10 mail.example.com.", shared=True),
    NULL_MX,
    Record(APEX, "TXT", 300, '"ours=1"', shared=True),
    Record(HOST, "CAA", 300, '0 issue "ca.test"', shared=True),
    Record(HOST, "CAA", 300, '0 issue "second.test"', shared=True),
    Record(HOST, "A", 300, "192.0.2.1"),
    Record(HOST, "A", 60, "192.0.2.2"),
    Record(KEY, "TXT", 300, '"v=DKIM1; p=AAAA"'),
    Record(KEY, "CNAME", 300, "k1.example.net."),
    Record(POLICY, "TXT", 300, '"v=DMARC1; p=none"'),
    Record(POLICY, "CNAME", 300, "p.example.net."),
    Record(STS, "CNAME", 300, "policy.example.net."),
    Record(f"_25._tcp.{HOST}", "TLSA", 300, f"3 1 1 {'ab' * 32}"),
    Record(f"_25._tcp.{HOST}", "TLSA", 300, f"3 1 1 {'cd' * 32}"),
]
senders = (
    st.sampled_from([None, NOBODY, INCLUDE])
    | st.sets(st.integers(1, 4)).map(lambda numbers: spf_record(*sorted(numbers)))
)  # fmt: skip
strange_spf = foreign_spf().filter(lambda value: txt_octets(value) != b"v=spf1 -all")  # that one would be ours as well
strange_txt = other.filter(lambda value: txt_octets(value) != b"ours=1")


@dataclass(frozen=True)
class Stage:
    """What the inventory says next, who else writes in between, and whether the run is killed after its first step."""

    desired: tuple[Record, ...]
    added: str | None
    killed: bool


@st.composite
def stages(draw):
    sender = draw(senders)
    chosen = draw(st.lists(st.sampled_from(OURS), unique=True))
    if NULL_MX in chosen:  # the inventory says one or the other
        chosen = [record for record in chosen if record.type != "MX" or record == NULL_MX]
    return Stage((*chosen, *([sender] if sender else [])), draw(st.none() | strange_txt), draw(st.booleans()))


@st.composite
def strangers(draw):
    """RRsets of others: any octets in TXT, any number of SPF records, and nothing beside a CNAME."""
    found = {}
    for key, values in POOL.items():
        if draw(st.booleans()) and not any(name == key[0] and "CNAME" in (rdtype, key[1]) for name, rdtype in found):
            found[key] = tuple(draw(st.lists(st.sampled_from(values), min_size=1, unique=True)))
    records = draw(st.lists(strange_spf, max_size=3, unique_by=txt_octets))
    if texts := (*draw(st.lists(strange_txt, max_size=3, unique=True)), *records):
        found[APEX, "TXT"] = texts
    return tuple(RRset(*key, FOREIGN_TTL, values) for key, values in found.items())


class Foreign(Memory):
    """The zone, and what of it is not ours."""

    def __init__(self, *rrsets):
        super().__init__(*rrsets)
        self.theirs = {key: list(rrset.values) for key, rrset in self.rrsets.items()}

    def write(self, value):
        """Somebody adds a TXT value at the apex, unless it is there."""
        there = self.rrsets.get((APEX, "TXT"), RRset(APEX, "TXT", 300, ()))
        if value not in there.values:
            self.rrsets[APEX, "TXT"] = RRset(APEX, "TXT", there.ttl, (*there.values, value))
            self.theirs.setdefault((APEX, "TXT"), []).append(value)

    def run(self, stage):
        """Plan and apply, without what is in conflict: an operator takes that out of the inventory."""
        desired, plan = stage.desired, self.plan(*stage.desired, consolidate=True)
        while plan.conflicts:
            refused = {(conflict.name, conflict.type) for conflict in plan.conflicts}
            assert refused & {(record.name, record.type) for record in desired}, plan.conflicts
            desired = tuple(record for record in desired if (record.name, record.type) not in refused)
            plan = self.plan(*desired, consolidate=True)
        self.base = tuple({*plan.base, *plan.ours})
        self.do(plan.additive)
        self.joined(desired)
        if not stage.killed:
            self.do(plan.subtractive)
            self.base = plan.ours
            assert self.plan(*desired, consolidate=True).is_empty

    def joined(self, desired):
        """Once we want SPF here and nothing is in its way, the strangers' records are one."""
        values = self.theirs.get((APEX, "TXT"), [])
        records = [value for value in values if spf.is_spf(value)]
        if len(records) > 1 and any(spf.is_spf(record.rdata) for record in desired if record.type == "TXT"):
            self.theirs[APEX, "TXT"] = [value for value in values if not spf.is_spf(value)]
            self.theirs[APEX, "TXT"].append(spf_join.join(sorted(records)))

    def check(self):
        for key, values in self.theirs.items():
            there = self.values(*key)
            for value in values:
                assert value in there or (spf.is_spf(value) and self.holds(value, there)), (key, value, there)

    def holds(self, value, there):
        """Ours stand between the version and the stranger's octets."""
        (merged,) = (text for text in there if spf.is_spf(text))
        return txt_octets(merged).endswith(txt_octets(value)[len(b"v=spf1") :])


@given(strangers(), st.lists(stages(), max_size=4))
def test_every_foreign_value_is_byte_for_byte_what_it_was(foreign, sequence):
    """Published, changed, cut short, removed: in the end the zone is what the strangers made of it, TTL included."""
    zone = Foreign(*foreign)
    for stage in sequence:
        if stage.added:
            zone.write(stage.added)
        zone.run(stage)
        zone.check()
    zone.run(Stage((), None, killed=False))
    assert {key: sorted(rrset.values) for key, rrset in zone.rrsets.items()} == {
        key: sorted(values) for key, values in zone.theirs.items()
    }
    for rrset in foreign:
        assert zone.rrsets[rrset.name, rrset.type].ttl == FOREIGN_TTL
