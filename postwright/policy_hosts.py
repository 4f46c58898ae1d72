"""Which hosts serve which MTA-STS policies over HTTPS, and under which names.

Pure. DNS, the web server of a host, its certificate and the checks all ask here, so they cannot disagree.
"""

from __future__ import annotations

from postwright.model import Domain, Fleet, Host


def policy_name(domain: Domain) -> str:
    """The host name senders fetch a domain's policy from (RFC 8461 §3.3)."""
    return f"mta-sts.{domain.name}"


def servers(fleet: Fleet, domain: Domain) -> tuple[Host, ...]:
    """The hosts of ours that serve a domain's policy, in inventory order; none where ``policy_host`` is a stranger."""
    return tuple(host for host in fleet.hosts if _serves(host, domain))


def served(fleet: Fleet, host: Host) -> tuple[Domain, ...]:
    """The domains whose policies a host serves, in inventory order."""
    return tuple(domain for domain in fleet.domains if _serves(host, domain))


def _serves(host: Host, domain: Domain) -> bool:
    where = domain.mta_sts.policy_host if domain.mta_sts else None
    if where == "hosts":
        return "mx" in host.roles and (domain.hosts is None or host.name in domain.hosts)
    return where is not None and where in {address.helo for address in host.addresses}


def policy_names(fleet: Fleet, host: Host) -> tuple[str, ...]:
    """The names beside the host's own that its certificate must be for; an ACME client has to ask for them as well.

    Those of policies with a certificate of their own are not among them.
    """
    return tuple(policy_name(it) for it in served(fleet, host) if it.mta_sts and it.mta_sts.certificate is None)
