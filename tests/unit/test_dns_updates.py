"""UPDATE messages and the words for what servers answer."""

import dns.exception
import dns.message
import dns.rcode
import dns.rrset
import dns.tsig

from postwright.dns.plan import Change, RRset
from postwright.dns.providers import answers
from postwright.dns.providers.rfc2136 import explain, updates

KEY = dns.tsig.Key("k.", b"0123456789abcdef", "hmac-sha256.")


def wire(*changes):
    return [
        dns.message.from_wire(message.to_wire(), keyring=KEY)
        for message in updates.messages("example.com", changes, KEY)
    ]


def test_prerequisites_name_the_whole_old_rrset_with_ttl_0():
    """A TTL there is a FORMERR (RFC 2136 §2.4.2), which is what dnspython's natural call sends."""
    (message,) = wire(Change("a.example.com", "TXT", 60, ('"1"', '"2"'), 60, ('"2"', '"3"')))
    assert [rrset.to_text() for rrset in message.prerequisite] == [
        'a.example.com. 0 IN TXT "1"',
        'a.example.com. 0 IN TXT "2"',
        "a.example.com. NONE CNAME",
        "a.example.com. NONE NS",
        "example.com. NONE DNAME",
    ]
    assert [rrset.to_text() for rrset in message.update] == [
        'a.example.com. 0 NONE TXT "1"',
        'a.example.com. 60 IN TXT "3"',
    ]


def test_creation_demands_that_nothing_is_there():
    (message,) = wire(Change("a.example.com", "A", None, (), 60, ("192.0.2.1",)))
    barriers = ["a.example.com. NONE CNAME", "a.example.com. NONE NS", "example.com. NONE DNAME"]
    assert [rrset.to_text() for rrset in message.prerequisite] == ["a.example.com. NONE A", *barriers]


def test_nothing_is_written_beside_a_cname_or_below_a_zone_cut_that_came_since():
    """Once for each name, whatever the number of changes; at the zone itself there are NS and can be no CNAME."""
    names = ["example.com", "k.d.example.com", "k.d.example.com"]
    (message,) = wire(*(Change(name, "TXT", None, (), 60, (f'"{at}"',)) for at, name in enumerate(names)))
    texts = [rrset.to_text() for rrset in message.prerequisite]
    assert [text for text in texts if "TXT" not in text] == [
        "k.d.example.com. NONE CNAME",
        "k.d.example.com. NONE NS",
        "d.example.com. NONE DNAME",
        "d.example.com. NONE NS",
        "example.com. NONE DNAME",
    ]
    (message,) = wire(Change("k.example.com", "CNAME", None, (), 60, ("x.example.net.",)))
    assert [rrset.to_text() for rrset in message.prerequisite] == [
        "k.example.com. NONE CNAME",
        "k.example.com. NONE NS",
        "example.com. NONE DNAME",
    ]


def test_new_ttl_deletes_the_rrset_and_adds_every_value_again():
    (message,) = wire(Change("a.example.com", "A", 60, ("192.0.2.1", "192.0.2.2"), 300, ("192.0.2.2",)))
    assert [rrset.to_text() for rrset in message.update] == [
        "a.example.com. ANY A",
        "a.example.com. 300 IN A 192.0.2.2",
    ]


def test_messages_are_cut_by_size_and_keep_the_order():
    value = " ".join(['"' + "x" * 250 + '"'] * 4)
    changes = [Change(f"n{number:03}.example.com", "TXT", None, (), 60, (value,)) for number in range(200)]
    messages = wire(*changes)
    assert len(messages) == 4
    assert [str(rrset.name) for message in messages for rrset in message.update] == [f"{c.name}." for c in changes]
    assert max(len(message.to_wire()) for message in updates.messages("example.com", changes, KEY)) < 65_535


def test_every_word_for_a_failure_says_what_to_do():
    failures = [
        dns.tsig.PeerBadKey(),
        dns.tsig.PeerBadSignature(),
        dns.tsig.BadSignature(),
        dns.tsig.PeerBadTime(),
        dns.tsig.PeerBadTruncation(),
        dns.exception.Timeout(),
        dns.exception.FormError(),
        EOFError("EOF"),
    ]
    texts = [explain.failed(error, "k") for error in failures]
    texts += [explain.query_refused(dns.rcode.SERVFAIL, "k"), explain.update_refused(dns.rcode.SERVFAIL, "k")]
    texts += [explain.query_refused(dns.rcode.REFUSED, "k"), explain.update_refused(dns.rcode.NOTZONE, "k")]
    texts += [explain.no_authority("a.example.com"), explain.unsigned("k"), explain.no_zone(None)]
    for text in texts:
        assert any(
            word in text for word in ("check", "compare", "run", "see its log", "split", "does not serve", "put")
        ), text


ZONE_SOA = "example.com. 60 IN SOA ns.example.com. h.example.com. 1 2 3 4 5"


def response(name, *, answer=(), authority=()):
    made = dns.message.make_response(dns.message.make_query(name, "TXT"))
    for section, lines in ((made.answer, answer), (made.authority, authority)):
        section += [dns.rrset.from_text(*line.split(" ", 4)) for line in lines]
    return made


def test_a_zone_is_told_by_the_soa_of_a_negative_answer_or_by_ns():
    assert answers.origin(response("a.example.com.", authority=[ZONE_SOA]), "a.example.com") == "example.com"
    ns = response("a.b.Example.com.", authority=["B.example.com. 60 IN NS ns.example.net."])
    assert answers.origin(ns, "a.b.example.com") == "b.example.com"
    assert answers.origin(response("a.example.com."), "a.example.com") is None


def test_what_an_alias_leads_to_tells_nothing_of_the_name_itself():
    """The authority section is then that of the target's zone."""
    alias = "a.example.com. 60 IN CNAME x.sub.a.example.com."
    soa = "sub.a.example.com. 60 IN SOA ns.example.com. h.example.com. 1 2 3 4 5"
    assert answers.origin(response("a.example.com.", answer=[alias], authority=[soa]), "a.example.com") is None


def test_a_referral_is_one_only_below_the_zone_itself():
    """NS of the zone, of one above it, or of a place the name is not in, refer to nothing below the zone."""
    for owner in ("example.com.", "com.", "other.example.com."):
        made = response("a.example.com.", authority=[f"{owner} 60 IN NS ns.example.net."])
        assert answers.referral(made, "a.example.com", "example.com") is None
    made = response("x.a.example.com.", authority=["a.example.com. 60 IN NS ns.example.net."])
    assert answers.referral(made, "x.a.example.com", "example.com") == RRset(
        "x.a.example.com", "NS", 60, ("ns.example.net.",)
    )
