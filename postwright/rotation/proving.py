"""Proves that every host signs with what it is to sign with, and goes back to the keys before where one does not.

Promise: a proof that could not be had, because a host or a name server gave no answer, is no proof that failed: nothing
is taken back for it, and nothing is settled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache

from postwright.dns import nameservers
from postwright.dns.canonical import txt_octets
from postwright.dns.kinds import delegation
from postwright.dns.nameservers import NameServer
from postwright.dns.records import zone_for
from postwright.dns.writing import listed
from postwright.errors import DeployError, ProviderError
from postwright.hosts import runner
from postwright.inventory import Project
from postwright.proof import ProofFailed, Signature, prove_signing
from postwright.rotation import moves
from postwright.rotation.living import holdings, living


def prove(
    project: Project, phase: Callable[[str], None], hosts: Collection[str], before: Collection[str] = ()
) -> list[Signature]:
    """Prove these hosts, all domains among them whose key changes; with the last of them note what all sign with.

    ``before``: those that were brought to the new state and proven already; they too go back if one of these fails.
    Raises ProofFailed if a message does not verify, after hosts went back to the key before, where there is one;
    DeployError or ProviderError if that could not be found out.
    """
    first = moves.unproven(living(project))
    try:
        found = _proven(project, first, hosts)
    except ProofFailed as error:
        failed = moves.failed(project, {name: text for name, text in error.reasons.items() if name in first})
        if failed:
            phase(f"going back to the key before for {listed(failed)}")
            error.add_note(_gone_back(project, failed, {*before, *hosts}))
        error.add_note("nothing that DNS still needs was removed; mend the cause and run again")
        raise
    if {*before, *hosts} >= {host.name for host in project.fleet.hosts}:
        moves.settled(project)
    return found


def _gone_back(project: Project, domains: list[str], hosts: Collection[str]) -> str:
    """Hosts sign with the key before again, and are proven to; says so, or why not."""
    try:
        runner.apply(project, hosts=hosts)
        _proven(project, domains, hosts)
    except (DeployError, ProviderError) as error:
        return f"going back to the key before failed as well: {error}"
    return f"hosts sign with the key before again for {listed(domains)}; the new one is tried again in a day"


def _proven(project: Project, first: Collection[str], hosts: Collection[str]) -> list[Signature]:
    keys, chosen = living(project), project.only(hosts)
    held = {host.name: holdings(project.fleet, host, keys) for host in chosen.fleet.hosts}
    return prove_signing(chosen, held, key_texts(project), first)


def key_texts(project: Project) -> Callable[[str], bytes | None]:
    """Asks for the one TXT at a name, each once; ProviderError where no server answers, for unknown is no failed proof."""
    homes = delegation.homes(project.fleet)
    servers = cache(lambda zone: nameservers.authoritative(project.fleet, zone_for(project.fleet, zone)))

    @cache
    def ask(name: str) -> bytes | None:
        home = homes.get(name, name)
        try:
            return _joined(home, *servers(zone_for(project.fleet, home).name))
        except nameservers.NoAnswerError as error:
            msg = f"{name}: the key in DNS cannot be read ({error}); whether mail verifies is unknown, run again"
            raise ProviderError(msg) from None

    return ask


def joined_text(project: Project, name: str) -> bytes | None:
    """The one TXT at a name with its strings joined (RFC 6376 §3.6.2.2), or None if there is not exactly one."""
    home = delegation.home(project.fleet, name)
    return _joined(home, *nameservers.authoritative(project.fleet, zone_for(project.fleet, home)))


def _joined(home: str, servers: Sequence[NameServer], notes: Sequence[str]) -> bytes | None:
    if not servers:
        raise nameservers.NoAnswerError("; ".join(notes))
    values = nameservers.ask(servers[0], home, "TXT")
    return txt_octets(values[0]) if len(values) == 1 else None
