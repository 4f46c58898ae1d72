"""Hardening that could not work as the inventory says; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright.model import Fleet


def _key_alone_from_anywhere(fleet: Fleet) -> Iterator[str]:
    said = fleet.hardening.ssh
    known = fleet.firewall.ssh_from or (fleet.management and fleet.management.only)
    if said and said.second_factor and not known:
        users = ", ".join(sorted({host.ssh.user for host in fleet.hosts} | set(said.key_only)))
        yield (
            f"mail_fleet.hardening.ssh.second_factor: {users} would log in with a key alone from anywhere; name the networks "
            "they come from in mail_fleet.firewall.ssh_from"
        )


def _nobody_to_be_asked(fleet: Fleet) -> Iterator[str]:
    said = fleet.hardening.ssh
    if said and said.key_only and not said.second_factor:
        yield (
            "mail_fleet.hardening.ssh.key_only: without second_factor everybody logs in with a key alone; say "
            "second_factor, or take key_only out"
        )


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _key_alone_from_anywhere: {"hosts", "hardening", "firewall", "management"},
    _nobody_to_be_asked: {"hardening"},
}
