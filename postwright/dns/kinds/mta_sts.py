"""MTA-STS: senders must find TLS and a certificate at one of these MX hosts (RFC 8461). Pure.

The policy itself is a file that ``policy_host`` serves at ``POLICY_PATH`` of https://mta-sts.DOMAIN; ``policy_text`` is its
content. A new policy must be served before its id is published (RFC 8461 §3.3): ids are written after the hosts have
changed, see ``merge``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import sha256

from postwright.dns.canonical import txt_rdata
from postwright.dns.kinds import exchangers
from postwright.dns.record import Record, made
from postwright.model import Domain, Fleet
from postwright.policy_hosts import policy_name, servers

POLICY_PATH = "/.well-known/mta-sts.txt"
_ID_LENGTH = 20  # of the 32 characters an id may have (RFC 8461 §3.1)


def name(domain: str) -> str:
    """Where a domain's record lives."""
    return f"_mta-sts.{domain}"


def record(policy: str) -> str:
    """The rdata for a policy's text: its id is made from the text, so it changes exactly when the policy does."""
    return txt_rdata([f"v=STSv1; id={sha256(policy.encode()).hexdigest()[:_ID_LENGTH]};".encode()])


def policy_text(fleet: Fleet, domain: Domain) -> str:
    """The content of the policy file, lines ended by CRLF (RFC 8461 §3.2); empty if the domain has no policy.

    MX hosts are sorted, so that the order of the inventory makes no new policy.
    """
    if domain.mta_sts is None:
        return ""
    own = exchangers.takers(fleet, domain) if domain.mx == "hosts" else ()
    mx = sorted({*(domain.mta_sts.mx or (host.fqdn for host in own))})
    lines = ["version: STSv1", f"mode: {domain.mta_sts.mode}", *(f"mx: {host}" for host in mx)]
    return "".join(f"{line}\r\n" for line in (*lines, f"max_age: {domain.mta_sts.max_age}"))


def records(fleet: Fleet) -> Iterator[Record]:
    """The id of each policy, and where the policy's host name leads if the inventory says so."""
    for domain in fleet.domains:
        if domain.mta_sts:
            yield made(fleet, name(domain.name), "TXT", record(policy_text(fleet, domain)))
            if domain.mta_sts.policy_host == "hosts":
                yield from _addresses(fleet, domain)
            elif domain.mta_sts.policy_host:
                yield made(fleet, policy_name(domain), "CNAME", f"{domain.mta_sts.policy_host}.")


def _addresses(fleet: Fleet, domain: Domain) -> Iterator[Record]:
    """The first addresses of all hosts that serve the policy: senders try the next one if one does not answer."""
    for host in servers(fleet, domain):
        for address, kind in ((host.first(4), "A"), (host.first(6), "AAAA")):
            if address:
                yield made(fleet, policy_name(domain), kind, str(address.ip))


def matches(patterns: Collection[str], host: str) -> bool:
    """Whether a policy's patterns admit a host; ``*.`` stands for exactly one label (RFC 8461 §4.1)."""
    return host in patterns or f"*.{host.partition('.')[2]}" in patterns
