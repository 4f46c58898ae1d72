"""Clashes and dangling names between what an inventory publishes of its domains; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from postwright.dns.kinds import delegation, dmarc, exchangers, mta_sts
from postwright.model import Cloudflare, Domain, Fleet
from postwright.policy_hosts import policy_name

_LEAST_TTL = 30  # seconds; what Cloudflare's Enterprise plans take, others 60


def domains(fleet: Fleet) -> Iterator[tuple[str, Domain]]:
    """Every domain with the key path it stands at."""
    for position, domain in enumerate(fleet.domains):
        yield f"mail_fleet.domains[{position}] ({domain.name})", domain


def _names_without_zone(fleet: Fleet) -> Iterator[str]:
    """Names the inventory makes up itself, but for HELO names and domains, which ``consistency`` looks at."""
    for position, name in enumerate(fleet.parked):
        if fleet.zone_of(name) is None:
            yield (
                f"mail_fleet.parked[{position}]: {name} lies in no zone of mail_fleet.zones, so nobody would publish its "
                "records; add its zone and a provider"
            )
    for place, domain in domains(fleet):
        named = {"spf_include": domain.spf_include, "delegated.to": domain.delegated and domain.delegated.to}
        for key, said in named.items():
            if said and fleet.zone_of(said) is None:
                yield f"{place}.{key}: {said} lies in no zone of mail_fleet.zones; name one below a zone of yours"


def _delegated(fleet: Fleet) -> Iterator[str]:
    for place, domain in domains(fleet):
        if domain.delegated is None:
            continue
        if domain.mx != "keep":
            yield f'{place}.mx: is "{domain.mx}", but a delegated domain\'s MX is its owner\'s; say "mx": "keep"'
        if fleet.zone_of(domain.name) is None:
            for key in ("mta_sts", "tls_reports", "bimi"):
                if getattr(domain, key):
                    yield (
                        f"{place}.{key}: its records would stand in the domain's own zone, which is not in "
                        "mail_fleet.zones; take it out, or add the zone"
                    )


def _bounces(fleet: Fleet) -> Iterator[str]:
    for place, domain in domains(fleet):
        if domain.return_path and not exchangers.takers(fleet, domain):
            yield (
                f"{place}.delegated.return_path: none of its hosts has the role mx, so bounces could not come back; give one "
                'the role, or say "return_path": None'
            )
        for key, address in {"postmaster": fleet.postmaster, "bounces": fleet.bounces or ""}.items():
            if address.rpartition("@")[2] == domain.return_path:
                yield (
                    f"mail_fleet.{key}: {address} lies behind these hosts, and all mail to {domain.return_path} is led there "
                    "again; name a mailbox, or an address elsewhere"
                )


def _mta_sts(fleet: Fleet) -> Iterator[str]:
    """A policy nobody can satisfy keeps mail away (RFC 8461 §5)."""
    for place, domain in domains(fleet):
        if domain.mta_sts is None or domain.mta_sts.mode == "none":
            continue
        if domain.mx == "null":
            yield f'{place}.mta_sts: the domain takes no mail ("mx": "null"); take it out, or say "mode": "none"'
        elif domain.mx == "keep" and not domain.mta_sts.mx:
            yield f'{place}.mta_sts.mx: with "mx": "keep" its MX hosts are not known here; list them'
        elif domain.mx == "hosts" and domain.mta_sts.mx:
            for host in exchangers.takers(fleet, domain):
                if not mta_sts.matches(domain.mta_sts.mx, host.fqdn):
                    yield f"{place}.mta_sts.mx: {host.fqdn}, an MX of the domain, is not among them; add it, or leave mx out"


def _policy_hosts(fleet: Fleet) -> Iterator[str]:
    for place, domain in domains(fleet):
        if domain.mta_sts and domain.mta_sts.policy_host == policy_name(domain):
            yield (
                f"{place}.mta_sts.policy_host: {domain.mta_sts.policy_host} would be a CNAME to itself; name the web server it "
                "leads to, or leave policy_host out"
            )


def _takes_no_mail(fleet: Fleet) -> Iterator[str]:
    """Mail to us, mail led on and reports, sent where the inventory itself says that nobody takes mail."""
    null = {*fleet.parked, *(domain.name for domain in fleet.domains if domain.mx == "null")}
    wanted = [("mail_fleet.postmaster", fleet.postmaster), ("mail_fleet.bounces", fleet.bounces or "")]
    for place, domain in domains(fleet):
        if domain.mx == "hosts":
            wanted += [(f"{place}.aliases.{local}", target) for local, target in domain.aliases.items()]
        reports = (domain.dmarc.aggregate_reports, domain.dmarc.failure_reports)
        wanted += [(f"{place}.dmarc", address) for listed in reports for address in listed]
        wanted += [(f"{place}.tls_reports", target) for target in domain.tls_reports if "@" in target]
    for place, address in wanted:
        if address.rpartition("@")[2] in null:
            yield f"{place}: {address} is at a domain that takes no mail; name an address that does"


def _bimi(fleet: Fleet) -> Iterator[str]:
    """Receivers show no logo of a domain whose policy lets others use its name."""
    for place, domain in domains(fleet):
        policy = domain.dmarc
        ours = dmarc.policy_name(domain) is not None
        weak = "none" in (policy.policy, policy.subdomain_policy) or policy.test
        if domain.bimi and ours and weak:
            yield (
                f"{place}.bimi: needs a DMARC policy of quarantine or reject, without test, and for subdomains too; raise "
                f"{place}.dmarc first, or take bimi out"
            )


def _zone_ids(fleet: Fleet) -> Iterator[str]:
    for position, zone in enumerate(fleet.zones):
        provider = fleet.providers.get(zone.provider)
        if zone.zone_id and provider and not isinstance(provider, Cloudflare):
            yield (
                f"mail_fleet.zones[{position}] ({zone.name}).zone_id: is Cloudflare's, and provider {zone.provider!r} is of "
                f"kind {provider.kind}; take it out, or mend the provider"
            )


def _cloudflare_zones(fleet: Fleet) -> Iterator[str]:
    first: dict[str, str] = {}
    for position, zone in enumerate(fleet.zones):
        place = f"mail_fleet.zones[{position}] ({zone.name})"
        if zone.zone_id and first.setdefault(zone.zone_id, zone.name) != zone.name:
            yield f"{place}.zone_id: is that of {first[zone.zone_id]} already; copy each zone's own from its overview page"
        if isinstance(fleet.providers.get(zone.provider), Cloudflare) and zone.ttl < _LEAST_TTL:
            yield f"{place}.ttl: is {zone.ttl}, and Cloudflare takes none below {_LEAST_TTL}; set 60 to 86400"


@dataclass(frozen=True)
class _Claim:
    """A name somebody needs; those of one kind agree about it."""

    name: str
    kind: str
    place: str


def _claims(fleet: Fleet) -> Iterator[_Claim]:
    """The names at which records of different kinds could meet. Those of the ``sending`` kind are joined into one record."""
    for place, domain in domains(fleet):
        yield _Claim(domain.name, "sending", place)
        if domain.delegated is None:
            yield _Claim(dmarc.name(domain.name), "sending", place)
    for host in fleet.hosts:
        for address in host.addresses:
            yield _Claim(address.helo, "sending", f"host {host.name}: mail_host.addresses")
    for place, domain in domains(fleet):
        if domain.spf_include:
            yield _Claim(domain.spf_include, "included", f"{place}.spf_include")
        yield from _delegated_claims(fleet, place, domain)
        if domain.mta_sts and domain.mta_sts.policy_host:
            yield _Claim(policy_name(domain), f"policy of {domain.name}", f"{place}.mta_sts.policy_host")
    for position, name in enumerate(fleet.parked):
        yield _Claim(name, "parked", f"mail_fleet.parked[{position}]")
        yield _Claim(dmarc.name(name), "parked", f"mail_fleet.parked[{position}]")


def _delegated_claims(fleet: Fleet, place: str, domain: Domain) -> Iterator[_Claim]:
    if domain.delegated is None:
        return
    kind = f"delegated {place}"
    yield _Claim(f"_domainkey.{domain.delegated.to}", kind, f"{place}.delegated.to")
    for alias, target in delegation.led(domain):
        yield _Claim(target, kind, f"{place}.delegated.to")
        if fleet.zone_of(alias):
            yield _Claim(alias, f"{kind} CNAME", f"{place}.delegated")


def _names_taken(fleet: Fleet) -> Iterator[str]:
    first: dict[str, _Claim] = {}
    told: set[tuple[str, str]] = set()
    for claim in _claims(fleet):
        other = first.setdefault(claim.name, claim)
        if other.kind != claim.kind and (claim.place, other.place) not in told:
            told.add((claim.place, other.place))
            yield f"{claim.place}: {claim.name} is needed by {other.place} already; name another, or take out one of the two"


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _names_without_zone: {"zones"},
    _delegated: {"zones"},
    _bounces: {"hosts", "postmaster"},
    _mta_sts: {"hosts"},
    _bimi: set(),
    _policy_hosts: set(),
    _takes_no_mail: {"postmaster", "bounces"},
    _zone_ids: {"providers"},
    _cloudflare_zones: {"providers"},
    _names_taken: set(),
}
