"""What the agent says about itself: every lane and domain budget with its stage, budget, results, and what comes next and why.

Reads only; times are epoch seconds as budgets count them, None for none.
"""

from __future__ import annotations

import time
from typing import Any

from . import windows
from .accounts import Account, LaneState
from .books import Books
from .judging import stage_name
from .stats import Stats

_TODAY = ("attempted", "delivered", "deferred", "throttled", "bounced", "complaints", "blocked", "bypassed")


def status(books: Books, unknown_held: int) -> dict[str, Any]:
    """The answer to {"do": "status"}."""
    now = books.now()
    oldest = _oldest(books)
    return {
        "host": books.config.host,
        "now": now,
        "clock": {"now": now, "wall": time.time(), "latest": books.clock.latest, "problem": books.clock.problem},
        "lanes": [_lane(books, it, oldest, now) for it in books.lanes.values()],
        "domains": [_domain(books, it, now) for it in books.budgets.values()],
        "decisions": _decisions(books),
        "unknown_held": unknown_held,
        "problems": problems(books),
    }


def problems(books: Books) -> list[str]:
    """All that is not as it should be, in words."""
    found = [*books.problems.values(), books.store.problem, books.clock.problem]
    return [text for text in found if text]


def _oldest(books: Books) -> dict[str, float]:
    """When the message that waits longest in each lane came, by the wall clock (``clock.wall``)."""
    found: dict[str, float] = {}
    statement = (
        "SELECT at FROM message WHERE state = 'held' AND lane = ? AND budget = ? AND paid = ? ORDER BY place LIMIT 1"
    )
    for lane in books.lanes.values():
        keys = [(lane.name, budget, paid) for budget in lane.waiting for paid in (0, 1)]
        times = [at for key in keys if (at := books.store.one(statement, key)) is not None]
        if times:
            found[lane.name] = min(times)
    return found


def _decisions(books: Books) -> list[dict[str, Any]]:
    rows = books.store.execute("SELECT at, lane, what, reason FROM decisions ORDER BY id DESC LIMIT 50").fetchall()
    return [dict(zip(("at", "lane", "what", "reason"), row, strict=True)) for row in reversed(rows)]


def _account(account: Account, today: Stats) -> dict[str, Any]:
    numbers = today.numbers()
    return {
        "plan": account.plan.name if account.plan else None,
        "stage": account.standing.stage + 1 if account.limited else "warm",
        "stages": account.plan.length(account.provider) if account.plan else 0,
        "start": account.start or None,
        "limits": {"hour": account.limits.hour, "day": account.limits.day},
        "used": {"hour": account.hour, "day": account.day},
        "today": {key: numbers[key] for key in _TODAY},
    }


def _lane(books: Books, lane: LaneState, oldest: dict[str, float], now: float) -> dict[str, Any]:
    reaction = lane.reaction
    return {
        "lane": lane.name,
        "address": lane.lane.address.ip,
        "provider": lane.lane.provider.name,
        "pool": lane.lane.address.pool,
        "streams": [it.name for it in books.config.streams if not it.via and lane.lane.address.pool in it.pools],
        **_account(lane.account, books.stats.get(lane.name, Stats())),
        "held": lane.held,
        "oldest_held": oldest.get(lane.name),
        "outstanding": len(lane.outstanding),
        "mode": reaction.mode if lane.here else "absent",
        "until": (reaction.until or None) if lane.here else None,
        "reason": reaction.reason if lane.here else "its address is not on the host",
        "next": _next_of_lane(lane, now),
    }


def _domain(books: Books, account: Account, now: float) -> dict[str, Any]:
    domain, _, provider = account.name.partition("/")
    held = sum(lane.waiting.get(account.name, 0) for lane in books.lanes.values())
    return {
        "lane": account.name,
        "domain": domain,
        "provider": provider,
        **_account(account, books.stats.get(account.name, Stats())),
        "held": held,
        "oldest_held": None,
        "outstanding": None,
        "mode": "normal",
        "until": None,
        "reason": "",
        "next": _next(account, held, now),
    }


def _next_of_lane(lane: LaneState, now: float) -> str:
    """What happens next, in words."""
    reaction = lane.reaction
    if not lane.here:
        return "goes on when the address is back"
    if reaction.mode == "stopped":
        return "stopped until a person says resume"
    if not reaction.open:
        return f"opens at {_clock(reaction.until)}" if reaction.until else "paused until a person says resume"
    if lane.account.room(now) >= 1 and lane.free(now) < 1:
        return "waits for results of what is under way, or for its rate"
    return _next(lane.account, lane.held, now)


def _next(account: Account, held: int, now: float) -> str:
    if not account.begun(now):
        return f"begins at {_clock(account.start)}"
    if not account.limited:
        return "no limit"
    if account.room(now) < 1:
        wait = account.wait(0, now)
        return f"more from {_clock(now + wait)}" if wait < windows.NEVER else "no budget at all"
    if held:
        return f"last held message leaves about {_clock(now + account.wait(held - 1, now))}"
    return f"stage {stage_name(account)} is judged at {_clock((windows.day_of(now) + 1) * windows.DAY)}"


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(min(at, 253402300799)))
