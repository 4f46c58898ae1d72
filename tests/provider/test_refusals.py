"""What a server says no to, and whether the operator can tell from the message what to do.

Every message names the zone, the server and the next step, and none the secret. Real servers refuse in these ways; they do
not agree on how, which is why each case runs on all of them. Those of providers with an API of their own stand in
``test_cloudflare*`` and the like; the last two tests are for all.
"""

import re
import socket
import struct
import threading
import time
from base64 import b64encode

import dns.flags
import dns.message
import pytest

from postwright.dns.plan import Change
from postwright.errors import ProviderError, UsageError

over_rfc2136 = pytest.mark.backends("knot", "bind", "powerdns")
WRONG = b64encode(b"not the secret, not the secret..").decode()


def refused(world, provider, **fleet):
    """The message of a plan that cannot be made."""
    with pytest.raises(ProviderError) as caught:
        world.plan(world.fleet(provider=provider, **fleet))
    text = str(caught.value)
    for secret in (*world.backend.secrets, WRONG):
        assert secret not in text
    return text


@over_rfc2136
def test_wrong_secret(world):
    """Most often a secret pasted into the wrong place."""
    text = refused(world, world.provider(text=WRONG))
    assert text.startswith(f"zone {world.zone} at 127.0.0.1 port {world.backend.endpoint[1]}: ")
    assert re.search(r"another secret for .*compare .*secret", text)


@over_rfc2136
def test_unknown_key(world):
    """The server's list of keys was never reloaded, for instance."""
    assert "does not know the TSIG key nobody" in refused(world, world.provider(key_name="nobody"))


@over_rfc2136
def test_clock_skew(world, monkeypatch):
    """TSIG allows 300 s; a machine just resumed from sleep is further off."""
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(dns.message.time, "time", lambda: now() - 3600)
        text = refused(world, world.provider())
    assert "clocks differ by more than 300 s" in text
    assert "`date -u` here and there" in text


@over_rfc2136
def test_zone_that_is_not_served_and_all_problems_at_once(world):
    """A typo in a zone's name must never look like an empty zone; two typos are told in one run."""
    zones = [world.zone, "typo.example", "other-typo.example", "0.0.10.in-addr.arpa"]
    text = refused(world, world.provider(), zones=zones)
    for zone in zones[1:]:
        assert re.search(rf"zone {zone} at .*(does not serve the zone|not authoritative)", text)
    assert f"zone {world.zone} " not in text


@over_rfc2136
def test_a_name_that_is_no_zone_but_a_part_of_one(world):
    """The server knows the name, and with authority; an update of that "zone" it would refuse."""
    text = refused(world, world.provider(), zones=[f"part.{world.zone}", world.zone], names=[f"part.{world.zone}"])
    assert f"zone part.{world.zone} at " in text
    assert f"part of {world.zone}; put {world.zone} into" in text


@over_rfc2136
def test_server_down(world):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        text = refused(world, world.provider(port=unused.getsockname()[1]))
    assert "cannot be reached over TCP (Connection refused); check address, port, firewall" in text


@over_rfc2136
def test_server_that_never_answers(world):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = refused(world, world.provider(port=silent.getsockname()[1], timeout=0.1))
    assert "did not answer in time" in text


@over_rfc2136
def test_unsigned_answer(world):
    """Anybody on the way could have sent it."""
    with socket.create_server(("127.0.0.1", 0)) as impostor:

        def answer():
            connection, _ = impostor.accept()
            with connection:
                (length,) = struct.unpack("!H", connection.recv(2))
                query = dns.message.from_wire(connection.recv(length), keyring=False)
                response = dns.message.make_response(dns.message.make_query(query.question[0].name, "SOA", id=query.id))
                response.flags |= dns.flags.AA
                wire = response.to_wire()
                connection.sendall(struct.pack("!H", len(wire)) + wire)

        thread = threading.Thread(target=answer)
        thread.start()
        text = refused(world, world.provider(port=impostor.getsockname()[1]))
        thread.join()
    assert "answered without a signature" in text


def apply_one(world, name, **provider):
    fleet = world.fleet(provider=world.provider(**provider))
    change = Change(name, "TXT", None, (), 300, ('"x"',))
    with pytest.raises(ProviderError) as caught:
        world.opened(fleet).apply(world.zone, [change])
    return str(caught.value)


@over_rfc2136
def test_key_without_permission(world):
    """A key that may read but not write plans well and fails late."""
    text = apply_one(world, f"x.{world.zone}", key_name="reader")
    assert re.search(rf"zone {world.zone} at .*(grant them.*nothing was applied|grants it nothing here)", text)


@over_rfc2136
def test_name_outside_the_zone(world):
    assert "a name is not in the zone" in apply_one(world, "x.example.net")


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "octodns")  # nothing lands by a zonefile
def test_failure_stops_the_zones_after_it_and_says_what_landed(world):
    """Half done is bad enough; not to know which half is worse."""
    fleet = world.fleet(zones=[world.reverse, world.zone])
    plan = world.plan(fleet)
    world.outsider.add(f"_dmarc.{world.zone}", "TXT", "v=DMARC1")
    with pytest.raises(ProviderError, match=rf"changed since.*\nwritten before it: {world.reverse}"):
        world.additive(plan, fleet)
    (again,) = (zone for zone in world.plan(fleet, adopt=True).zones if not zone.is_empty)
    assert again.zone == world.zone


@over_rfc2136
def test_secret_that_is_not_base64(world):
    with pytest.raises(UsageError, match=r"provider ns: TSIG secret of writer: file tsig is not base64; put") as caught:
        world.plan(world.fleet(provider=world.provider(text="hunter2!")))
    assert "hunter2" not in str(caught.value)


def test_nothing_prints_the_secret(world):
    fleet = world.fleet()
    for secret in world.backend.secrets:
        assert secret not in repr(world.opened(fleet))
