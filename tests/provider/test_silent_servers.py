"""A server that is silent, or slow, costs its own zones: the others are planned meanwhile, and all that failed is told at once."""

import contextlib
import socket
import threading

import pytest
from provider.backends import free_port, secret_file

from postwright.dns import publish
from postwright.errors import ProviderError
from postwright.model import Rfc2136, SecretSource, Zone

MANY = [f"z{number}.silent.example" for number in range(20)]
SECONDS = 0.5  # a server may be silent

pytestmark = pytest.mark.backends("knot")


class Listener:
    """Takes connections and says nothing; hangs up when ``release`` is set."""

    def __init__(self):
        self.taken, self.release = [], threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(self._socket.accept()[0])
                threading.Thread(target=self._hang_up, args=(self.taken[-1],), daemon=True).start()

    def _hang_up(self, taken):
        self.release.wait(60)
        taken.close()

    def stop(self):
        self.release.set()
        self._socket.close()


@pytest.fixture
def silent():
    listener = Listener()
    yield listener
    listener.stop()


def with_others(world, port, seconds):
    """The zone of the world, behind twenty of a server at that port."""
    secret = SecretSource(file=secret_file(world.project, "other", world.backend.place.writer))
    other = Rfc2136(server="127.0.0.1", port=port, key_name="writer", secret=secret, timeout=seconds)
    fleet = world.fleet()
    zones = (*(Zone(name=name, provider="other") for name in MANY), *fleet.zones)
    return fleet.model_copy(update={"zones": zones, "providers": {**fleet.providers, "other": other}})


def planned(world, fleet, looked):
    with pytest.raises(ProviderError) as caught:
        publish.plan(fleet, [], world.project, world.ledger, looked=looked)
    return str(caught.value)


def test_zones_are_read_while_another_server_keeps_twenty_waiting(world, silent):
    """It is let go when the other zone was read: had that waited for a turn, all would stand still for a minute."""
    read = []

    def looked(zone):
        read.append(zone)
        silent.release.set()

    text = planned(world, with_others(world, silent.port, 60), looked)

    assert read == [world.zone]
    assert all(name in text for name in MANY)


def test_a_silent_server_is_tried_a_few_times_and_not_once_for_each_of_its_zones(world, silent):
    read = []

    text = planned(world, with_others(world, silent.port, SECONDS), read.append)

    assert read == [world.zone]
    assert len(silent.taken) <= 3 + 8
    assert f"127.0.0.1 port {silent.port} did not answer 3 times running; so these were not asked for: z" in text
    assert len(text.splitlines()) == len(silent.taken) + 1


def test_what_was_not_asked_for_is_counted_among_what_failed(world):
    """Nobody listens there."""
    text = planned(world, with_others(world, free_port(), SECONDS), lambda _: None)

    tried = text.count("cannot be reached over TCP")
    assert 3 <= tried <= 3 + 8
    assert len(text.splitlines()) == tried + 1
    assert all(f"{name} " in text or f"{name}," in text or text.endswith(name) for name in MANY)


def test_a_server_that_came_back_is_asked_anew_in_the_next_plan(world):
    fleet = world.fleet()
    gone = with_others(world, free_port(), SECONDS)
    planned(world, gone, lambda _: None)

    assert world.plan(fleet).zones[0].zone == world.zone
