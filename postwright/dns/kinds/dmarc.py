"""DMARC policy records and the authorisation of reports to another domain (RFC 9989, RFC 9990 §4, RFC 9991).

Promise: pure. Never writes ``rf`` or ``ri``, which RFC 9989 removed; ``pct``, removed as well, only as ``pct=0`` beside
``t=y``. ``np`` stands there when the inventory says it: without it a name that does not exist falls under ``sp`` or ``p``.
"""

from __future__ import annotations

from collections.abc import Iterator

from postwright.dns.canonical import txt_octets, txt_rdata
from postwright.dns.kinds.uris import report_uri
from postwright.dns.record import Record, made
from postwright.model import Dmarc, Domain, Fleet

AUTHORISATION = txt_rdata([b"v=DMARC1"])
_LEVELS = {"none": 0, "quarantine": 1, "reject": 2}
_WHOLE = 100  # percent


def name(domain: str) -> str:
    """Where a domain's policy lives."""
    return f"_dmarc.{domain}"


def policy_name(domain: Domain) -> str | None:
    """The name of ours a domain's policy is published at; None where its owner keeps it."""
    if domain.delegated is None:
        return name(domain.name)
    return name(domain.delegated.to) if domain.delegated.dmarc else None


def record(policy: Dmarc) -> str:
    """The rdata; ``p`` comes second, for the receivers of RFC 7489, who insist."""
    tags = ["v=DMARC1", f"p={policy.policy}"]
    tags += [f"sp={policy.subdomain_policy}"] if policy.subdomain_policy else []
    tags += [f"np={policy.nonexistent_policy}"] if policy.nonexistent_policy else []
    if policy.test:
        # A receiver of RFC 7489 does not know t and would enforce p in full; pct=0 tells it to go one step lower as well.
        tags += ["t=y", "pct=0"]
    for tag, addresses in (("rua", policy.aggregate_reports), ("ruf", policy.failure_reports)):
        tags += [f"{tag}={','.join(map(report_uri, addresses))}"] if addresses else []
    tags += ["adkim=s", "aspf=s"] if policy.strict else []
    return txt_rdata(["; ".join(tags).encode("ascii")])


def records(fleet: Fleet) -> Iterator[Record]:
    """Every domain's policy, and the consents of those who take its reports as far as the fleet holds their zones."""
    for domain in fleet.domains:
        if place := policy_name(domain):
            yield made(fleet, place, "TXT", record(domain.dmarc))
            for consent in authorisations(fleet, domain):
                yield made(fleet, consent, "TXT", AUTHORISATION)


def authorisations(fleet: Fleet, domain: Domain) -> Iterator[str]:
    """The names at which the receivers of our reports must consent, as far as the fleet holds their zones."""
    for target in _strangers(fleet, domain):
        if fleet.zone_of(target):
            yield _consent(domain, target)


def consents(fleet: Fleet) -> tuple[str, ...]:
    """The names at which somebody else must consent (``v=DMARC1``), or the reports of a domain are not sent to him.

    What lies under one domain that the fleet does not hold may be one organisation all the same: then nobody minds.
    """
    return tuple(name for domain in fleet.domains for name in consents_of(fleet, domain))


def consents_of(fleet: Fleet, domain: Domain) -> tuple[str, ...]:
    """Those of ``consents`` that one domain's reports need."""
    if policy_name(domain) is None:
        return ()
    strangers = dict.fromkeys(target for target in _strangers(fleet, domain) if fleet.zone_of(target) is None)
    return tuple(_consent(domain, target) for target in strangers)


def lowered(old: str, new: str) -> str:
    """In what a new policy is laxer than an old one, such as ``p from reject to none``; empty if in nothing.

    Compared is what receivers do: those of RFC 9989 go one step lower under ``t=y``, those of RFC 7489 for all but ``pct``
    percent of the mail. Either record may be anybody's, in any spelling; one that cannot be read counts as no policy.
    """
    before, after = _tags(old), _tags(new)
    said = {"p", *before, *after}
    phrases = []
    for tag in ("p", "sp", "np"):
        was, now = _strength(before, tag), _strength(after, tag)
        if tag in said and any(low < high for low, high in zip(now, was, strict=True)):
            phrases.append(f"{tag} from {_spoken(before, tag)} to {_spoken(after, tag)}")
    relaxed = [tag for tag in ("adkim", "aspf") if before.get(tag) == "s" != after.get(tag)]
    phrases += [f"{tag} from s to r" for tag in relaxed]
    return ", ".join(phrases)


def _tags(rdata: str) -> dict[str, str]:
    """The tags of a record in lower case, the first of each; none of what is no DMARC record."""
    text = txt_octets(rdata).decode("latin-1").lower() if rdata else ""
    pairs = [(tag.strip(), value.strip()) for tag, _, value in (part.partition("=") for part in text.split(";"))]
    return dict(reversed(pairs)) if pairs[0] == ("v", "dmarc1") else {}


def _policy(tags: dict[str, str], tag: str) -> str:
    """The policy that holds for ``p``, ``sp`` or ``np``, each of which stands in for the next."""
    heirs = {"p": ("p",), "sp": ("sp", "p"), "np": ("np", "sp", "p")}[tag]
    value = next((tags[heir] for heir in heirs if heir in tags), "none")
    return value if value in _LEVELS else "none"


def _strength(tags: dict[str, str], tag: str) -> tuple[float, float]:
    """How strict a policy is to receivers of RFC 9989 and of RFC 7489, from 0 for none to 2 for reject."""
    level = _LEVELS[_policy(tags, tag)]
    if not level:
        return 0, 0
    return level - (tags.get("t") == "y"), level - 1 + _percent(tags) / _WHOLE


def _percent(tags: dict[str, str]) -> int:
    text = tags.get("pct", "")
    return min(int(text), _WHOLE) if text.isascii() and text.isdigit() else _WHOLE


def _spoken(tags: dict[str, str], tag: str) -> str:
    test = ["t=y"] if tags.get("t") == "y" else []
    part = [f"pct={_percent(tags)}"] if _percent(tags) < _WHOLE else []
    policy = _policy(tags, tag)
    return f"{policy} with {' and '.join(test + part)}" if _LEVELS[policy] and (test or part) else policy


def _strangers(fleet: Fleet, domain: Domain) -> Iterator[str]:
    """The domains reports go to that are taken to be another organisation's.

    One above or below the domain, or in the same zone, is taken to be the same: that needs no consent.
    """
    own = fleet.zone_of(domain.name)
    for address in (*domain.dmarc.aggregate_reports, *domain.dmarc.failure_reports):
        target = address.rpartition("@")[2]
        zone = fleet.zone_of(target)
        if not _related(target, domain.name) and (zone is None or zone != own):
            yield target


def _consent(domain: Domain, target: str) -> str:
    return f"{domain.name}._report._dmarc.{target}"


def _related(one: str, other: str) -> bool:
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")
