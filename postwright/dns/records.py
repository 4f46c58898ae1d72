"""What a fleet wants in DNS: one ``Record`` per value.

Promise: pure and deterministic: the same fleet and keys give the same records in the same order. Whether a name lies in a
zone at all is the inventory's matter; here it is only insisted on. What each kind of record says is in a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from postwright.dns.kinds import bimi, caa, delegation, dmarc, exchangers, mta_sts, names, parked, senders, tls_reports
from postwright.dns.kinds import tlsa as certificates
from postwright.dns.kinds.dmarc import consents
from postwright.dns.kinds.names import unmanaged_pointers
from postwright.dns.record import Record, sort_key, zone_for
from postwright.keys.public import PublicKey
from postwright.model import Fleet

__all__ = ["Record", "consents", "desired", "released", "sort_key", "unmanaged_pointers", "zone_for"]

_KINDS: tuple[Callable[[Fleet], Iterator[Record]], ...] = (
    names.records,
    exchangers.records,
    senders.records,
    dmarc.records,
    mta_sts.records,
    tls_reports.records,
    bimi.records,
    caa.records,
    parked.records,
    delegation.records,
)


def desired(
    fleet: Fleet, keys: Sequence[PublicKey], tlsa: Mapping[str, str] = MappingProxyType({})
) -> tuple[Record, ...]:
    """Every record the fleet needs, with a DKIM record for each key; parents before children.

    ``tlsa``: host name → SHA-256 of its certificate's public key in hexadecimal, see ``material.certificate_digests``;
    whoever publishes leaves TLSA out of zones that are not signed, where it means nothing (RFC 7672 §2.1). PTR records only
    where the fleet holds the reverse zone, see ``unmanaged_pointers``. Raises InventoryError for a name that lies in no zone
    of the fleet.
    """
    found = {record for kind in _KINDS for record in kind(fleet)}
    found.update(delegation.keys(fleet, keys))
    found.update(certificates.records(fleet, tlsa))
    return tuple(sorted(found, key=sort_key))


def released(fleet: Fleet) -> frozenset[tuple[str, str]]:
    """The (name, type) an inventory leaves to others: what we once wrote there stays, as theirs.

    That is an MX with ``keep``, and all that stands at a delegated domain itself.
    """
    kept = {(domain.name, "MX") for domain in fleet.domains if domain.mx == "keep"}
    return frozenset(kept | {(domain.name, "TXT") for domain in fleet.domains if domain.delegated})
