"""Clashes in what an inventory says of transport security and of the policies its hosts serve; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright.consistency_dns import domains
from postwright.model import Fleet
from postwright.policy_hosts import servers

_PLACE = "mail_fleet.outbound_tls"


def _served_by_nobody(fleet: Fleet) -> Iterator[str]:
    for place, domain in domains(fleet):
        policy = domain.mta_sts
        if policy is None or servers(fleet, domain):
            continue
        if policy.policy_host == "hosts":
            yield (
                f'{place}.mta_sts.policy_host: "hosts", but none of its hosts has the role mx; give one the role, or name the '
                "web server that serves the policy"
            )
        elif policy.certificate:
            yield (
                f"{place}.mta_sts.certificate: is for policies that hosts of this fleet serve, and {policy.policy_host or 'none'} "
                'is not one of them; take it out, or say "policy_host": "hosts"'
            )


def _level_without_dane(fleet: Fleet) -> Iterator[str]:
    """Postfix's own level encrypt does not look DANE up; what asks for MTA-STS does that as well."""
    if fleet.outbound_tls.level == "encrypt" and not fleet.outbound_tls.mta_sts:
        yield (
            f'{_PLACE}.level: "encrypt" alone would leave DANE out; say "mta_sts": True beside it, which looks up both, '
            'or keep "dane"'
        )


def _senders_of_our_own(fleet: Fleet) -> Iterator[str]:
    """Mail to ourselves goes by aliases to where they lead; a policy for it would hold for nothing."""
    ours = {domain.name for domain in fleet.domains if domain.mx == "hosts"}
    for name in fleet.outbound_tls.policies:
        if name in ours:
            yield (
                f"{_PLACE}.policies.{name}: these hosts take its mail themselves; name the receivers its aliases lead to, or "
                "take it out"
            )


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _served_by_nobody: {"hosts"},
    _level_without_dane: {"outbound_tls"},
    _senders_of_our_own: {"outbound_tls", "domains"},
}
