"""Kernel settings, and how long the journal is kept. No daemon of its own: a unit applies both, and again at boot.

Nothing here forwards or stops forwarding: a host with containers keeps its ``ip_forward``.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from postwright.render import template
from postwright.services.parts import Context, HostFile, Service

SETTINGS = "/etc/sysctl.d/90-postwright.conf"
COMPARE = "/etc/postwright/kernel_values.py"
UNIT = "postwright-kernel.service"

_V4, _V6 = "net.ipv4.conf", "net.ipv6.conf"
_EVERYWHERE = (
    "all",
    "default",
    "*",
)  # those there will be, and those there are: the kernel combines them in ways of its own


def _each(family: str, name: str) -> tuple[tuple[str, int], ...]:
    return tuple((f"{family}.{which}.{name}", 0) for which in _EVERYWHERE)


# Reason → settings; kernel documentation: networking/ip-sysctl.rst, admin-guide/sysctl, admin-guide/LSM/Yama.rst.
GROUPS: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = (
    (
        "Packets from addresses no route leads back to are dropped. Loose (RFC 3704): answers may leave by other interfaces.",
        ((f"{_V4}.all.rp_filter", 2), (f"{_V4}.default.rp_filter", 2)),
    ),
    (
        "Nobody on the same network may tell this host another way (ICMP redirects), and it tells none: it is no router.",
        (
            *(*_each(_V4, "accept_redirects"), *_each(_V4, "secure_redirects"), *_each(_V4, "send_redirects")),
            *_each(_V6, "accept_redirects"),
        ),
    ),
    (
        "A sender does not choose the way of its packets (RFC 5095, RFC 7126).",
        (*_each(_V4, "accept_source_route"), *_each(_V6, "accept_source_route")),
    ),
    ("A flood of half-open connections does not fill the queue (RFC 4987).", (("net.ipv4.tcp_syncookies", 1),)),
    (
        "No part in amplification, and no log full of wrong ICMP.",
        (("net.ipv4.icmp_echo_ignore_broadcasts", 1), ("net.ipv4.icmp_ignore_bogus_error_responses", 1)),
    ),
    (
        "Addresses of the kernel, and what it says, are for root alone: they help to break into it.",
        (("kernel.kptr_restrict", 2), ("kernel.dmesg_restrict", 1)),
    ),
    (
        "A process reads the memory of its own children only: a key in memory stays there.",
        (("kernel.yama.ptrace_scope", 1),),
    ),
    ("Programs that change their user leave no core.", (("fs.suid_dumpable", 0),)),
    (
        "In folders anybody may write to (/tmp), links and files of others are not followed.",
        (("fs.protected_symlinks", 1), ("fs.protected_hardlinks", 1), ("fs.protected_regular", 2)),
    ),
)


def _files(context: Context) -> tuple[HostFile, ...]:
    return tuple(_made(context))


def _made(context: Context) -> Iterator[HostFile]:
    said = context.fleet.hardening
    yield HostFile(f"/etc/systemd/system/{UNIT}", template("hardening/kernel.service.j2", context, compare=COMPARE))
    if said.journal:
        text = template("hardening/journald.conf.j2", context, journal=said.journal)
        yield HostFile("/etc/systemd/journald.conf.d/postwright.conf", text)
    if said.sysctl:
        leave = said.sysctl.leave
        groups = [(reason, [it for it in settings if it[0] not in leave]) for reason, settings in GROUPS]
        yield HostFile(
            COMPARE, (resources.files("postwright.services") / "kernel_values.py").read_bytes(), taken_up="use"
        )
        yield HostFile(SETTINGS, template("hardening/sysctl.conf.j2", context, groups=groups))


def wanted(context: Context) -> bool:
    return bool(context.fleet.hardening.sysctl or context.fleet.hardening.journal)


SERVICE = Service(
    name="kernel",
    title="kernel and journal",
    files=_files,
    unit=lambda _release: UNIT,
    holds=f"test ! -e {SETTINGS} || python3 -B {COMPARE}",
    lasting=(f"/etc/systemd/system/{UNIT}",),
    wanted=wanted,
)
