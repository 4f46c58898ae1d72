"""Cloudflare's token: what it may do, what is said when it may not, and that it goes nowhere else."""

import logging
import os
import subprocess
import sys

import pytest
from provider.fake_cloudflare import FakeCloudflare
from provider.fake_cloudflare.scene import names_of, opened, published, refusal
from provider.fake_cloudflare.store import ALL, DNS_EDIT, DNS_READ, ZONE_READ

from postwright.errors import UsageError

pytestmark = pytest.mark.backends("cloudflare")


@pytest.mark.parametrize(
    ("scopes", "text"),
    [
        (ALL - {ZONE_READ}, "Zone / Zone / Read"),
        (ALL - {DNS_READ, DNS_EDIT}, "Zone / DNS / Read"),
    ],
)
def test_a_missing_permission_is_named(world, fake, scopes, text):
    token = fake.account.issue(scopes)
    said = refusal(world, world.plan, world.fleet(provider=world.provider(text=token)))
    assert said.startswith(f"zone {world.zone} at Cloudflare (provider ns): ")
    assert text in said


def test_a_token_that_may_only_read_fails_at_the_write(world, fake, zone):
    provider = opened(world, world.zone, provider={"text": fake.account.issue({ZONE_READ, DNS_READ})})
    said = refusal(world, provider.apply, world.zone, published(f"x.{world.zone}"))
    assert "Zone / DNS / Edit" in said
    assert f"x.{world.zone}" not in names_of(zone)


def test_an_unknown_token(world):
    said = refusal(world, world.plan, world.fleet(provider=world.provider(text="v1.0-mistyped")))
    assert "does not know the API token" in said
    assert "mistyped, expired or revoked" in said
    assert "v1.0" not in said


def test_a_token_of_several_lines_is_refused_and_not_shown(world):
    with pytest.raises(UsageError, match=r"provider ns: API token: file token is no token") as caught:
        world.plan(world.fleet(provider=world.provider(text="secret part\nand another")))
    assert "secret part" not in str(caught.value)


@pytest.mark.parametrize("given", [False, True])
def test_a_zone_that_is_not_there_is_an_error_and_never_made(world, fake, given):
    known = {"zone_id": "0" * 32} if given else {}
    provider = opened(world, "typo.example", **known)
    said = refusal(world, provider.read, "typo.example", [("typo.example", "TXT")])
    assert ("there is no zone of that id" if given else "is not among the zones this API token sees") in said
    assert not [call for call in fake.calls if call.method != "GET"]


@pytest.mark.parametrize("count", [0, 3])
def test_the_id_of_another_zone_is_noticed(world, fake, count):
    """Copied from the wrong page, it would have the wrong zone written to."""
    other = fake.account.add(f"wrong{count}.example")
    other.fill(count)
    provider = opened(world, world.zone, zone_id=other.id)
    said = refusal(world, provider.read, world.zone, [(world.zone, "TXT")])
    assert "zone_id is that of another zone" in said


def test_two_zones_of_one_name_need_an_id(world, fake):
    one = fake.account.add("twice.example")
    fake.account.add("twice.example")
    said = refusal(world, opened(world, "twice.example").read, "twice.example", [])
    assert "set zone_id in the inventory" in said
    opened(world, "twice.example", zone_id=one.id).read("twice.example", [])


@pytest.mark.parametrize("variable", ["CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY", "CLOUDFLARE_API_USER_SERVICE_KEY"])
def test_other_credentials_in_the_environment_are_not_sent(world, fake, monkeypatch, variable):
    """The SDK sends them instead of the token it was given."""
    monkeypatch.setenv(variable, "leaked")
    world.plan(world.fleet())
    assert fake.calls
    assert not [call for call in fake.calls if "leaked" in str(call.headers)]


def test_the_environment_neither_redirects_the_token_nor_replaces_its_header(world, fake, monkeypatch):
    elsewhere = FakeCloudflare()
    try:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", elsewhere.url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "another")
        monkeypatch.setenv("CLOUDFLARE_CUSTOM_HEADERS", "Authorization: Bearer another\nX-Auth-Email: leaked")
        world.plan(world.fleet())
    finally:
        elsewhere.stop()
    assert fake.calls
    assert not elsewhere.calls
    assert not [call for call in fake.calls if "another" in str(call.headers) or "leaked" in str(call.headers)]


def test_the_token_is_in_no_log(world, caplog):
    caplog.set_level(logging.DEBUG)
    world.apply(world.fleet())
    assert caplog.text
    assert not [token for token in world.backend.secrets if token in caplog.text]


def test_the_sdk_is_loaded_only_where_it_is_used():
    """105 MB of modules, and most of a second."""
    code = (
        "import postwright.dns.publish, postwright.dns.providers.cloudflare, sys; sys.exit('cloudflare' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
