"""What the lab's name server and resolver are told: parsed again by programs that know the formats."""

import dns.dnssec
import dns.name
import dns.reversename
import dns.rrset
import dns.zone
import pytest

from postwright.lab import certificates
from postwright.lab.content import render
from postwright.lab.layout import SIGNED_ZONES, Layout
from postwright.lab.zones import ds, trust_anchor, zones

LAYOUT = Layout.named("lab9")


@pytest.fixture(scope="module")
def keys():
    return {zone: certificates.private_pem(certificates.new_key()) for zone in SIGNED_ZONES}


@pytest.fixture(scope="module")
def served(keys):
    receiver = certificates.issue(certificates.authority(), "mx.bigmail.test")
    return zones(LAYOUT, keys, receiver.certificate_pem)


def parsed(served, name):
    zone = next(zone for zone in served if zone.name == name)
    return dns.zone.from_text(render("zone.j2", zone=zone), origin=f"{name}.", relativize=False)


def text(zone, name, kind):
    return [rdata.to_text() for rdata in zone.find_rdataset(dns.name.from_text(name), kind)]


def test_the_operators_zone_is_empty(served):
    zone = parsed(served, "shop.test")

    assert [name.to_text() for name in zone.nodes] == ["shop.test."]
    assert {rdataset.rdtype.name for rdataset in zone["shop.test."]} == {"SOA", "NS"}


def test_negative_answers_live_a_second(served):
    for zone in served:
        (soa,) = text(parsed(served, zone.name), f"{zone.name}.", "SOA")

        assert soa.split()[-1] == "1"


def test_the_parent_vouches_for_its_children(served, keys):
    assert text(parsed(served, "test"), "shop.test.", "DS") == [ds("shop.test", keys["shop.test"])]
    assert text(parsed(served, "test"), "ns.test.", "A") == ["10.78.9.53"]


def test_the_receiver_is_found_by_name_and_by_address(served):
    assert text(parsed(served, "bigmail.test"), "bigmail.test.", "MX") == ["10 mx.bigmail.test."]
    for zone, address in ((LAYOUT.v4_reverse_zone, "10.78.9.20"), (LAYOUT.v6_reverse_zone, "fd78:0:0:9::20")):
        assert text(parsed(served, zone), dns.reversename.from_address(address).to_text(), "PTR") == [
            "mx.bigmail.test."
        ]


def test_the_receiver_pins_its_key(served):
    (record,) = text(parsed(served, "bigmail.test"), "_25._tcp.mx.bigmail.test.", "TLSA")

    assert record.startswith("3 1 1 ")
    assert len(record.split()[-1]) == 64


def test_the_trust_anchor_is_the_key_of_the_top(keys):
    owner, _in, _type, data = trust_anchor(keys["test"]).split(maxsplit=3)
    key = dns.rrset.from_text(owner, 1, "IN", "DNSKEY", data)[0]

    assert dns.dnssec.make_ds(dns.name.from_text("test."), key, "SHA256").to_text() == ds("test", keys["test"])


def test_the_resolver_asks_our_server_for_our_zones_only(served):
    config = render(
        "unbound.conf.j2",
        v4="10.78.9.54", v6="fd78:0:0:9::54", authority="10.78.9.53", zones=served,
        trust_anchor="test. IN DNSKEY 257 3 13 AAAA", forwarders=["192.0.2.1"],
    )  # fmt: skip

    assert config.count("stub-addr: 10.78.9.53") == len(served)
    assert config.count("forward-addr: 192.0.2.1") == 1
    assert 'trust-anchor: "test. IN DNSKEY 257 3 13 AAAA"' in config


def test_a_machine_without_a_resolver_forwards_nowhere(served):
    config = render("unbound.conf.j2", v4="a", v6="b", authority="c", zones=served, trust_anchor="", forwarders=[])

    assert "forward-zone" not in config


def test_the_name_server_signs_what_is_signed(served):
    config = render("knot.conf.j2", v4="10.78.9.53", v6="fd78:0:0:9::53", tsig="c2VjcmV0", zones=served)

    assert config.count("dnssec-signing: on") == len(SIGNED_ZONES)
    assert config.count("- domain:") == len(served) == len(SIGNED_ZONES) + 2
