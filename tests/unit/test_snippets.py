"""What is printed to configure a provider with. Whether servers take it and keep to it is in tests/provider/test_granted.py."""

import pytest
from support import full_fleet

from postwright.dns.providers import snippets
from postwright.dns.providers.grants import Grant, grants
from postwright.dns.records import desired
from postwright.keys.public import PublicKey
from postwright.model import Cloudflare, Octodns, SecretSource, Zone, Zonefile

TOKEN = SecretSource(env="CF_TOKEN")


@pytest.fixture
def fleet(tmp_path):
    return full_fleet(tmp_path)


def with_provider(fleet, config, **zone):
    zones = tuple(Zone(name=it.name, provider="other", **zone) for it in fleet.zones)
    return fleet.model_copy(update={"providers": {"other": config}, "zones": zones})


def covers(grant, name):
    return name.partition(".")[2] == grant.name if grant.below else name == grant.name


def test_every_desired_record_is_granted_and_nothing_else_is(fleet):
    """Too little, and an apply fails half-way; too much, and a stolen key may do it."""
    records = desired(fleet, [])
    for zone, granted in grants(fleet, [], "ns1").items():
        mine = [record for record in records if fleet.zone_of(record.name).name == zone]
        for record in mine:
            assert [grant for grant in granted if covers(grant, record.name) and record.type in grant.types]
        for grant in granted:
            used = {record.type for record in mine if covers(grant, record.name)}
            assert set(grant.types) - used <= ({"TXT"} if grant.below else {"TLSA"})


def test_keys_to_come_are_granted_by_their_place(fleet):
    """A selector is new each time."""
    granted = grants(fleet, [PublicKey("example.com", "pw1", "AAAA")], "ns1")["example.com"]
    assert Grant("_domainkey.example.com", ("TXT",), below=True) in granted
    assert not [grant for grant in granted if "pw1" in grant.name]


def test_zones_of_other_providers_are_left_out(fleet):
    zones = tuple(
        zone.model_copy(update={"provider": "elsewhere"}) if zone.name == "example.org" else zone
        for zone in fleet.zones
    )
    assert list(grants(fleet.model_copy(update={"zones": zones}), [], "ns1")) == ["example.com"]


def test_zone_without_records_is_left_out(fleet):
    """An empty list of names or types is a syntax error to one server and "everything" to another."""
    zones = (*fleet.zones, Zone(name="empty.example", provider="ns1"))
    assert "empty.example" not in grants(fleet.model_copy(update={"zones": zones}), [], "ns1")


def test_servers_get_placeholders_and_every_zone(fleet):
    text = "\n".join(snippets.lines(fleet, [], "ns1"))
    assert text.count("secret: SECRET") == text.count('secret "SECRET"') == 1
    for zone in ("example.com", "example.org"):
        assert f"  - domain: {zone}\n    acl: postwright-{zone}" in text
        assert f'zone "{zone}" {{' in text
        assert f"pdnsutil set-meta {zone} TSIG-ALLOW-DNSUPDATE postwright" in text
    assert "file tsig" in text


def test_no_secret_is_read_or_asked_for(fleet, monkeypatch):
    """It is made to be pasted into tickets."""
    monkeypatch.setenv("CF_TOKEN", "hunter2")
    text = "\n".join(snippets.lines(with_provider(fleet, Cloudflare(kind="cloudflare", token=TOKEN)), [], "other"))
    assert "hunter2" not in text
    assert "variable CF_TOKEN" in text


def test_cloudflare_asks_for_reading_zones_only_where_an_id_is_missing(fleet):
    config = Cloudflare(kind="cloudflare", token=TOKEN)
    without = "\n".join(snippets.lines(with_provider(fleet, config), [], "other"))
    with_id = "\n".join(snippets.lines(with_provider(fleet, config, zone_id="0" * 32), [], "other"))
    assert "Zone - DNS - Edit" in without
    assert "Zone - DNS - Edit" in with_id
    assert "Zone - Zone - Read" in without
    assert "Zone - Zone - Read" not in with_id
    assert "example.org" in with_id


@pytest.mark.parametrize(
    "config", [Zonefile(kind="zonefile", directory="paste"), Octodns(kind="octodns", plugin="octodns_ovh.OvhProvider")]
)
def test_others_name_their_zones(fleet, config):
    text = "\n".join(snippets.lines(with_provider(fleet, config), [], "other"))
    assert "  example.com\n  example.org" in text
