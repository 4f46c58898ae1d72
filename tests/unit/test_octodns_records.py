"""octoDNS's records as RRsets and back, by octoDNS's own classes."""

import pytest
from octodns.record import Record
from octodns.zone import Zone

from postwright.dns.canonical import same
from postwright.dns.plan import Change
from postwright.dns.providers.octodns.records import Held, edit
from postwright.errors import ProviderError

KEY = '"v=DKIM1; h=sha256; k=rsa; s=email; p=' + "A" * 217 + '" "' + "A" * 175 + '"'


def held(*records):
    zone = Zone("example.com.", [])
    for name, data in records:
        zone.add_record(Record.new(zone, name, {"ttl": 300} | data, lenient=True), lenient=True)
    return Held("example.com", zone)


@pytest.mark.parametrize(
    ("rdtype", "values"),
    [
        ("A", ("192.0.2.1", "192.0.2.2")),
        ("AAAA", ("2001:db8::1",)),
        ("CNAME", ("www.example.net.",)),
        ("MX", ("0 .",)),
        ("MX", ("10 mx1.example.com.", "20 mx2.example.net.")),
        ("PTR", ("mail.example.com.",)),
        ("TXT", ('"v=DMARC1; p=none; rua=mailto:a@example.com"', '""')),
        ("TXT", (KEY,)),
        ("TLSA", ("3 1 1 " + "ab" * 32,)),
        ("CAA", ('0 issue "letsencrypt.org"', '128 iodef "mailto:a@example.com"', '0 issue ";"')),
    ],
)
def test_every_type_we_publish_goes_in_and_comes_back(rdtype, values):
    there = held()
    edit(there.zone, there, Change("mail.example.com", rdtype, None, (), 120, values))
    (found,) = Held("example.com", there.zone).at("mail.example.com", rdtype)
    assert (found.ttl, found.locked) == (120, "")
    assert same(found.values, values, rdtype)


@pytest.mark.parametrize(
    "values",
    [('"back\\\\slash"',), ('"a \\"b\\""',), ('"\\195\\188"',), ('"\\255"',)],
    ids=["backslash", "quote", "utf-8", "byte"],
)
def test_what_octodns_cannot_carry_is_not_written(values):
    there = held()
    with pytest.raises(ProviderError, match=r"zone example.com: example.com TXT: nothing was written: .*by hand"):
        edit(there.zone, there, Change("example.com", "TXT", None, (), 120, values))
    assert not there.zone.records


def test_semicolons_are_neither_lost_nor_doubled():
    (found,) = held(("", {"type": "TXT", "values": ["a\\; b\\;c", "d"]})).at("example.com", "TXT")
    assert (found.values, found.locked) == (('"a; b;c"', '"d"'), "")


def test_rules_that_choose_an_answer_lock_it():
    """Writing values would end them."""
    data = {
        "type": "A",
        "values": ["192.0.2.1"],
        "dynamic": {"pools": {"one": {"values": [{"value": "192.0.2.1"}]}}, "rules": [{"pool": "one"}]},
    }
    (found,) = held(("mail", data)).at("mail.example.com", "A")
    assert "rules that choose an answer" in found.locked


def test_what_octodns_knows_besides_values_stays_with_a_record():
    there = held(("mail", {"type": "A", "values": ["192.0.2.1"], "octodns": {"healthcheck": {"path": "/up"}}}))
    desired = there.zone.copy()
    edit(desired, there, Change("mail.example.com", "A", 300, ("192.0.2.1",), 300, ("192.0.2.2",)))
    (record,) = desired.records
    assert (record.values, record.healthcheck_path) == (["192.0.2.2"], "/up")


@pytest.mark.parametrize("name", ["child.example.com", "mail.child.example.com", "a.b.child.example.com"])
def test_a_name_at_or_below_a_delegation_shows_the_childs_servers(name):
    there = held(
        ("child", {"type": "NS", "values": ["ns1.example.net."]}), ("", {"type": "NS", "values": ["ns.example.com."]})
    )
    (found,) = there.at(name, "TXT")
    assert (found.name, found.type, found.values) == (name, "NS", ("ns1.example.net.",))
    assert list(there.at("grandchild.example.com", "TXT")) == []


def test_a_cname_comes_along():
    (found,) = held(("_dmarc", {"type": "CNAME", "value": "_dmarc.example.net."})).at("_dmarc.example.com", "TXT")
    assert (found.type, found.values) == ("CNAME", ("_dmarc.example.net.",))


def test_a_removal_leaves_the_rest():
    there = held(
        ("", {"type": "TXT", "value": "a"}), ("", {"type": "MX", "value": {"preference": 1, "exchange": "a."}})
    )
    desired = there.zone.copy()
    edit(desired, there, Change("example.com", "TXT", 300, ('"a"',), 300, ()))
    assert [record._type for record in desired.records] == ["MX"]
