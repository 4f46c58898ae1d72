"""Cloudflare's records as RRsets and back: lossless, and only where somebody asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.dns.canonical import canonical, txt_octets, txt_rdata, txt_strings
from postwright.dns.providers.cloudflare.records import fields, held, relevant, rrsets, txt_value, value_of

ZONE = "example.com"


def raw(name=ZONE, rdtype="TXT", content='"x"', **given):
    return {"id": f"{name}/{rdtype}/{content}", "name": name, "type": rdtype, "content": content, "ttl": 300} | given


def found(wanted, *records):
    return rrsets(ZONE, relevant(ZONE, records, wanted), wanted)


@pytest.mark.parametrize(
    ("content", "strings"),
    [
        ('"one"', (b"one",)),
        ('"one" "two"', (b"one", b"two")),
        ('"one""two"', (b"one", b"two")),
        ('"a\\"b\\\\c"', (b'a"b\\c',)),
        ('"\\255\\000"', (b"\xff\x00",)),
        ('"; no comment"', (b"; no comment",)),
        ('""', (b"",)),
        ("v=spf1 a -all", (b"v=spf1 a -all",)),
        ("bare \\ and ; stay", (b"bare \\ and ; stay",)),
        ('"never closed', (b'"never closed',)),
        ('"größe"', ("größe".encode(),)),
        ("x" * 300, (b"x" * 255, b"x" * 45)),
    ],
)
def test_a_text_is_the_octets_that_are_served(content, strings):
    assert txt_strings(txt_value(content)) == strings


@given(st.lists(st.binary(max_size=255), min_size=1, max_size=4))
def test_any_octets_and_cuts_survive_the_way_there_and_back(strings):
    value = txt_rdata(strings)
    assert txt_strings(txt_value(fields("TXT", value)["content"])) == tuple(strings)


@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=600))
def test_no_content_is_refused_and_reading_is_stable(content):
    value = txt_value(content)
    assert txt_value(fields("TXT", value)["content"]) == value


@pytest.mark.parametrize(
    ("rdtype", "value", "sent"),
    [
        ("A", "192.0.2.1", {"content": "192.0.2.1"}),
        ("AAAA", "2001:db8::1", {"content": "2001:db8::1"}),
        ("CNAME", "mail.example.net.", {"content": "mail.example.net"}),
        ("PTR", "mail.example.net.", {"content": "mail.example.net"}),
        ("MX", "10 mail.example.net.", {"content": "mail.example.net", "priority": 10}),
        ("MX", "0 .", {"content": ".", "priority": 0}),
        ("CAA", '0 issue "ca.example; a=b"', {"data": {"flags": 0, "tag": "issue", "value": "ca.example; a=b"}}),
        (
            "TLSA",
            "3 1 1 " + "00ff" * 16,
            {"data": {"usage": 3, "selector": 1, "matching_type": 1, "certificate": "00ff" * 16}},
        ),
    ],
)
def test_a_value_of_each_type_is_sent_in_its_fields_and_read_back_the_same(rdtype, value, sent):
    assert fields(rdtype, value) == sent
    assert canonical(rdtype, value_of({"type": rdtype, "content": "for people"} | sent)) == canonical(rdtype, value)


def test_records_of_one_key_become_one_rrset_with_ids_beside_the_values():
    one, two = raw(content='"one"'), raw(content='"two"')
    (rrset,) = found([(ZONE, "TXT")], one, two, raw(name="www.example.com"), raw(rdtype="MX"))
    assert dict(zip(rrset.values, rrset.ids, strict=True)) == {'"one"': one["id"], '"two"': two["id"]}


def test_what_nobody_asks_for_is_not_even_understood():
    strange = raw(rdtype="SVCB", content=None, ttl="?")
    assert found([(ZONE, "TXT")], strange) == ()


@pytest.mark.parametrize("wrong", [{"content": None}, {"ttl": None}, {"ttl": "?"}, {"content": "300.1.1.1"}])
def test_a_record_that_is_none_is_named(wrong):
    with pytest.raises(ValueError, match=r"A record 7 at example\.com"):
        found([(ZONE, "A")], raw(rdtype="A", content="192.0.2.1", id="7") | wrong)


def test_automatic_ttl_reads_as_the_300_seconds_it_is_served_with():
    (rrset,) = found([(ZONE, "TXT")], raw(ttl=1))
    assert rrset.ttl == 300


def test_our_records_beside_a_strangers_do_not_change_the_ttl():
    ours, stranger = raw(ttl=60, comment="postwright:main"), raw(content='"theirs"', ttl=86400)
    assert [it.ttl for it in found([(ZONE, "TXT")], stranger)] == [86400]
    assert [it.ttl for it in found([(ZONE, "TXT")], stranger, ours)] == [86400]
    assert [it.ttl for it in found([(ZONE, "TXT")], ours)] == [60]


def test_a_cname_at_a_wanted_name_is_shown():
    alias = raw("www.example.com", "CNAME", "other.example.net")
    (rrset,) = found([("www.example.com", "TXT")], alias)
    assert (rrset.type, rrset.values) == ("CNAME", ("other.example.net.",))


def test_a_flattened_cname_at_the_apex_is_in_the_way_of_addresses_alone():
    alias = raw(ZONE, "CNAME", "site.example.net")
    assert found([(ZONE, "TXT"), (ZONE, "MX")], alias) == ()
    assert [it.type for it in found([(ZONE, "A")], alias)] == ["CNAME"]


@pytest.mark.parametrize("name", ["child.example.com", "deep.child.example.com"])
def test_a_name_at_or_below_a_delegation_shows_the_childs_servers(name):
    cut = raw("child.example.com", "NS", "ns1.example.net")
    assert [(it.name, it.type, it.values) for it in found([(name, "TXT")], cut)] == [
        (name, "NS", ("ns1.example.net.",))
    ]
    assert len(found([(name, "TXT"), (name, "NS")], cut)) == 1
    assert found([("notchild.example.com", "TXT")], cut) == ()


def test_the_name_servers_of_the_zone_itself_are_no_delegation():
    assert found([(ZONE, "TXT")], raw(ZONE, "NS", "ns1.example.net")) == ()


def test_a_record_cloudflare_keeps_locks_its_rrset_and_says_what_to_do():
    (rrset,) = found([(ZONE, "MX")], raw(rdtype="MX", content="a.example", priority=1, meta={"read_only": True}))
    assert "Email Routing" in rrset.locked
    assert "unlock" in rrset.locked


def test_two_records_with_one_value_are_locked_for_one_cannot_be_told_from_the_other():
    (rrset,) = found([(ZONE, "TXT")], raw(content='"v=spf1 a"'), raw(content="v=spf1 a"))
    assert "delete one of them" in rrset.locked


def test_a_proxied_record_marks_its_rrset():
    (rrset,) = found([(ZONE, "A")], raw(rdtype="A", content="192.0.2.1", proxied=True, ttl=1))
    assert rrset.proxied


def test_names_are_compared_in_lower_case():
    assert held(raw("WWW.Example.COM.")).name == "www.example.com"


def test_octets_beyond_ascii_are_escaped_when_they_are_sent():
    sent = fields("TXT", txt_value('"größe"'))["content"]
    assert sent.isascii()
    assert txt_octets(sent) == "größe".encode()
