"""Changes as operations on single records, packed into calls of the batch API.

Promise: pure. A value that is modified in place is patched by its id, with nothing but what changes, so that comment, tags
and TTL of others survive. A value that stays is not mentioned. New records carry our mark, an explicit TTL, and never
Cloudflare's proxy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from postwright.dns import spf
from postwright.dns.canonical import canonical
from postwright.dns.plan import Change
from postwright.dns.providers.cloudflare.records import MARK, Held, fields

Operation = dict[str, Any]
_COMMENT_LENGTH = 100  # on Free plans (developers.cloudflare.com/dns, Record attributes)
_PROXIABLE = frozenset({"A", "AAAA", "CNAME"})


@dataclass(frozen=True)
class Batch:
    """The body of a call. Cloudflare does deletes, patches and posts in this order, in one transaction."""

    deletes: tuple[Operation, ...] = ()
    patches: tuple[Operation, ...] = ()
    posts: tuple[Operation, ...] = ()

    def __len__(self) -> int:
        return len(self.deletes) + len(self.patches) + len(self.posts)

    def __add__(self, other: Batch) -> Batch:
        return Batch(self.deletes + other.deletes, self.patches + other.patches, self.posts + other.posts)

    @property
    def body(self) -> dict[str, tuple[Operation, ...]]:
        """Only what there is: an empty list says nothing."""
        parts = {"deletes": self.deletes, "patches": self.patches, "posts": self.posts}
        return {name: part for name, part in parts.items() if part}


def mark(deployment: str) -> str:
    """The comment of our records."""
    return f"{MARK}{deployment}"[:_COMMENT_LENGTH]


def of(change: Change, records: Collection[Held], comment: str) -> Batch:
    """One change. ``records``: those of its RRset, which hold its old values, if perhaps in other spellings."""
    there = _records(change, records)
    gone = [value for value in change.old if value not in change.new]
    come = [value for value in change.new if value not in change.old]
    pairs = _pairs(change.type, gone, come)
    stay = {value: value for value in change.old if value in change.new}
    patches = (_patch(change, there[old], old, new) for old, new in {**stay, **pairs}.items())
    return Batch(
        tuple({"id": there[value].id} for value in gone if value not in pairs),
        tuple(patch for patch in patches if len(patch) > 1),
        tuple(_post(change, value, comment) for value in come if value not in pairs.values()),
    )


def packed(batches: Iterable[Batch], limit: int) -> Iterator[Batch]:
    """As few calls as order allows. The operations of one change stay together unless they alone are too many."""
    full = Batch()
    for batch in batches:
        for piece in _pieces(batch, limit):
            if len(full) + len(piece) > limit:
                yield full
                full = Batch()
            full += piece
    if len(full):
        yield full


def _records(change: Change, records: Collection[Held]) -> dict[str, Held]:
    exact = {record.value: record for record in records}
    spelled = {canonical(change.type, record.value): record for record in records}
    return {old: exact.get(old) or spelled[canonical(change.type, old)] for old in change.old}


def _pairs(rdtype: str, gone: Sequence[str], come: Sequence[str]) -> dict[str, str]:
    """Old → new values that are one value modified: SPF with SPF, a single one with a single one."""
    pairs = {}
    for kind in (True, False):
        old, new = ([value for value in side if _is_spf(rdtype, value) is kind] for side in (gone, come))
        if len(old) == len(new) == 1:
            pairs[old[0]] = new[0]
    return pairs


def _is_spf(rdtype: str, value: str) -> bool:
    return rdtype == "TXT" and spf.is_spf(value)


def _patch(change: Change, record: Held, old: str, new: str) -> Operation:
    patch: Operation = {"id": record.id}
    if new != old:
        patch |= fields(change.type, new)
    if change.retimed and record.ttl != change.ttl:
        patch["ttl"] = change.ttl
    if change.proxied and record.proxied:
        patch["proxied"] = False
    return patch


def _post(change: Change, value: str, comment: str) -> Operation:
    post = {"type": change.type, "name": change.name, "ttl": change.ttl, "comment": comment}
    return post | fields(change.type, value) | ({"proxied": False} if change.type in _PROXIABLE else {})


def _pieces(batch: Batch, limit: int) -> Iterator[Batch]:
    """A batch that is too large, cut: what comes before what goes, so that nothing is missing in between."""
    if len(batch) <= limit:
        yield batch
        return
    singles = [Batch(patches=(patch,)) for patch in batch.patches]
    singles += [Batch(posts=(post,)) for post in batch.posts]
    singles += [Batch(deletes=(delete,)) for delete in batch.deletes]
    yield from singles
