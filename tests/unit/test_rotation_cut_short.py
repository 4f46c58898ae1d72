"""A rotation cut short at every single pause, by death or a fault: no promise breaks, and the next apply completes it.

The world is that of ``keyworld``; ``test_lifecycle_model`` goes through it in every order.
"""

import copy
import shutil
from itertools import count

import pytest
from keyworld import World
from keyworld_parts import CUSTOMER, SHOP, Config, Message
from keyworld_promises import Promises

from postwright.terms import Terms

HOUR, DAY = 3600, 86400
BOTH = frozenset({SHOP, CUSTOMER})
LIFE = (  # seconds since the step before, domains that are to rotate
    (0, ()),
    (3 * HOUR, ()),  # a second algorithm is added
    (DAY, BOTH),
    (3 * HOUR, ()),  # hosts sign with the new key
    (2 * DAY, ()),  # the old one goes off the hosts
    (8 * DAY, ()),  # and is revoked
    (31 * DAY, ()),  # and deleted
    (DAY, BOTH),  # the selector led to us comes round again
    (3 * HOUR, ()),
)
HOSTS = "h1", "h2"
SHARED = Config(HOSTS, HOSTS)
OWN = Config(HOSTS, HOSTS, per_host=True, algorithm="rsa+ed25519", selectors=tuple(f"pw{it}" for it in range(1, 9)))


class Course:
    """A world in which promises are looked at all the time, and from which one can go on twice."""

    def __init__(self, base, patch, config):
        self.world = World(base, config, 7200, self._look)
        self.world.led |= {f"pw{it}" for it in range(1, 9)}
        self.promises = Promises(self.world)
        self.world.patched(patch)

    def _look(self):
        self.promises.all_hold()

    def apply(self, rotate=()):
        self.world.start(Terms(rotate=rotate, force=True))
        self.world.finish()

    def mail(self):
        """Mail is queued that has every signature a host may make now."""
        for host in HOSTS:
            for domain in BOTH:
                for signed in self.world.can_sign(host, domain):
                    self.world.queue.append(Message(host, (signed,), self.world.now))

    def keys(self):
        ring = self.world.ring
        return {domain: [(key.host, key.algorithm, key.state) for key in ring.keys(domain)] for domain in BOTH}

    def kept(self):
        """All that there is, to be gone back to by ``again``."""
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self.world.base, self._copy)
        return [
            copy.deepcopy({name: value for name, value in vars(it).items() if name not in FIXED}) for it in self._parts
        ]

    def again(self, kept):
        shutil.rmtree(self.world.base)
        shutil.copytree(self._copy, self.world.base)
        for it, values in zip(self._parts, copy.deepcopy(kept), strict=True):
            vars(it).update(values)

    @property
    def _copy(self):
        return self.world.base.with_name("copy")

    @property
    def _parts(self):
        return self.world, self.promises


FIXED = {"base", "config", "watch", "ring", "process", "world"}


@pytest.fixture
def course(request, tmp_path, monkeypatch):
    base = tmp_path / "project"
    base.mkdir()
    return Course(base, monkeypatch, getattr(request, "param", SHARED))


def killed(world):
    world.kill()


def host_down(world):
    world.down = {"h2"}


def proof_fails(world):
    world.broken = {"h2"}


def first_server_down(world):
    world.servers[0].down = True


def second_server_stale(world):
    world.servers[1].lags = True


def mended(world):
    world.down, world.broken = set(), set()
    for server in world.servers:
        server.down = server.lags = False
    world.sync()


def cut_short(course, rotate, pauses, strike):
    """An apply is struck after so many pauses; returns whether it was under way by then."""
    world = course.world
    world.start(Terms(rotate=rotate, force=True))
    world.go_on(pauses)
    if world.process is None:
        return False
    strike(world)
    world.finish()
    course.mail()
    return True


def every_cut(course, strike, every=1):
    """At each step of a life every way to cut it short, and what the keys are to be after it; at last the life goes on."""
    for seconds, rotate in LIFE:
        course.world.advance(seconds)
        course.mail()
        kept = course.kept()
        course.apply(rotate)
        expected = course.keys()
        for pauses in count(step=every):
            course.again(kept)
            if not cut_short(course, rotate, pauses, strike):
                break
            yield rotate, expected


@pytest.mark.parametrize(
    ("course", "strike"),
    [(SHARED, killed), (OWN, killed), (SHARED, host_down), (SHARED, first_server_down), (SHARED, second_server_stale)],
    ids=["killed", "killed-own-keys", "host-down", "first-server-down", "second-server-stale"],
    indirect=["course"],
)
def test_an_apply_that_is_cut_short_anywhere_is_completed_by_the_next(course, strike):
    cuts = 0
    for rotate, expected in every_cut(
        course, strike, every=1 if (course.world.config, strike) == (SHARED, killed) else 3
    ):
        mended(course.world)
        course.apply(rotate)
        assert (course.world.ended, course.keys()) == ("done", expected)
        cuts += 1
    assert cuts > 3 * len(LIFE), "there are many ways"


def test_a_proof_that_fails_anywhere_leaves_hosts_with_a_key_and_is_tried_again(course):
    failed = 0
    for _rotate, _expected in every_cut(course, proof_fails, every=4):
        failed += course.world.ended.startswith("ProofFailed")
        mended(course.world)
        for _ in range(2):
            course.world.advance(25 * HOUR)
            course.apply()
            assert course.world.ended == "done"
        states = {key[2] for keys in course.keys().values() for key in keys}
        assert not states & {"generated", "published", "confirmed"}
    assert failed > 0


def test_a_key_somebody_took_out_of_dns_waits_anew_wherever_the_apply_that_puts_it_back_is_killed(course):
    course.apply()
    course.world.advance(DAY)
    course.apply(BOTH)
    course.world.advance(DAY)
    kept = course.kept()
    for pauses in count():
        course.again(kept)
        for domain in BOTH:
            for key in course.world.ring.keys(domain):
                if key.state == "published":
                    course.world.take_out(course.world.home(domain, key.selector))
        if not cut_short(course, (), pauses, killed):
            break
        before = course.keys()
        course.apply()
        assert course.keys() == before, "no host signs with what a cache says is not there"
        course.world.advance(3 * HOUR)
        course.apply()
        assert "published" not in {key[2] for keys in course.keys().values() for key in keys}
    assert pauses > 5


def test_a_key_is_not_revoked_while_it_lies_on_a_host_that_could_not_be_reached(course):
    """A session that began long ago may sign with it up to the very moment it goes."""
    for seconds, rotate in LIFE[:4]:
        course.world.advance(seconds)
        course.apply(rotate)
    course.world.advance(2 * DAY)
    kept = course.kept()
    for pauses in count():
        course.again(kept)
        if not cut_short(course, (), pauses, host_down):
            break
        off = course.world.ended == "done"
        course.world.advance(20 * DAY)
        mended(course.world)
        course.apply()
        assert {keys[0][2] for keys in course.keys().values()} == {"revoked" if off else "retiring"}
        course.world.advance(DAY)
        course.apply()
        assert {keys[0][2] for keys in course.keys().values()} == {"revoked"}
    assert pauses > 5


def test_the_time_of_a_revoked_key_begins_when_dns_says_so_wherever_the_apply_that_revokes_it_is_killed(course):
    for seconds, rotate in LIFE[:5]:
        course.world.advance(seconds)
        course.apply(rotate)
    course.world.advance(8 * DAY)
    kept = course.kept()
    for pauses in count():
        course.again(kept)
        if not cut_short(course, (), pauses, killed):
            break
        course.world.advance(31 * DAY)
        course.apply()
        assert {keys[0][2] for keys in course.keys().values()} <= {"revoked", "deleted"}
    assert {keys[0][2] for keys in course.keys().values()} == {"revoked"}
