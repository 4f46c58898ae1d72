"""A hundred zones at one token: how many calls that takes, and that they keep to the limit however many threads make them."""

from hashlib import sha256
from math import ceil
from threading import Lock, local

import pytest
from provider.backends.cloudflare import CloudflareBackend
from provider.fake_cloudflare import FakeCloudflare

from postwright.dns import publish
from postwright.dns.providers.cloudflare import budget
from postwright.dns.providers.cloudflare.budget import WINDOW, Budget
from postwright.model import Zone

pytestmark = pytest.mark.backends("cloudflare")
NAMES = [f"z{number:03}.example" for number in range(100)]
PAGES = ceil(len(NAMES) / 50)


@pytest.fixture
def own():
    """An account with these zones alone."""
    fake = FakeCloudflare()
    for name in NAMES:
        fake.account.add(name)
    yield fake
    fake.stop()


@pytest.fixture
def fleet(world, own):
    """A host and a hundred domains."""
    zones = [Zone(name=name, provider="ns") for name in NAMES]
    backend = CloudflareBackend.__new__(CloudflareBackend)
    backend.fake = own
    made = world.fleet(names=NAMES, zones=NAMES, mx="null", provider=backend.provider(world.project))
    host = made.hosts[0].model_copy(
        update={"addresses": (made.hosts[0].addresses[0].model_copy(update={"helo": f"mail.{NAMES[0]}"}),)}
    )
    return made.model_copy(update={"zones": tuple(zones), "hosts": (host,)})


def planned(world, fleet, **options):
    return publish.plan(fleet, [], world.project, world.ledger, **options)


def counted(own):
    """Pages of zones, lists of records, writes; since the last time this was asked."""
    kinds = [(call.method, call.path.rpartition("/")[2]) for call in own.calls]
    own.calls.clear()
    return tuple(kinds.count(kind) for kind in [("GET", "zones"), ("GET", "dns_records"), ("POST", "batch")])


def test_calls_are_counted_by_zones(world, own, fleet):
    """A page for 50 zones, a list for each, and to write it two more and a batch."""
    plan = planned(world, fleet)
    assert counted(own) == (PAGES, len(NAMES), 0)

    publish.apply_additive(plan, fleet, world.project, world.ledger)
    assert counted(own) == (0, 2 * len(NAMES), len(NAMES))

    assert planned(world, fleet).is_empty
    assert counted(own) == (0, len(NAMES), 0)


def test_of_what_a_plan_found_as_it_should_be_nothing_is_listed_again(world, own, fleet):
    publish.apply_additive(planned(world, fleet), fleet, world.project, world.ledger)
    before = planned(world, fleet)
    counted(own)

    after = planned(world, fleet, known=before)

    assert after == before
    assert counted(own) == (0, 0, 0)


class Watched(Budget):
    """By a clock that goes on only while somebody sleeps, and threads do so at the same time; remembers when calls started."""

    def __init__(self, limit):
        super().__init__(limit, clock=lambda: self.now, sleep=self._wake)
        self.now, self.starts = 0.0, []
        self._moment, self._thread = Lock(), local()

    def _take_or_wait(self):
        with self._moment:
            pause = super()._take_or_wait()
            self._thread.until = self.now + pause
            if pause <= 0:
                self.starts.append(self.now)
            return pause

    def _wake(self, _seconds):
        with self._moment:
            self.now = max(self.now, self._thread.until)


@pytest.fixture
def watched(fleet, world):
    """The token's budget, by a clock of ours: 40 calls in five minutes."""
    token = (world.project / fleet.providers["ns"].token.file).read_text().strip()
    made = Watched(40)
    budget._shared[sha256(token.encode()).hexdigest()] = made
    return made


def test_a_plan_keeps_to_the_limit_and_says_before_how_long_that_takes(world, own, fleet, watched):
    told, calls_then = [], []

    def tell(text):
        told.append(text)
        calls_then.append(len(own.calls))

    planned(world, fleet, told=tell)

    starts = watched.starts
    assert len(starts) == PAGES + len(NAMES)
    assert all(later - first >= WINDOW for first, later in zip(starts, starts[watched.limit :], strict=False))
    assert told[0] == "provider ns: 102 calls, of which 40 may be made in 5 minutes: takes 10 minutes at least"
    assert calls_then[0] == 0
    assert told[1:] == ["waiting 300 s, for provider ns limits calls"] * 2
    assert starts[-1] == 2 * WINDOW


def test_what_fits_into_the_limit_is_not_talked_about(world, fleet):
    told = []

    planned(world, fleet, told=told.append)

    assert told == []


@pytest.mark.usefixtures("watched")
def test_how_long_writing_takes_is_said_before(world, fleet):
    """Three calls for each zone."""
    plan = planned(world, fleet)
    told = []

    publish.apply_additive(plan, fleet, world.project, world.ledger, lambda _: None, told.append)

    assert told[0].startswith("provider ns: 300 calls, of which 40 may be made in 5 minutes: takes ")
