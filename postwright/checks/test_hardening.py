"""How a host is locked down: seen from outside where that is possible, and by asking the programs themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
import testinfra.host

from postwright.checks import facts, ssh
from postwright.checks.answers import last_line
from postwright.checks.cases import cases
from postwright.checks.unknown import UnknownError
from postwright.model import Fleet, Host
from postwright.services import SERVICES, audit, kernel
from postwright.services.bundle import MANIFEST
from postwright.services.parts import Service
from postwright.services.sandbox import EXPOSURE
from postwright.services.ssh import EFFECTIVE
from postwright.services.upgrades import PERIODIC, STAMPS, TIMERS

On = Callable[[Host], testinfra.host.Host]
DAY = 86_400  # seconds
LATE = 3  # days; apt's timers go off each day


def test_ssh_offers_keys_only(ssh_host: Host) -> None:
    """A stranger who connects by SSH is asked for a key, and never for a password."""
    found = ssh.offered(ssh_host)

    assert found == {"publickey"}, f"it offers {', '.join(sorted(found))}"


def test_sshd_does_what_is_described(ssh_host: Host, on: On) -> None:
    """What sshd says of itself is what postwright's file says, whatever others say beside it."""
    done = on(ssh_host).run(f"python3 -B {EFFECTIVE}")

    assert done.rc == 0, done.stderr.splitlines()[0] if done.stderr else f"exit status {done.rc}"


def test_security_updates_come(updated_host: Host, on: On) -> None:
    """apt's timers run, and it was not days ago that the last look for security updates succeeded."""
    there = on(updated_host)
    stopped = [timer for timer in TIMERS if there.run(f"systemctl is-active {timer}").stdout.strip() != "active"]
    ages = [_days(there, path) for path in STAMPS]

    assert not stopped, f"{', '.join(stopped)} is not active"
    if None in ages and (_days(there, PERIODIC) or 0) <= LATE:
        pytest.skip(f"host {updated_host.name}: apt has not looked for updates yet since it was told to, each day")
    late = [f"{path} is {_told(age)}" for path, age in zip(STAMPS, ages, strict=True) if age is None or age > LATE]
    assert not late, f"{'; '.join(late)}; see `journalctl -u apt-daily -u apt-daily-upgrade`"


def _days(there: testinfra.host.Host, path: str) -> float | None:
    """How old a file is; None if it is not there."""
    done = there.run(f"echo $(date +%s) - $(stat -c %Y {path})")
    now, _, then = done.stdout.partition(" - ")
    return (int(now) - int(then)) / DAY if then.strip().isdigit() else None


def _told(age: float | None) -> str:
    return "not there" if age is None else f"{age:.0f} days old"


def test_services_run_the_libraries_that_are_installed(mail_host: Host, on: On) -> None:
    """No service of ours runs with a library that an update has replaced; a restart takes up the new one."""
    there = on(mail_host)
    release = ssh.release_of(there)
    # Every process of a unit: Postfix's and Dovecot's first ones talk to nobody.
    groups = facts.outdated(there)
    found = sorted(groups & {service.unit(release) for service in SERVICES if service.unit})

    assert not found, f"restart {', '.join(found)}"


def test_kernel_settings_are_as_described(tuned_host: Host, on: On) -> None:
    """The kernel's live settings are as described, as far as this host may set them."""
    there = on(tuned_host)
    done = there.run(f"python3 -B {kernel.COMPARE}")

    assert done.rc == 0, done.stderr.splitlines()[0] if done.stderr else f"exit status {done.rc}"
    if done.stdout and not _is_container(there):
        raise UnknownError(f"host {tuned_host.name}: {done.stdout.splitlines()[0]}; name it in hardening.sysctl.leave")


def test_log_is_kept_as_long_as_described(journal_host: Host, fleet: Fleet, on: On) -> None:
    """The journal outlives a reboot, and holds nothing older than described."""
    there, said = on(journal_host), fleet.hardening.journal
    oldest = there.run("journalctl -q -o short-unix --no-pager | head -n 1").stdout.split(".")[0]
    if said is None or not oldest.isdigit():
        raise UnknownError(f"host {journal_host.name}: its journal shows nothing")
    days = (time.time() - int(oldest)) / DAY

    assert there.file("/var/log/journal").is_directory, "/var/log/journal is not there"
    assert days <= said.max_days + 2, f"its oldest line is {days:.0f} days old"  # files are a day long


def test_service_is_in_its_sandbox(boxed: tuple[Host, Service], fleet: Fleet, on: On) -> None:
    """What systemd counts of the service's exposure is no more than docs/hardening.md says."""
    host, service = boxed
    release = ssh.release_of(on(host))
    unit = service.unit(release) if service.unit else ""
    boxes = [it for (owner, it), _ in cases(fleet, "boxed") or () if owner.name == host.name]
    units = {it.unit(release) for it in boxes if it.unit}
    found = facts.exposure(on(host), sorted(units)).get(unit)
    if found is None:
        raise UnknownError(f"host {host.name}: systemd-analyze says nothing of {unit}")

    assert found <= EXPOSURE[service.name], f"{unit} is at {found}, not {EXPOSURE[service.name]}"


def test_apparmor_enforces(armored_host: Host, on: On) -> None:
    """AppArmor runs, and no profile of a service of ours only complains."""
    there = on(armored_host)
    if there.run("cat /sys/module/apparmor/parameters/enabled").stdout.strip() != "Y" or _is_container(there):
        raise UnknownError(f"host {armored_host.name}: no AppArmor in its kernel; say hardening.apparmor False")
    profiles = there.run("cat /sys/kernel/security/apparmor/profiles").stdout
    ours = [line for line in profiles.splitlines() if re.search(r"unbound|chronyd|dovecot|postfix|opendkim", line)]

    assert there.service("apparmor").is_running, "apparmor.service is not active"
    slack = [line for line in ours if not line.endswith("(enforce)")]
    assert not slack, f"{slack[0]}; run aa-enforce"


def test_changes_are_audited(audited_host: Host, on: On) -> None:
    """The audit log runs, and has the rules for keys, mail configuration and users."""
    there = on(audited_host)
    if _is_container(there):
        raise UnknownError(f"host {audited_host.name}: a container has no audit log; say hardening.audit False")
    loaded = there.run("auditctl -l")
    wanted = there.run(f"grep -c ^-a {audit.RULES}").stdout.strip()

    assert there.service("auditd").is_running, "auditd is not running"
    assert loaded.rc == 0, last_line(loaded.stderr)
    assert loaded.stdout.count("key=postwright-") == int(wanted or 0), "its rules are not loaded; an apply loads them"


def test_nobody_else_may_write_our_files(mail_host: Host, on: On) -> None:
    """No file of ours can be written by anybody but its owner, and secrets cannot be read by others."""
    rows = on(mail_host).run(f"xargs -d '\\n' stat -c '%a %U %n' <{MANIFEST}").stdout.splitlines()
    found = [row.split(" ", 2) for row in rows]
    if not found:
        raise UnknownError(f"host {mail_host.name}: {MANIFEST} names nothing")
    keys = on(mail_host).run(f"xargs -d '\\n' grep -lsE 'PRIVATE KEY|^PrivateKey' <{MANIFEST}").stdout.splitlines()
    secret = re.compile(r"passwd$|password|/tsig$|/mailboxes\.users$")
    open_to = [name for mode, _, name in found if int(mode, 8) & 0o022]
    private = [(mode, name) for mode, _, name in found if name in keys or secret.search(name)]
    read = [name for mode, name in private if int(mode, 8) & 0o007]

    assert not open_to, f"others may write {open_to[0]}"
    assert not read, f"others may read {read[0]}"


def _is_container(there: testinfra.host.Host) -> bool:
    return bool(there.run("systemd-detect-virt --quiet --container").rc == 0)
