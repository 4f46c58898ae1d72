"""The calls of Cloudflare's API we need, through its own SDK, as plain JSON.

Promise: the token goes to ``api`` of the inventory and nowhere else, whatever the environment says, and is in no message.
An answer counts only if it says ``success``. Reads are repeated a few times; a write is sent once, for the API knows no
idempotency key, unless it was turned away by the rate limit, which means that it was not looked at. The SDK's own retries
are off: it repeats writes, and does not wait as long as it is told to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any

from postwright.dns.providers import OutcomeUnknown, ZoneMoved
from postwright.dns.providers.cloudflare import explain
from postwright.dns.providers.cloudflare.batches import Batch
from postwright.dns.providers.cloudflare.budget import WINDOW, Budget, shared
from postwright.errors import ProviderError
from postwright.model import Cloudflare

if TYPE_CHECKING:
    from cloudflare import APIResponse, APIStatusError
    from cloudflare import Cloudflare as Client

Json = dict[str, Any]
PAGE = 5000  # records; the most the tests of others have seen answered
ZONES_PAGE = 50  # the most there is
_READS = 3  # times a read is tried
_PAUSE = 1.0  # seconds before the second
_LONGEST_HOLD = 330.0  # seconds a 429 may ask for; the limit's window is 300


@dataclass(frozen=True)
class Call:
    """``place`` begins every message; ``permission`` is what the token needs for it."""

    place: str
    permission: str
    write: bool = False

    def error(self, text: str) -> ProviderError:
        return ProviderError(f"{self.place}: {text}")

    def lost(self, text: str) -> ProviderError:
        """Without an answer that counts nobody knows whether a write was done."""
        return OutcomeUnknown(f"{self.place}: {text}") if self.write else self.error(text)


@dataclass(frozen=True)
class Api:
    """A client, the budget of its token, and the ids of zones it has found, which ``finding`` guards."""

    client: Client = field(repr=False)
    budget: Budget = field(repr=False)
    zone_ids: dict[str, str] = field(default_factory=dict)
    finding: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def open(cls, config: Cloudflare, token: str) -> Api:
        """The one client of a token in this process, so that connections and zone ids outlive a step."""
        key = sha256(f"{config.api} {config.timeout} {token}".encode()).hexdigest()
        budget = shared(token, config.requests)
        with _guard:
            if key not in _opened:
                _opened[key] = cls(_client(config, token), budget)
            return _opened[key]

    def zones(self, place: str, page: int, name: str | None = None) -> Json:
        """A page of the zones the token sees, or those of one name."""
        send = self.client.zones.with_raw_response.list
        query = {"name": name} if name else None
        return self._send(
            Call(place, explain.READ_ZONES), lambda: send(page=page, per_page=ZONES_PAGE, extra_query=query)
        )

    def zone(self, place: str, zone_id: str) -> Json:
        """One zone by its id."""
        send = self.client.zones.with_raw_response.get
        return self._send(Call(place, explain.READ_ZONES), lambda: send(zone_id=zone_id))

    def records(self, place: str, zone_id: str, page: int) -> Json:
        """A page of a zone's records, in an order that does not depend on when they were made."""
        send = self.client.dns.records.with_raw_response.list
        return self._send(
            Call(place, explain.READ_DNS), lambda: send(zone_id=zone_id, page=page, per_page=PAGE, order="name")
        )

    def batch(self, place: str, zone_id: str, batch: Batch) -> Json:
        """All of the batch or nothing. ZoneMoved where a record it speaks of is gone, or is there already."""
        send: Callable[..., APIResponse[Any]] = self.client.dns.records.with_raw_response.batch
        return self._send(Call(place, explain.EDIT_DNS, write=True), lambda: send(zone_id=zone_id, **batch.body))

    def _send(self, call: Call, send: Callable[[], APIResponse[Any]]) -> Json:
        """The answer's JSON. Failures that a read may outlive are tried again; the limit is waited for once."""
        from cloudflare import APIConnectionError, APIStatusError, RateLimitError  # noqa: PLC0415

        waited = False
        tries = 1 if call.write else _READS
        while True:
            self.budget.take()
            try:
                return _answer(call, send())
            except RateLimitError as error:
                self._wait(call, _retry_after(error), again=waited)
                waited = True
            except APIStatusError as error:
                tries -= 1
                if error.status_code < 500 or not tries:  # noqa: PLR2004 - HTTP's own number
                    raise _refusal(call, error) from None
                self.budget.sleep(_PAUSE)
            except APIConnectionError as error:
                tries -= 1
                if not tries:
                    reason = str(error.__cause__ or error) or type(error.__cause__).__name__
                    raise call.lost(explain.unreachable(reason, write=call.write)) from None
                self.budget.sleep(_PAUSE)

    def _wait(self, call: Call, seconds: float, *, again: bool) -> None:
        if again or seconds > _LONGEST_HOLD or not self.budget.hold(seconds):
            raise call.error(explain.limited(seconds))


_opened: dict[str, Api] = {}
_guard = Lock()


def _client(config: Cloudflare, token: str) -> Client:
    """It knows this token and this address only, although the SDK looks into the environment for others."""
    from cloudflare import Cloudflare as Client  # noqa: PLC0415 - 50 MB and most of a second

    client = Client(api_token=token, base_url=config.api, max_retries=0, timeout=config.timeout)
    client.api_email = client.api_key = client.user_service_key = None
    client._custom_headers = {}  # noqa: SLF001 - CLOUDFLARE_CUSTOM_HEADERS would go before the token's
    return client


def _answer(call: Call, response: APIResponse[Any]) -> Json:
    try:
        body = response.http_response.json()
    except ValueError as error:
        raise call.lost(explain.unreadable(f"no JSON: {error}", write=call.write)) from None
    if not isinstance(body, dict) or "success" not in body:
        raise call.lost(explain.unreadable("no envelope of the API", write=call.write))
    if body["success"] is not True:
        raise _moved(call, body) or call.error(explain.unsuccessful(body))
    return body


def _refusal(call: Call, error: APIStatusError) -> ProviderError:
    if error.status_code >= 500:  # noqa: PLR2004 - HTTP's own number
        return call.lost(explain.broken(error.status_code, write=call.write))
    moved = _moved(call, error.body)
    return moved or call.error(explain.refused(error.status_code, error.body, call.permission))


def _moved(call: Call, body: Any) -> ZoneMoved | None:
    """A batch speaks of records as they were read; where they are not so, somebody else was quicker."""
    if not (call.write and explain.codes(body) & (explain.DUPLICATE | explain.MISSING)):
        return None
    hint = "somebody else changed it since the plan; run the plan again"
    return ZoneMoved(f"{call.place}: is not what the plan was made from: {explain.said(body)}; {hint}")


def _retry_after(error: APIStatusError) -> float:
    """Seconds; without a header that can be read, the whole window."""
    text = error.response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else WINDOW
