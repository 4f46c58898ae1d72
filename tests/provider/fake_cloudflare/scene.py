"""What an operator of a test has at hand: a provider, a change, an error's text, and a clock that stands still."""

from itertools import count
from pathlib import Path

import pytest
from provider.conftest import World
from provider.fake_cloudflare.server import FakeCloudflare

from postwright.dns.plan import Change
from postwright.dns.providers import provider_of
from postwright.errors import PostwrightError
from postwright.model import Zone

RECORDS, BATCH = "/dns_records", "/dns_records/batch"


NUMBERS = count(1)


class Apart(World):
    """A world in a zone made for one test or example, so that there may be any number of them."""

    @property
    def zone(self):
        return f"apart{self.slot}.example"

    def elsewhere(self, name):
        project = self.project / name
        project.mkdir()
        return Apart(self.backend, self.slot, project)

    def ip(self, number):
        return f"10.0.{self.slot % 256}.{number}"


def apart(backend, project: Path) -> Apart:
    """A zone with a few records of others in it, seen by its operator."""
    world = Apart(backend, next(NUMBERS), project)
    backend.fill(world.zone, "ns1 A 127.0.0.1\nchild NS ns1.child\nns1.child A 127.0.0.1\n")
    return world


def fresh(world) -> FakeCloudflare:
    """The other side, with nothing asked yet and nothing broken."""
    fake = world.backend.fake
    fake.calls.clear()
    fake.faults.clear()
    return fake


class StillTime:
    """A clock that only sleeping moves, for the budget of a provider."""

    def __init__(self, provider):
        self.now, self.slept = 0.0, []
        provider.api.budget._clock = lambda: self.now
        provider.api.budget.sleep = self.sleep

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def fleet_with(world, zones, **provider):
    """A fleet of nothing but zones."""
    fleet = world.fleet(numbers=(), names=(), provider=world.provider(**provider))
    return fleet.model_copy(update={"zones": tuple(zones)})


def opened(world, name, **given):
    provider = given.pop("provider", {})
    fleet = fleet_with(world, [Zone(name=name, provider="ns", **given)], **provider)
    return provider_of(fleet, fleet.zones[0], world.project)


def refusal(world, call, *args):
    """The message of an error, which never holds a token."""
    with pytest.raises(PostwrightError) as caught:
        call(*args)
    text = str(caught.value)
    assert not [token for token in world.backend.secrets if token in text]
    return text


def published(name, value='"x"', ttl=300, rdtype="TXT"):
    return [Change(name, rdtype, None, (), ttl, (value,))]


def names_of(zone, rdtype="TXT"):
    return {record["name"] for record in zone.listed() if record["type"] == rdtype}
