"""UPDATE messages and the words for what servers answer."""

import dns.exception
import dns.message
import dns.rcode
import dns.tsig

from postwright.dns.plan import Change
from postwright.dns.providers import explain, updates

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
    ]
    assert [rrset.to_text() for rrset in message.update] == [
        'a.example.com. 0 NONE TXT "1"',
        'a.example.com. 60 IN TXT "3"',
    ]


def test_creation_demands_that_nothing_is_there():
    (message,) = wire(Change("a.example.com", "A", None, (), 60, ("192.0.2.1",)))
    assert [rrset.to_text() for rrset in message.prerequisite] == ["a.example.com. NONE A"]


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
    texts += [explain.no_authority("a.example.com", delegated=False)]
    for text in texts:
        assert any(word in text for word in ("check", "compare", "run", "see its log", "split", "does not serve")), text
