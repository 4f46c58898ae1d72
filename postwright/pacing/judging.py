"""At the end of each UTC day: how every budget did, and where it stands on the next. The rules are in stages.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import windows
from .accounts import Account
from .stages import Day, Standing, filled, judged, rested
from .stats import Stats

if TYPE_CHECKING:
    from .books import Books


def new_day(books: Books) -> None:
    """Judge the day that was last open, if it is over; days on which no agent ran had no mail and are only rest."""
    books.store.begin()
    known = books.store.meta("day")
    ended = int(known) if known.lstrip("-").isdigit() else books.day
    if ended < books.day:
        stats = _stats(books, ended)
        for account in books.accounts.values():
            if account.plan and not account.warm and account.begun((ended + 1) * windows.DAY - 1):
                _judge(books, account, ended, stats.get(account.name, Stats()))
        _forget(books)
    if known != str(books.day) and not (known and ended > books.day):
        books.store.set_meta(day=str(books.day))


def _stats(books: Books, day: int) -> dict[str, Stats]:
    rows = books.store.execute("SELECT account, json FROM stats WHERE day = ?", (day,)).fetchall()
    return {account: Stats(**json.loads(text)) for account, text in rows}


def _judge(books: Books, account: Account, ended: int, stats: Stats) -> None:
    assert account.plan is not None  # noqa: S101 - for the type
    day = day_of(books, account, ended, stats)
    if not day.used and stats.complaints:
        books.stat(account.name).complaints += stats.complaints  # they count on the next day that has mail
    standing, reason = judged(account.plan, account.provider, account.standing, day, books.config.thresholds)
    _stand(books, account, standing, reason)
    standing, reason = rested(account.plan, account.standing, windows.iso(books.day))
    _stand(books, account, standing, reason)


def _stand(books: Books, account: Account, standing: Standing, reason: str) -> None:
    if standing != account.standing:
        account.stand(standing)
        books.keep_standing(account)
    if reason:
        books.decided(account.name, f"stage {stage_name(account)}", reason)


def day_of(books: Books, account: Account, day: int, stats: Stats) -> Day:
    """A day of an account as stages.py judges it."""
    hours = [windows.hour_name(day * 24 + hour) for hour in range(24)]
    used = books.spent(account.name, windows.day_name(day))
    busiest = max(books.spent(account.name, hour) for hour in hours)
    full = filled(account.limits, used, busiest, books.config.thresholds)
    numbers = stats.numbers()
    kept = {key: numbers[key] for key in ("attempted", "delivered", "throttled", "bounced", "complaints", "blocked")}
    return Day(windows.iso(day), used, full, **kept)


def stage_name(account: Account) -> str:
    """The stage as people count it, from 1 on, or "warm"."""
    return str(account.standing.stage + 1) if account.limited else "warm"


def _forget(books: Books) -> None:
    """Windows and numbers older than 40 and 400 days serve nobody."""
    books.store.execute("DELETE FROM stats WHERE day < ?", (books.day - 400,))
    books.store.execute(
        "DELETE FROM spent WHERE (window LIKE 'h%' AND CAST(substr(window, 2) AS INTEGER) < ?)"
        " OR (window LIKE 'd%' AND CAST(substr(window, 2) AS INTEGER) < ?)",
        ((books.day - 40) * 24, books.day - 40),
    )
