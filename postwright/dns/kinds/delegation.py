"""Domains whose owner leads mail records to a zone of ours by CNAME, once, and never touches DNS again. Pure.

The records live below ``delegated.to``: ``SELECTOR._domainkey.TO``, ``_dmarc.TO``, ``RETURN_PATH.TO``. Where the fleet holds
the owner's zone as well the CNAMEs are published like any record; else they are to be asked for. Nothing is ever published
at the domain itself: its SPF, MX and whatever else stands there are the owner's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postwright.dns.kinds import dkim, dmarc, exchangers, senders
from postwright.dns.record import Record, made
from postwright.errors import InventoryError
from postwright.keys.key import record_name
from postwright.keys.public import PublicKey
from postwright.model import Domain, Fleet


def led(domain: Domain) -> Iterator[tuple[str, str]]:
    """Each name of the owner's with the name of ours its CNAME leads to; none for a domain that is not delegated."""
    if domain.delegated is None:
        return
    to = domain.delegated.to
    for selector in domain.delegated.selectors:
        yield record_name(selector, domain.name), record_name(selector, to)
    if domain.delegated.dmarc:
        yield dmarc.name(domain.name), dmarc.name(to)
    if domain.return_path:
        yield domain.return_path, f"{domain.delegated.return_path}.{to}"


def selectors(fleet: Fleet, name: str) -> tuple[str, ...]:
    """The selectors that are led to us for the domain of that name; none if it is not delegated."""
    return next((it.delegated.selectors for it in fleet.domains if it.delegated and it.name == name), ())


def asked(fleet: Fleet) -> tuple[tuple[str, str], ...]:
    """The CNAMEs, as (name, target), that owners must set: those in zones the fleet does not hold."""
    return tuple(pair for domain in fleet.domains for pair in led(domain) if fleet.zone_of(pair[0]) is None)


def home(fleet: Fleet, name: str) -> str:
    """Where the record is that a receiver is led to when it asks for ``name``: below ``to``, or at the name itself."""
    return homes(fleet).get(name, name)


def homes(fleet: Fleet) -> dict[str, str]:
    """Each name that is led to us with where it leads; for those who ask of many."""
    return {alias: target for domain in fleet.domains for alias, target in led(domain)}


def records(fleet: Fleet) -> Iterator[Record]:
    """The CNAMEs in zones of the fleet, and the MX of return paths; SPF is in ``senders``, the policy in ``dmarc``."""
    for domain in fleet.domains:
        for name, target in led(domain):
            if fleet.zone_of(name):
                yield made(fleet, name, "CNAME", f"{target}.")
        if domain.delegated and (bounces := senders.envelope_name(domain)):
            yield from exchangers.to_hosts(fleet, bounces, domain)


def keys(fleet: Fleet, found: Sequence[PublicKey]) -> Iterator[Record]:
    """The DKIM records of keys, each where receivers are led to.

    Raises InventoryError for a key whose selector the owner of a delegated domain was never asked to lead to us.
    """
    led_to = homes(fleet)
    delegated = {domain.name for domain in fleet.domains if domain.delegated}
    for key in found:
        if key.domain in delegated and key.name not in led_to and fleet.zone_of(key.name) is None:
            raise InventoryError("mail_fleet.domains", [_not_led(key)])
        yield made(fleet, led_to.get(key.name, key.home or key.name), "TXT", dkim.record(key))


def _not_led(key: PublicKey) -> str:
    return (
        f"{key.domain}: the keyring has a key {key.selector}, but no CNAME leads {key.name} to us; add {key.selector!r} to "
        "delegated.selectors and have its owner set the CNAME that `postwright show` names"
    )
