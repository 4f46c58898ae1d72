"""What an answer of Cloudflare's API means to an operator, and what to do about it. Promise: pure; no token is in reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
DUPLICATE = frozenset({81057, 81058})  # the record exists already; an identical one does
MISSING = frozenset({81044})  # no record of that id
CNAME = frozenset({81053, 81054, 81055, 81056})  # something stands where only a CNAME may, or the reverse
_BAD_TOKEN = frozenset({1000, 6003, 6111, 9106, 9107})  # not a token, or in no form Cloudflare knows
_NO_SUCH_ZONE = frozenset({1001, 7000, 7003})  # an identifier that leads nowhere
READ_ZONES, READ_DNS, EDIT_DNS = "Zone / Zone / Read", "Zone / DNS / Read", "Zone / DNS / Edit"
MAY_HAVE_LANDED = "what was sent may have been done all the same, and is not sent again: run the plan again to see"
LIMIT = "1,200 calls in five minutes for all tools and dashboards of the user together"


def codes(body: Any) -> frozenset[int]:
    """The error codes of an answer, those inside a chain too."""
    return frozenset(error["code"] for error in _errors(body) if isinstance(error.get("code"), int))


def said(body: Any) -> str:
    """Cloudflare's own words, with their codes."""
    texts = [f"{error.get('message', 'no message')} ({error.get('code', 'no code')})" for error in _errors(body)]
    return "; ".join(dict.fromkeys(texts)) or "no reason given"


def refused(status: int, body: Any, permission: str) -> str:
    """An answer of 400 to 499. ``permission``: what the call needs."""
    found = codes(body)
    if status == 401 or found & _BAD_TOKEN:  # noqa: PLR2004 - HTTP's own number
        hint = "it is mistyped, expired or revoked: make one in the dashboard (My Profile, API Tokens) and put it where the inventory says"
        return f"Cloudflare does not know the API token: {said(body)}; {hint}"
    if found & _NO_SUCH_ZONE or (status == 404 and not found):  # noqa: PLR2004
        hint = "compare zone_id in the inventory with the one on the zone's overview page, or leave it out to have it looked up"
        return f"there is no zone of that id: {said(body)}; {hint}"
    if status in (401, 403):
        hint = f"it needs {permission} on this zone, and must be allowed from this machine's address: edit it in the dashboard"
        return f"the API token may not do this: {said(body)}; {hint}"
    if found & CNAME:
        hint = "nothing may stand beside a CNAME (RFC 1034 §3.6.2): delete one or the other by hand"
        return f"Cloudflare refused the change, and nothing of its batch was done: {said(body)}; {hint}"
    return f"Cloudflare refused the call ({status}), and nothing of it was done: {said(body)}"


def unsuccessful(body: Any) -> str:
    """Status 200, but not done."""
    return f"Cloudflare says that the call failed (200, success: false): {said(body)}"


def broken(status: int, *, write: bool) -> str:
    """An answer of 500 and above."""
    hint = MAY_HAVE_LANDED if write else "see cloudflarestatus.com and try later"
    return f"Cloudflare failed ({status}); {hint}"


def unreachable(reason: str, *, write: bool) -> str:
    """No answer at all."""
    hint = MAY_HAVE_LANDED if write else "check network, proxy and the provider's api in the inventory"
    return f"Cloudflare gave no answer ({reason}); {hint}"


def unreadable(reason: str, *, write: bool) -> str:
    """An answer that is not the API's."""
    hint = MAY_HAVE_LANDED if write else "check the provider's api in the inventory, and whether a proxy answers for it"
    return f"Cloudflare's answer cannot be understood ({reason}); {hint}"


def limited(seconds: float) -> str:
    """Too many calls."""
    hint = "see what else uses the token's user, lower the provider's requests in the inventory, and run again later"
    return f"Cloudflare's limit is used up ({LIMIT}) and it asks for {seconds:.0f} s of silence; {hint}"


def _errors(body: Any) -> Iterator[Json]:
    errors = body.get("errors") if isinstance(body, Mapping) else None
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, Mapping):
            yield error
            yield from _errors({"errors": error.get("error_chain")})
