"""What a mail host is: the right services, run with the right configuration, reachable where it must be and nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
import testinfra.host
from testinfra.backend.base import CommandResult

from postwright.checks import facts
from postwright.checks.answers import last_line
from postwright.checks.ssh import release_of
from postwright.checks.unknown import UnknownError
from postwright.hosts.remote import command
from postwright.mailboxes import PORTS, held_by
from postwright.model import Fleet, Host
from postwright.services import SERVICES, acme, bans, fail2ban, forwards, policies, wireguard
from postwright.services.opendkim import ED25519, KEYS, RSA, Signer
from postwright.services.pacing import UNIT
from postwright.services.parts import Context, HostSecrets, Release, Service
from postwright.services.tls import KEY

On = Callable[[Host], testinfra.host.Host]
# Where the inventory asks for them.
_BY_WISH = {"bans": bans.UNIT, "fail2ban": fail2ban.UNIT, "wireguard": wireguard.UNIT, "pacing": UNIT}


def test_service_runs_what_is_on_disk(service_of: tuple[Host, Service], fleet: Fleet, on: On) -> None:
    """Service is enabled and runs with the configuration on disk."""
    host, service = service_of
    release = release_of(on(host))
    if not _asked_for(service, Context(fleet, host, release, HostSecrets()), on(host)):
        assert not _ours_runs(on(host), service, release), (
            f"{service.title} is running, though the inventory does not ask for it"
        )
        return
    unit = service.unit(release) if service.unit else ""
    state = _states(host, fleet, on(host))[service.name]

    assert state["enabled"], f"{unit} does not start at boot"
    assert state["active"] or not state["wanted_here"], f"{unit} is not running"
    assert state["current"] or not state["wanted_here"], f"{unit} was started with another configuration"
    assert state["loaded"] or not state["wanted_here"], f"{unit} has not taken up its tables; an apply reloads it"


def test_no_failed_units(mail_host: Host, on: On) -> None:
    """No systemd unit has failed."""
    failed = on(mail_host).run("systemctl list-units --failed --plain --no-legend").stdout

    assert not failed.strip(), ", ".join(line.split()[0] for line in failed.splitlines())


def test_only_expected_ports_listen(mail_host: Host, fleet: Fleet, on: On) -> None:
    """Nothing listens on the network but SSH and the mail ports of the host's roles."""
    expected = {*fleet.firewall.ssh_ports, *fleet.firewall.extra_tcp}
    if mail_host.open_on_25:
        expected |= {25}
    if policies.serves(fleet, mail_host):
        expected |= {policies.PORT}
    if "submission" in mail_host.roles and fleet.logins:
        expected |= {465, 587}
    if held_by(fleet, mail_host):
        expected |= set(PORTS)
    if (said := fleet.acme_of(mail_host)) and said.challenge == "http-01":
        expected |= {acme.PORT}
    if fleet.pacing and fleet.pacing.metrics:
        expected |= {fleet.pacing.metrics.port}
    rows = on(mail_host).run("ss -Hltn").stdout.splitlines()
    ends = [row.split()[3].rpartition(":") for row in rows]
    listening = {int(port) for address, _, port in ends if not address.startswith(("127.", "[::1]"))}

    assert rows, "ss lists nothing"
    assert listening <= expected, f"unexpected: port {', '.join(map(str, sorted(listening - expected)))}"


def test_firewall_denies_by_default(mail_host: Host, on: On) -> None:
    """The packet filter drops what no rule lets in."""
    table = on(mail_host).run("nft -j list table inet postwright")

    assert table.rc == 0, f"its table cannot be listed: {table.stderr}"
    chains = [item["chain"] for item in json.loads(table.stdout)["nftables"] if "chain" in item]
    policies = [chain["policy"] for chain in chains if chain["name"] == "input"]
    assert policies == ["drop"], f"the policy of its input is {policies}"


def test_postfix_has_no_complaint(mail_host: Host, on: On) -> None:
    """postconf reads main.cf and master.cf without a warning."""
    shown = on(mail_host).run("postconf -n >/dev/null && postconf -M >/dev/null")

    assert (shown.rc, shown.stderr) == (0, ""), _words(shown)


@pytest.mark.slow
def test_postfix_check_passes(mail_host: Host, on: On) -> None:
    """postfix check finds nothing wrong with files and permissions."""
    done = on(mail_host).run("postfix check")

    assert done.rc == 0, _words(done)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("milter_default_action", "tempfail"),
        ("smtpd_tls_auth_only", "yes"),
        ("enable_long_queue_ids", "yes"),
        ("smtp_bind_address_enforce", "yes"),
    ],
)
def test_postfix_decides(mail_host: Host, on: On, setting: str, value: str) -> None:
    """The settings mail safety rests on are what Postfix itself reports."""
    found = facts.setting(on(mail_host), setting)

    assert found == value, f"it is {found!r}, not {value!r}"


def test_mail_passes_every_signer(mail_host: Host, on: On) -> None:
    """Postfix hands mail to each signer that has keys here, and to nothing else."""
    milters = [signer.milter for signer in _signers(on(mail_host))]
    found = facts.setting(on(mail_host), "smtpd_milters").split()

    assert found == milters, f"they are {' '.join(found) or 'none'}, not {' '.join(milters)}"


def test_signer_accepts_its_configuration(mail_host: Host, on: On) -> None:
    """OpenDKIM reads its configuration without an error."""
    for signer in _signers(on(mail_host)):
        done = on(mail_host).run(f"opendkim -n -x {signer.configuration}")

        assert done.rc == 0, _words(done)


def test_milter_socket_is_for_postfix_alone(mail_host: Host, on: On) -> None:
    """The signer's socket belongs to group postfix and is closed to others."""
    for signer in _signers(on(mail_host)):
        socket = on(mail_host).file(signer.socket_path)

        assert socket.exists, f"the socket of {signer.unit} is not there"
        found = socket.group, oct(socket.mode)[-3:]
        assert found == ("postfix", "770"), f"its group and mode are {' '.join(found)}, not postfix 770"


def test_private_keys_are_private(mail_host: Host, on: On) -> None:
    """DKIM keys are OpenDKIM's alone and the TLS key root's alone."""
    found = on(mail_host).run(f"find {KEYS}* -name '*.pem' -printf '%m %u\\n' | sort -u").stdout.split("\n")[:-1]
    tls = on(mail_host).file(KEY)

    assert found == ["600 opendkim"], f"DKIM keys are {', '.join(found) or 'not there'}, not 600 opendkim"
    assert tls.exists, f"{KEY} is not there"
    of_tls = oct(tls.mode)[-3:], tls.user
    assert of_tls == ("600", "root"), f"{KEY} is {' '.join(of_tls)}, not 600 root"


def test_resolver_is_local(mail_host: Host, on: On) -> None:
    """Names are resolved on the host itself, and the C library passes on what was validated."""
    lines = on(mail_host).file("/etc/resolv.conf").content_string

    servers = re.findall(r"^nameserver (\S+)", lines, re.MULTILINE)

    assert servers == ["127.0.0.1"], f"/etc/resolv.conf names {', '.join(servers) or 'no server'}, not 127.0.0.1"
    assert "trust-ad" in lines, "/etc/resolv.conf has no option trust-ad"


def test_clock_is_right(mail_host: Host, on: On) -> None:
    """The clock is kept, by chrony here or by the machine below a container, and is right within 5 s."""
    import time  # noqa: PLC0415 - its name is a common word

    before = time.time()
    there = float(on(mail_host).check_output("date +%s.%N"))
    off = there - before

    assert before - 5 <= there <= time.time() + 5, f"it is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"


def test_disk_has_room(mail_host: Host, on: On) -> None:
    """The queue's file system is less than 90 % full."""
    used = on(mail_host).check_output("df --output=pcent /var/spool/postfix | tail -1")

    assert int(used.strip(" %\n")) < 90, f"{used.strip()} are used"


def test_root_mail_is_read(mail_host: Host, fleet: Fleet, on: On) -> None:
    """Mail to root, postmaster and abuse of the host goes to the fleet's postmaster."""
    there, names = on(mail_host), ("root", "postmaster", "abuse")
    held = facts.mapped(there, "texthash:/etc/postfix/virtual", [f"{name}@{mail_host.fqdn}" for name in names])
    aliases = {found.partition("@")[0] for found in held.values() if found.endswith("@localhost")}
    onward = facts.mapped(there, f"texthash:{forwards.TABLE}", sorted(aliases)) if aliases else {}
    for name in names:
        found = held.get(f"{name}@{mail_host.fqdn}", "")
        if found.endswith("@localhost"):
            found = onward.get(found.partition("@")[0], "")
        assert found == fleet.postmaster, f"{name} goes to {found or 'nobody'}, not to {fleet.postmaster}"


def _states(host: Host, fleet: Fleet, there: testinfra.host.Host) -> dict[str, dict[str, bool]]:
    """Service → what is true of it now, of all that the host is to have; UnknownError if that cannot be read."""
    release = release_of(there)
    context = Context(fleet, host, release, HostSecrets())
    stamps = facts.stamps(there)
    asked = [
        {
            "name": service.name,
            "unit": service.unit(release),
            "stamped": stamps.get(service.name, []),
            "reloaded": stamps.get(f"{service.name}.reload", []),
        }
        for service in SERVICES
        if service.unit and _asked_for(service, context, there)
    ]
    answer = there.run(command("look", {"services": asked}))
    said = {} if answer.rc else json.loads(answer.stdout)
    if "services" not in said:
        why = said.get("error") or last_line(answer.stderr)
        raise UnknownError(f"host {host.name}: its state cannot be read: {why}")
    return dict(said["services"])


def _signers(there: testinfra.host.Host) -> list[Signer]:
    """The processes of OpenDKIM that have keys on this host."""
    return [RSA, ED25519] if there.file(ED25519.configuration).exists else [RSA]


def _asked_for(service: Service, context: Context, there: testinfra.host.Host) -> bool:
    """Whether the host is to have it; a second signer, if it has keys."""
    return ED25519 in _signers(there) if service.name == ED25519.name else service.wanted(context)


def _ours_runs(there: testinfra.host.Host, service: Service, release: Release) -> bool:
    """Whether a unit runs that we set up; one of somebody else has no stamp of ours."""
    unit = service.unit(release) if service.unit else ""
    ours = unit.startswith("postwright-") or there.file(f"/etc/postwright/stamps/{service.name}").exists
    return ours and bool(there.service(unit).is_running)


def _words(done: CommandResult) -> str:
    """What a program last said."""
    return last_line(done.stderr) or last_line(done.stdout) or f"exit status {done.rc}"
