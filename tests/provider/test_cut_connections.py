"""Contract, part 5: whatever breaks off, and wherever, the next run heals it and nothing foreign has changed.

The connection is cut in each exchange in turn, before the request, within it, after it and within the answer; the process is
stopped before and after each call; the disk of the ledger fills up. Each time the zone goes from one fleet to another, which
takes both steps, so that every kind of write is under way once when it happens.
"""

import contextlib
import subprocess
from itertools import count

import pytest
from provider.cutting import LATE, POINTS, Proxy

from postwright.dns import ledger
from postwright.dns.providers.cloudflare import api
from postwright.dns.providers.rfc2136 import updates
from postwright.errors import PostwrightError, ProviderError

SPF = (b"v=spf1 include:_spf.example.net a:\xffodd -all",)
FOREIGN = {(b'back\\slash "quoted"',), (b"part one ", b"part two"), (b"\xff\x00",)}
PLAIN_SPF = (b"v=spf1 include:_spf.example.net -all",)
PLAIN = {(b"google-site-verification=abc",), (b"a=b; c=d",)}  # octoDNS locks the others


class Shared:
    """A zone with strangers' values in it, and a fleet that moves from one host to the other and back."""

    def __init__(self, world):
        self.world = world
        self.spf, self.foreign = (PLAIN_SPF, PLAIN) if world.backend.kind == "octodns" else (SPF, FOREIGN)
        world.outsider.txt(world.zone, self.spf, *self.foreign)
        world.outsider.txt(f"mail1.{world.zone}", *self.foreign)
        self.number = 1
        self.apply()

    def fleet(self, number, **options):
        return self.world.fleet(numbers=(number,), mx="keep", **options)

    def apply(self):
        self.world.apply(self.fleet(self.number))
        self.is_right()

    def move(self, provider=None):
        """Both steps towards the other host; what it raises, the operator would see."""
        self.number = 3 - self.number
        plan = self.world.plan(self.fleet(self.number))
        fleet = self.fleet(self.number, provider=provider)
        self.world.additive(plan, fleet)
        self.world.subtractive(plan, fleet)

    def is_right(self):
        """Ours is there, theirs is as it was, and there is nothing else."""
        outsider, zone = self.world.outsider, self.world.zone
        token = f" ip4:{self.world.ip(self.number)}".encode()
        assert outsider.strings(zone) == {(self.spf[0][:6] + token + self.spf[0][6:],), *self.foreign}
        assert outsider.ttl(zone, "TXT") == 777
        assert outsider.values(f"mail{self.number}.{zone}", "A") == {self.world.ip(self.number)}
        assert not outsider.values(f"mail{3 - self.number}.{zone}", "A")

    def leave(self):
        """Take all of ours away: exactly what strangers had before is left."""
        self.world.apply(self.world.fleet(names=[], numbers=()), keys=[])
        outsider, zone = self.world.outsider, self.world.zone
        assert outsider.strings(zone) == {self.spf, *self.foreign}
        assert outsider.strings(f"mail1.{zone}") == self.foreign
        assert outsider.ttl(zone, "TXT") == outsider.ttl(f"mail1.{zone}", "TXT") == 777
        for name in (f"mail2.{zone}", f"_dmarc.{zone}", f"s1._domainkey.{zone}"):
            assert not outsider.strings(name)
        assert ledger.read(self.world.ledger, zone) == ()


@pytest.fixture
def shared(world):
    return Shared(world)


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "octodns")
@pytest.mark.parametrize("point", POINTS)
def test_connection_cut_in_every_exchange(shared, point, monkeypatch):
    """Half of these leave the operator not knowing whether it was written. The next run finds out.

    Every change is a message of its own here, so that some have landed and others not.
    """
    monkeypatch.setattr(updates, "_MESSAGE_OCTETS", 1)
    monkeypatch.setattr(api, "_PAUSE", 0)  # Cloudflare's reads are tried again by themselves
    world, seen = shared.world, []
    small = {"batch": 1} if world.backend.kind == "cloudflare" else {}
    for number in count(1):
        with Proxy(world.backend.endpoint, point, number) as proxy:
            try:
                shared.move(world.provider(through=proxy.port, **small))
            except ProviderError as error:
                seen.append(str(error))
        if not proxy.cut:
            break
        shared.apply()
    assert number > 10
    assert seen
    for text in seen:
        assert f"zone {world.zone}" in text
        assert "run the plan again" in text
        assert not any(secret in text for secret in world.backend.secrets)
    shared.leave()


@pytest.mark.backends("knot", "bind", "powerdns")  # an HTTP request comes in pieces, and half of one is none
def test_request_that_arrives_when_the_run_is_long_over(shared):
    """The operator was told that it broke off, the zone was looked at and nothing had changed; and then it is done after all.

    The ledger must go on claiming what it was to write, or our token would be taken for a stranger's and stay for ever.
    """
    for number in count(1):
        with Proxy(shared.world.backend.endpoint, LATE, number) as proxy, contextlib.suppress(ProviderError):
            shared.move(shared.world.provider(through=proxy.port))
        if not proxy.cut:
            break
        proxy.deliver()
        shared.apply()
    shared.leave()


class Stopped(BaseException):
    """The process is killed; no ``except Exception`` may notice."""


class Stopping:
    """Stops at call number ``at`` of what it is put before, ahead of the call or behind it."""

    def __init__(self, at, when):
        self.at, self.when, self.calls = at, when, 0

    def before(self, function):
        def call(*args):
            self.calls += 1
            here = self.calls == self.at
            if here and self.when == "before":
                raise Stopped
            result = function(*args)
            if here:
                raise Stopped
            return result

        return call


@pytest.mark.parametrize("when", ["before", "after"])
def test_process_stopped_around_every_call(shared, monkeypatch, when):
    """Reading, writing and both writes of the ledger."""
    kind = type(shared.world.opened())
    for number in count(1):
        stopping = Stopping(number, when)
        with monkeypatch.context() as patch:
            patch.setattr(kind, "read", stopping.before(kind.read))
            patch.setattr(kind, "apply", stopping.before(kind.apply))
            patch.setattr(ledger, "write", stopping.before(ledger.write))
            try:
                shared.move()
            except Stopped:
                assert stopping.calls == number
        if stopping.calls < number:
            break
        shared.apply()
    assert number > 8
    shared.leave()


@pytest.fixture
def full(world):
    """The ledger on a small disk of its own (tmpfs; needs root, as the lab does), and what fills it to the last octet."""
    world.ledger.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "postwright-test", world.ledger], check=True)
    ballast = world.ledger / "ballast"

    def fill():
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(512))

    fill.undo = ballast.unlink
    yield fill
    subprocess.run(["umount", world.ledger], check=True)


def test_disk_full_before_the_write(full, shared):
    """What cannot be noted down is not written: the ledger stays whole, the zone as it was."""
    file = ledger.path(shared.world.ledger, shared.world.zone)
    before = file.read_bytes()
    full()
    with pytest.raises(PostwrightError, match=r"ledger/.*: No space left on device; what was there is still there"):
        shared.move()
    assert file.read_bytes() == before
    assert {it.name for it in file.parent.iterdir()} == {file.name, "ballast"}
    shared.number = 3 - shared.number
    shared.is_right()
    full.undo()
    shared.number = 3 - shared.number
    shared.apply()
    shared.leave()


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "octodns")  # a zonefile is never written by us
def test_disk_full_after_the_write(full, shared, monkeypatch):
    """The zone is written and the ledger cannot be brought up to date: it still knows everything of ours."""
    kind = type(shared.world.opened())
    write = kind.apply

    def then_fill(*args):
        write(*args)
        full()

    with monkeypatch.context() as patch:
        patch.setattr(kind, "apply", then_fill)
        with pytest.raises(PostwrightError, match="No space left on device"):
            shared.move()
    assert ledger.read(shared.world.ledger, shared.world.zone)
    full.undo()
    shared.apply()
    shared.leave()
