"""What the packet filter and the bans promise, seen on the host and from outside."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
import testinfra.host

from postwright.checks.answers import last_line
from postwright.checks.cases import context_of
from postwright.checks.unknown import UnknownError
from postwright.inventory import Project
from postwright.keys import management
from postwright.material import keyring_of
from postwright.model import Fleet, Host
from postwright.services.bans import RULES, TABLE
from postwright.services.fail2ban import jails
from postwright.services.wireguard import INTERFACE

On = Callable[[Host], testinfra.host.Host]
_CLOSED = 1  # tcpmux, which nobody opens
_NOT_POSTFIX = """
import errno, socket
NO_WAY = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}

def tried(family, *address):
    try:
        client = socket.socket(family)
        client.settimeout(5)
        # Let through, it ends at the next router.
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        if family == socket.AF_INET6:
            client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
        client.connect(address)
        return "let out"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return f"no way ({error})" if error.errno in NO_WAY else f"let out ({error})"

# Without a route to the world there is still the next router, of every interface.
near = [("fe80::1", 25, 0, at) for at, name in socket.if_nameindex() if name != "lo"]
found = [tried(socket.AF_INET6, *it) for it in [("2001:db8::1", 25), *near]]
print(tried(socket.AF_INET, "192.0.2.1", 25))
print(next((it for it in found if not it.startswith("no way")), found[0]))
"""


def test_firewall_is_as_its_file(mail_host: Host, on: On) -> None:
    """The packet filter's table in the kernel is that of its file."""
    _assert_loaded(on(mail_host), "/etc/postwright/firewall.nft", "postwright", "-s")


def test_table_of_bans_is_as_its_file(banning_host: Host, on: On) -> None:
    """The table of bans in the kernel is that of its file, whoever is banned."""
    _assert_loaded(on(banning_host), RULES, TABLE, "-s -t")


def test_closed_port_is_closed_from_outside(mail_host: Host, on: On) -> None:
    """A port that no rule opens is closed to the outside, by the packet filter."""
    on(mail_host).run("true")  # whether it can be reached at all
    address = str(mail_host.addresses[0].ip)
    try:
        socket.create_connection((address, _CLOSED), timeout=3).close()
    except ConnectionRefusedError:
        pytest.fail(f"port {_CLOSED} of {address} refuses by itself; no packet filter stands before it")
    except OSError:
        return  # an answer of the filter, or none because of another one in between
    pytest.fail(f"port {_CLOSED} of {address} takes connections")


def test_only_postfix_reaches_port_25(egress_host: Host, on: On) -> None:
    """No other user than Postfix can connect to port 25 of others; root cannot either."""
    for user in ("nobody", "root"):
        done = on(egress_host).run("runuser -u %s -- python3 -c %s", user, _NOT_POSTFIX)
        if done.rc:
            raise UnknownError(f"host {egress_host.name}: cannot be tried as {user}: {last_line(done.stderr)}")
        for version, said in zip((4, 6), done.stdout.splitlines(), strict=True):
            _assert_refused(egress_host, version, user, said)


def _assert_refused(host: Host, version: int, user: str, said: str) -> None:
    """What came of an attempt; that there is no way out for an IP version the host has no address of proves enough."""
    if said.startswith("no way"):
        if any(it.ip.version == version for it in host.addresses):
            raise UnknownError(f"host {host.name}: cannot be tried as {user} by IPv{version}: {said}")
        return
    assert said == "refused", f"{user} is {said} by IPv{version}"


def test_jails_are_active(guarded_host: Host, fleet: Fleet, on: On) -> None:
    """fail2ban watches the logins that are open to everybody."""
    done = on(guarded_host).run("fail2ban-client status")

    assert done.rc == 0, last_line(done.stderr) or last_line(done.stdout)
    listed = done.stdout.rpartition("Jail list:")[2].replace(",", " ").split()
    missing = set(jails(context_of(fleet, guarded_host))) - set(listed)
    assert not missing, f"no jail {', '.join(sorted(missing))}"


def test_tunnel_has_the_right_peers(managed_host: Host, project: Project, on: On) -> None:
    """The management network's interface is up, with its key, its address, and the operators as its peers."""
    wanted = management.public_key(keyring_of(project).directory, managed_host.name)
    said = project.fleet.management
    operators = said.operators.values() if said else ()
    peers = {f"{it.public_key}\t{it.address}/{it.address.max_prefixlen}" for it in operators}
    shown = {name: on(managed_host).run(f"wg show {INTERFACE} {name}") for name in ("public-key", "allowed-ips")}
    address = on(managed_host).run(f"ip -o address show dev {INTERFACE} up").stdout

    assert shown["public-key"].rc == 0, last_line(shown["public-key"].stderr)
    assert shown["public-key"].stdout.strip() == wanted, "its key is not the one in the keyring"
    assert set(shown["allowed-ips"].stdout.splitlines()) == peers, "its peers are not the operators of the inventory"
    assert f" {managed_host.management}/" in address, f"it is down, or has not the address {managed_host.management}"


def _assert_loaded(there: testinfra.host.Host, path: str, table: str, options: str) -> None:
    """Compare the table with what its file makes of an empty network namespace."""
    listing = f"nft {options} list table inet {table}"
    wanted = there.run(f"unshare --net sh -c 'nft -f {path} && {listing}'")
    if wanted.rc:
        raise UnknownError(f"{path} cannot be read: {last_line(wanted.stderr)}")
    found = there.run(listing)

    assert found.rc == 0, f"table inet {table} is not loaded: {last_line(found.stderr)}"
    assert found.stdout == wanted.stdout, f"table inet {table} is not as {path} says; an apply loads it again"
