"""What a person can tell the agent: one JSON object per line in, one per line out, over a socket only root can reach.

Promise: a request that cannot be carried out is answered with {"error": text} and changes nothing; what was changed is on
disk before the answer, with the reason in the decisions.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import reactions
from .accounts import Account, LaneState
from .books import Books
from .judging import stage_name
from .reactions import Reaction
from .reconcile import Reconciliation
from .release import Release
from .stages import Standing
from .status import status
from .windows import iso

LONGEST = 65_536  # bytes of a request
_KEYS = {
    "status": set[str](),
    "pause": {"address", "provider", "reason", "until"},
    "resume": {"address", "provider", "reason", "until"},
    "set": {"address", "provider", "stage"},
    "release": {"address", "provider", "count"},
    "complaints": {"address", "provider", "count"},
}
_MOST = 10_000_000
_LATEST = 1e11


class RequestError(ValueError):
    """A request that makes no sense; the text says why."""


class Control:
    """Carries out requests; ``release`` and ``reconciliation`` are told and asked."""

    def __init__(self, books: Books, release: Release, reconciliation: Reconciliation) -> None:
        self._books, self._release, self._reconciliation = books, release, reconciliation
        self._acts: dict[str, Callable[[LaneState, dict[str, Any]], None]] = {
            "pause": self._pause,
            "resume": self._resume,
            "set": self._set,
            "release": self._let_go,
            "complaints": self._complaints,
        }

    def answer(self, line: bytes) -> dict[str, Any]:
        """The answer to a request."""
        try:
            return self._done(_request(line))
        except RequestError as error:
            return {"error": str(error)}
        except sqlite3.Error as error:
            self._books.store.fail(error)
            return {"error": f"the agent's database refuses: {error}; nothing was changed"}

    def _done(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "status":
            return status(self._books, self._reconciliation.unknown_held)
        if self._books.store.stale:
            raise RequestError("the agent's database cannot be written; see problems in its status")
        self._books.opened_or_same(self._books.now())
        lanes = self._lanes(request.get("address"), request.get("provider"))
        if request["do"] == "set":
            for lane in lanes:
                self._settable(lane, request.get("stage"))
        act = self._acts[request["do"]]
        for lane in lanes:
            act(lane, request)
        if not self._books.store.commit():
            raise RequestError(f"the agent's database refuses: {self._books.store.problem}; nothing was changed")
        self._release.wake()
        return {"changed": [it.name for it in lanes]}

    def _lanes(self, address: Any, provider: Any) -> list[LaneState]:
        """The lanes named; None is all."""
        found = [
            it
            for it in self._books.lanes.values()
            if address in (None, it.lane.address.ip) and provider in (None, it.lane.provider.name)
        ]
        if not found:
            raise RequestError(f"there is no lane of address {address!r} to provider {provider!r}")
        return found

    def _pause(self, lane: LaneState, request: dict[str, Any]) -> None:
        reason = request.get("reason") or "paused by a person"
        self._react(lane, reactions.paused(lane.reaction, reason, request.get("until")), reason)

    def _resume(self, lane: LaneState, request: dict[str, Any]) -> None:
        reason = request.get("reason") or "resumed by a person"
        self._react(lane, reactions.resumed(lane.reaction), reason)

    def _react(self, lane: LaneState, reaction: Reaction, reason: str) -> None:
        if reaction != lane.reaction:
            self._books.react(lane, reaction)
            self._books.decided(lane.name, reaction.mode, reason)

    def _settable(self, lane: LaneState, stage: Any) -> None:
        plan = lane.account.plan
        if plan is None:
            raise RequestError(f"{lane.name} is warm and has no plan; give its address a plan in the inventory")
        length = plan.length(lane.account.provider)
        if stage != "warm" and not _whole(stage, 1, length):
            raise RequestError(f'stage must be 1 to {length} or "warm" for {lane.name}, is {stage!r}')

    def _set(self, lane: LaneState, request: dict[str, Any]) -> None:
        plan, stage = lane.account.plan, request["stage"]
        if plan:
            length = plan.length(lane.account.provider)
            self._stand(lane.account, length if stage == "warm" else stage - 1, warm=stage == "warm")

    def _stand(self, account: Account, stage: int, *, warm: bool) -> None:
        since = iso(self._books.day)
        last = max(account.standing.last_day, iso(self._books.day - 1))  # so that its rest ends today at the latest
        account.stand(Standing(stage=stage, last_day=last, bad_days=0, since=since), warm=warm)
        self._books.keep_standing(account)
        self._books.decided(account.name, f"stage {stage_name(account)}", "set by a person")

    def _let_go(self, lane: LaneState, request: dict[str, Any]) -> None:
        """Of what is held now, not of what will be."""
        asked, before = request.get("count"), self._release.extra.get(lane.name, 0)
        count = min(lane.held - before, lane.held if asked is None else asked)
        if count > 0:
            self._release.extra[lane.name] = before + count
            self._books.decided(lane.name, "release", f"{count} by a person, beyond the budget")

    def _complaints(self, lane: LaneState, request: dict[str, Any]) -> None:
        self._books.stat(lane.name).complaints += request["count"]
        self._books.decided(lane.name, "complaints", f"{request['count']} reported")


def _request(line: bytes) -> dict[str, Any]:
    """A request of the known shape; RequestError if it is none."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"no JSON: {error}") from None
    if not isinstance(request, dict) or request.get("do") not in list(_KEYS):
        raise RequestError(f"do must be one of {', '.join(_KEYS)}")
    unknown = request.keys() - _KEYS[request["do"]] - {"do"}
    if unknown:
        raise RequestError(f"{request['do']} knows no {', '.join(sorted(unknown))}")
    _check(request)
    return request


def _check(request: dict[str, Any]) -> None:
    for key in ("address", "provider", "reason"):
        if not isinstance(request.get(key), str | None):
            raise RequestError(f"{key} must be a text or null")
    until = request.get("until")
    if until is not None and (isinstance(until, bool) or not isinstance(until, int | float) or not 0 < until < _LATEST):
        raise RequestError("until must be epoch seconds or null")
    count = request.get("count")
    if request["do"] == "complaints" and not _whole(count, 1, _MOST):
        raise RequestError(f"count must be a whole number from 1 to {_MOST}")
    if request["do"] == "release" and count is not None and not _whole(count, 1, _MOST):
        raise RequestError(f"count must be a whole number from 1 to {_MOST}, or null for all")


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


async def serve(path: str, control: Control) -> asyncio.Server:
    """Listen at ``path``, readable by root and ourselves alone."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(control.answer(line)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, asyncio.CancelledError):
            pass  # gone, a line longer than LONGEST, or the agent ends
        finally:
            writer.close()

    Path(path).unlink(missing_ok=True)  # noqa: ASYNC240 - once, at the start
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(client, path, limit=LONGEST)
    finally:
        os.umask(before)
