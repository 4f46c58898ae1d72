"""What a fleet wants in DNS, and that one address pair gives A, PTR and HELO that confirm each other."""

import os
from pathlib import Path

import pytest

from postwright.dns.records import desired, released, unmanaged_pointers, zone_for
from postwright.dns.zonefile import zonefile
from postwright.errors import InventoryError
from postwright.keys.public import PublicKey
from postwright.model import (
    Address,
    Bimi,
    Delegated,
    Dmarc,
    Domain,
    Fleet,
    Host,
    Keys,
    MtaSts,
    Rfc2136,
    SecretSource,
    Ssh,
    TlsFiles,
    Zone,
)

GOLDEN = Path(__file__).parent.parent / "golden"
ZONES = ("example.com", "example.net", "2.0.192.in-addr.arpa")


def host(name, *addresses, roles=("submission", "mx")):
    tls = TlsFiles(certificate=Path("cert.pem"), key=Path("key.pem"))
    pairs = [Address(ip=ip, helo=helo) for ip, helo in addresses]
    return Host(name=name, ssh=Ssh(hostname="192.0.2.1"), tls=tls, addresses=pairs, roles=roles)


def fleet(hosts, domains, zones=ZONES, **parts):
    return Fleet(
        hosts=hosts,
        domains=domains,
        zones=[Zone(name=name, provider="ns", ttl=3600 if name.endswith("arpa") else 300) for name in zones],
        providers={"ns": Rfc2136(server="192.0.2.53", key_name="k", secret=SecretSource(env="UNUSED"))},
        keys=Keys(directory=Path("keys"), passphrase=SecretSource(env="UNUSED")),
        postmaster="postmaster@example.com",
        **parts,
    )


@pytest.fixture
def example():
    """Two hosts, one with three addresses; a domain that is its own HELO name; reports to another organisation.

    Every kind of record: a name that is included, policies, a logo, a delegated domain in a zone held and one that is not.
    """
    one = host(
        "one",
        ("192.0.2.10", "mail1.example.com"),
        ("2001:db8::10", "mail1.example.com"),
        ("192.0.2.11", "mail1b.example.com"),
    )
    two = host("two", ("198.51.100.2", "example.net"), roles=("submission",))
    policy = Dmarc(
        policy="quarantine",
        subdomain_policy="reject",
        aggregate_reports=("dmarc+a!b@example.com", "rua@reports.example.net"),
        failure_reports=("ruf@elsewhere.example",),
        strict=True,
    )
    domains = [
        Domain(
            name="example.com",
            hosts=("one",),
            spf_all="-all",
            dmarc=policy,
            mta_sts=MtaSts(policy_host="policies.example.net"),
            tls_reports=("tls@example.com", "https://reports.example.net/tls"),
            bimi=Bimi(logo="https://example.com/logo.svg", certificate="https://example.com/mark.pem"),
        ),
        Domain(
            name="news.example.com", mx="null", spf_include="_spf.example.net", dmarc=Dmarc(policy="reject", test=True)
        ),
        Domain(name="example.net", hosts=("two",), mx="keep", dmarc=Dmarc(nonexistent_policy="reject")),
        Domain(name="customer.example", mx="keep", delegated=Delegated(to="customer.mail.example.net")),
        Domain(name="shop.example.com", mx="keep", delegated=Delegated(to="shop.mail.example.net", return_path=None)),
    ]
    parts = {"parked": ("old.example.net",), "certificate_authorities": ("letsencrypt.org",)}
    return fleet([one, two], domains, **parts)


KEYS = [
    PublicKey("example.com", "s1", "A" * 392),
    PublicKey("example.net", "s1", "B" * 736),
    PublicKey("customer.example", "pw1", "C" * 392),
]
DIGESTS = {"one": "d" * 64, "two": "e" * 64}


def test_the_zone_files_are_as_agreed(example):
    """All records of a fleet with every feature, as ``show`` prints them. POSTWRIGHT_UPDATE_GOLDEN=1 writes them anew."""
    records = desired(example, KEYS, DIGESTS)
    for zone in ZONES:
        text = zonefile(zone, [record for record in records if zone_for(example, record.name).name == zone])
        golden = GOLDEN / f"zone.{zone}.txt"
        if os.environ.get("POSTWRIGHT_UPDATE_GOLDEN"):
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8")


def test_order_and_outcome_do_not_depend_on_the_order_of_keys(example):
    assert desired(example, KEYS) == desired(example, KEYS[::-1])


def test_pointers_we_cannot_set_are_listed(example):
    assert [str(address.ip) for address in unmanaged_pointers(example)] == ["2001:db8::10", "198.51.100.2"]


def test_what_is_left_to_others_is_released(example):
    delegated = ("customer.example", "shop.example.com")
    assert released(example) == {("example.net", "MX"), *((name, kind) for name in delegated for kind in ("MX", "TXT"))}


def test_a_name_in_no_zone_is_an_error_that_says_what_to_add(example):
    with pytest.raises(InventoryError, match=r"s1._domainkey.example.org: lies in no zone; add its zone"):
        desired(example, [PublicKey("example.org", "s1", "AAAA")])
