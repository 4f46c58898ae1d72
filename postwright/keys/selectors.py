"""Selector names. Pure.

A selector we may choose says when its key was made and is never used again (RFC 6376 §3.1). One that the owner of a
delegated domain leads to us comes round again, but only after the key it had was revoked and deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from itertools import count

from postwright.keys.key import Key, Keys

TEMPLATE = "pw{date}"


def next_selector(template: str, today: date, used: Collection[str], host: str | None = None) -> str:
    """The template filled in: ``{date}`` as 20261122, ``{host}``, and ``{serial}`` from 1 on.

    A template without ``{serial}`` gets ``-2`` and so on where a name was used before.
    """
    return next(name for name in _names(template, today, host) if name not in used)


def _names(template: str, today: date, host: str | None) -> Iterator[str]:
    for serial in count(1):
        name = template.format(date=f"{today:%Y%m%d}", serial=serial, host=(host or "").replace(".", "-"))
        yield name.strip("-") if serial == 1 or "{serial}" in template else f"{name.strip('-')}-{serial}"


def next_fixed(selectors: Sequence[str], keys: Keys, *, urgent: bool) -> str | None:
    """A given selector that was never used, else the one whose key was deleted first; None if all have a key in DNS.

    ``urgent``: one whose key is revoked will do as well.
    """
    latest = {key.selector: key for key in keys}
    unused = [name for name in selectors if name not in latest]
    free = [key for name in selectors if (key := latest.get(name)) and _is_free(key, urgent=urgent)]
    free.sort(key=lambda key: (key.state == "revoked", key.since))
    return next(iter((*unused, *(key.selector for key in free))), None)


def _is_free(key: Key, *, urgent: bool) -> bool:
    return key.told is not None and (key.state == "deleted" or (urgent and key.state == "revoked"))
