"""Whether a host is fit to become a mail host, before anything is touched. Pure: judges an answer of remote/look.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from postwright.hosts.way_in import cut_by_apply
from postwright.locks import describe
from postwright.mailboxes import PORTS, held_by
from postwright.model import Fleet, Host
from postwright.services import SERVICES
from postwright.services.parts import Context, HostSecrets, Release
from postwright.services.policies import PORT, serves

RELEASES: tuple[Release, ...] = ("12", "13")
MINIMUM_FREE = 200_000_000  # octets; packages and a working queue need them
CLOCK_TOLERANCE = 60  # seconds; TSIG and certificates fail from 300 on
_SITES = "; what nginx serves there for others would then not be served: name another policy_host to leave it as it is"
_MAIL_PORTS = ("25", "465", "587")


def problems(
    host: Host,
    fleet: Fleet,
    seen: dict[str, Any],
    now: float,
    *,
    adopt: bool = False,
    returns: bool = False,
    tunnel_key: str = "",
) -> Iterator[str]:
    """Every reason not to go on with this host, each with what to do. ``adopt``: take over what others have configured.

    ``returns``: to a state it keeps, so what today's inventory asks for is not what it gets. ``tunnel_key``: the public key
    of its end of the management network, as the keyring has it.
    """
    system = seen["system"]
    if system["id"] != "debian" or system["release"] not in RELEASES:
        yield f"runs {system['pretty'] or 'an unknown system'}; postwright builds on Debian 12 and 13"
        return
    if not system["root"]:
        yield f"{host.ssh.user} is not root there; connect as root or set _sudo=True in its inventory data"
        return
    if not system["systemd"]:
        yield "systemd is not its PID 1; services could not be supervised"
    yield from _space(system)
    yield from _taken_ports(seen["listeners"])
    if not returns:
        yield from _against_the_inventory(host, fleet, seen)
        yield from cut_by_apply(host, fleet, system, tunnel_key)
    if abs(system["clock"] - now) > CLOCK_TOLERANCE:
        yield f"its clock is {system['clock'] - now:+.0f} s off this machine's; set it right, or signatures and TSIG will fail"
    if not (adopt or returns):
        yield from _configured_by_others(seen.get("foreign", {}))
    if system["applying"] is not None:
        yield f"another apply is at work on it: {describe(system['applying'])}; wait for it to end, then run again"


def _against_the_inventory(host: Host, fleet: Fleet, seen: dict[str, Any]) -> Iterator[str]:
    """What stands in the way of what the inventory says."""
    yield from _taken_challenge_port(host, fleet, seen["listeners"])
    yield from _taken_by_readers(host, fleet, seen["listeners"])
    if serves(fleet, host):
        yield from _taken_https(seen["listeners"])
    yield from _unreachable_sshd(fleet, seen["listeners"])
    yield from _locked_out(fleet, seen["system"]["release"], seen.get("login"))


def _space(system: dict[str, Any]) -> Iterator[str]:
    for path, free in system["free"].items():
        if free < MINIMUM_FREE:
            yield f"disk full: {path} has {free // 1_000_000} MB free, {MINIMUM_FREE // 1_000_000} MB are needed; make room"


def _taken_ports(listeners: dict[str, list[str]]) -> Iterator[str]:
    """Postfix's master holds its ports itself; its children, named like other mail servers, only share them."""
    for port in _MAIL_PORTS:
        programs = listeners.get(port, [])
        if programs and not any(program.startswith("master ") for program in programs):
            yield f"port {port} is taken by {', '.join(programs)}; stop and disable that program, then run again"


def _taken_challenge_port(host: Host, fleet: Fleet, listeners: dict[str, list[str]]) -> Iterator[str]:
    """The ACME server comes to port 80; between two renewals nobody listens there."""
    acme = fleet.acme_of(host)
    strangers = [program for program in listeners.get("80", []) if not program.startswith("lego ")]
    if acme and acme.challenge == "http-01" and strangers:
        yield (
            f"port 80 is taken by {', '.join(strangers)}, but certificates are proven there; stop and disable that program, "
            'or say "challenge": "dns-01" in mail_fleet.acme'
        )


def _taken_by_readers(host: Host, fleet: Fleet, listeners: dict[str, list[str]]) -> Iterator[str]:
    """Ports of IMAP and POP3, where there are to be mailboxes; Dovecot's master holds them itself."""
    for port in map(str, PORTS if held_by(fleet, host) else ()):
        programs = listeners.get(port, [])
        if programs and not any(program.startswith("dovecot ") for program in programs):
            yield f"port {port} is taken by {', '.join(programs)}; stop and disable that program, then run again"


def _locked_out(fleet: Fleet, release: str, login: str | None) -> Iterator[str]:
    """Nobody logs in with a password where keys are all that sshd takes. ``login``: how we did, None if unknown."""
    said = fleet.hardening.ssh
    if said and login not in (None, "publickey"):
        yield (
            f"you log in by {login}, and sshd would take keys only (mail_fleet.hardening.ssh); put your key there "
            '(ssh-copy-id), name it as ssh_key and take ssh_password out, or say "ssh": False'
        )
    if said and said.second_factor == "totp" and release == "12":
        yield 'the OpenSSH of Debian 12 cannot ask for a code alone (mail_fleet.hardening.ssh); say "fido2", or upgrade to Debian 13'


def _taken_https(listeners: dict[str, list[str]]) -> Iterator[str]:
    """What serves our policies is nginx; another program cannot share the port with it."""
    programs = listeners.get(str(PORT), [])
    if programs and not all(program.startswith("nginx ") for program in programs):
        yield (
            f"port {PORT} is taken by {', '.join(programs)}, and MTA-STS policies are to be served there; stop and disable that "
            "program, or name another policy_host, then run again"
        )


def _unreachable_sshd(fleet: Fleet, listeners: dict[str, list[str]]) -> Iterator[str]:
    """The firewall would shut out an SSH daemon on a port the inventory does not name."""
    ports = {int(port) for port, programs in listeners.items() if any(name.startswith("sshd ") for name in programs)}
    if ports and not ports & set(fleet.firewall.ssh_ports):
        listed = ", ".join(map(str, sorted(ports)))
        yield f"sshd listens on {listed}, which mail_fleet.firewall.ssh_ports does not open; name it there"


def _configured_by_others(foreign: dict[str, list[str]]) -> Iterator[str]:
    """Somebody relies on what is there, or did; it is replaced only if the operator says so."""
    if foreign:
        files = ", ".join(path for paths in foreign.values() for path in paths)
        yield (
            f"{', '.join(foreign)}: somebody else has configured it there: {files}. `plan --adopt` shows what would be "
            f"replaced, and `apply --adopt` saves it on the host and does it{_SITES if 'nginx' in foreign else ''}"
        )


def watched(fleet: Fleet, host: Host) -> list[str]:
    """The packages of this host whose configuration an apply replaces."""
    context = Context(fleet, host, RELEASES[-1], HostSecrets())
    return sorted({package for service in SERVICES if service.wanted(context) for package in service.packages})
