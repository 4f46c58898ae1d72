"""A world at the fake of Cloudflare that nobody else disturbs: its other side, its zone, and somebody who is quicker."""

import pytest
from provider.fake_cloudflare.scene import apart, fresh

from postwright.dns.providers.cloudflare.api import Api


@pytest.fixture
def world(backend, tmp_path):
    return apart(backend, tmp_path)


@pytest.fixture
def fake(world):
    return fresh(world)


@pytest.fixture
def zone(world):
    return world.outsider.zone


@pytest.fixture
def meanwhile(monkeypatch):
    """Something happens after our last look and before our batch arrives. Once."""

    def plant(act):
        send, acts = Api.batch, [act]

        def delayed(*args):
            while acts:
                acts.pop()()
            return send(*args)

        monkeypatch.setattr(Api, "batch", delayed)

    return plant
