"""A whole list out of pages, or an error: half a list would make a wrong plan.

Promise: the number of calls is what the first page says, never "until an empty one"; a list that changed or repeats while
it was read, or is shorter than it should be, is refused. Over one page a list that loses an entry and gains another in the
same moment cannot be told from one at rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from postwright.errors import ProviderError

Json = dict[str, Any]
_MOST_PAGES = 1000
_AGAIN = "run the command again; if it stays so, ask Cloudflare"


def whole(place: str, fetch: Callable[[int], Json]) -> list[Json]:
    """The entries of all pages. ``fetch`` gives the answer of a page, counted from 1. Raises ProviderError."""
    entries: list[Json] = []
    total, pages, page = -1, 1, 0
    while page < pages:
        page += 1
        answer = fetch(page)
        count, pages = shape(place, answer)
        if total not in (-1, count):
            raise ProviderError(f"{place}: the list changed while it was read; {_AGAIN}")
        total = count
        entries += answer["result"]
    if len({entry.get("id") for entry in entries}) != len(entries) or len(entries) != total:
        hint = f"{len(entries)} entries came, some perhaps twice, where {total} are said to be"
        raise ProviderError(f"{place}: the list is not whole: {hint}; {_AGAIN}")
    return entries


def shape(place: str, answer: Json) -> tuple[int, int]:
    """How many entries and pages there are in all."""
    info = answer.get("result_info")
    try:
        count, pages = (int(info[key]) for key in ("total_count", "total_pages"))  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        raise ProviderError(f"{place}: the list came without its length; {_AGAIN}") from None
    if not isinstance(answer.get("result"), list) or pages > _MOST_PAGES:
        raise ProviderError(f"{place}: the list is none, or has {pages} pages, which nobody reads; {_AGAIN}")
    return count, pages
