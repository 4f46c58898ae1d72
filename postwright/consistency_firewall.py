"""A packet filter and bans that could not work as the inventory says; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright import values
from postwright.model import Fleet

_PLACE = "mail_fleet.fail2ban"


def _bans_into_nothing(fleet: Fleet) -> Iterator[str]:
    if fleet.fail2ban and not fleet.firewall.bans:
        yield f"mail_fleet.firewall.bans: False, but fail2ban puts its bans there; say {_PLACE}: None as well, or let it be True"


def _shrinking_bans(fleet: Fleet) -> Iterator[str]:
    said = fleet.fail2ban
    if said and values.duration(said.longest) < values.duration(said.ban):
        yield f"{_PLACE}.longest: {said.longest} is shorter than the first ban, {said.ban}; make it as long at least"


def _nobody_banned(fleet: Fleet) -> Iterator[str]:
    """An entry that covers every address is a typing error, not a wish."""
    for network in fleet.fail2ban.ignore if fleet.fail2ban else ():
        if network.prefixlen == 0:
            yield f"{_PLACE}.ignore: {network} is every address, so nobody would be banned; say {_PLACE}: None if that is meant"


def _everybody_known(fleet: Fleet) -> Iterator[str]:
    """Who comes from a network named here is never banned, and logs in with a key alone where it may."""
    for network in fleet.firewall.ssh_from:
        if network.prefixlen == 0:
            yield f"mail_fleet.firewall.ssh_from: {network} is everybody; leave the list empty if that is meant"


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _bans_into_nothing: {"firewall", "fail2ban"},
    _shrinking_bans: {"fail2ban"},
    _nobody_banned: {"fail2ban"},
    _everybody_known: {"firewall"},
}
