"""A forecast as lines for a terminal: a table with bars, and what is reached when. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from postwright.pacing import forecast
from postwright.pacing.forecast import ForecastDay
from postwright.warmup.outlook import EACH, Asked, Group, Subject, days, drained
from postwright.warmup.table import Column, Layout, Row, folded, layout
from postwright.warmup.wording import Line, number, plain

_LEAST, _LONGEST = 10, 60  # columns of bars
_WIDE = 100  # from which on the greatest is so many times the least that only factors can be drawn
_SCALES = {True: "a step to the right is always the same factor", False: "messages a day"}
_HOURS = 48  # up to which time is told in hours
_DAY = 24
_BEST = "The best case: mail on every day, as much as fits, and all goes well. A day without mail does not count."
Days = tuple[ForecastDay, ...]


def lines(subject: Subject, groups: Sequence[Group], asked: Asked, today: date, width: int) -> Iterator[Line]:
    """A heading, a line per change, and the answers to what was asked."""
    since = f", from {subject.start} on" if subject.start else ""
    who = f": {', '.join(subject.addresses)}" if subject.addresses else ""
    yield from folded(f"{subject.plan.name}{since}{who}", width, "heading")
    if subject.plan.source:
        yield Line(f"  {plain(subject.plan.source)}", "faint")  # whole, so that its address can be copied
    yield from _table(subject, groups, asked, width)
    yield Line("")
    yield from folded(_BEST, width)
    for group in groups:
        for text in _answers(subject, group, asked, today):
            yield from folded(text, width, "good")


def _table(subject: Subject, groups: Sequence[Group], asked: Asked, width: int) -> Iterator[Line]:
    spans = [list(found) for _, found in groupby(days(subject, groups, asked.days), _numbers)]
    dates = [Column("date", right=False)] if subject.start else []
    columns = [Column("sending day"), *dates, *(Column(group.name) for group in groups)]
    cells = [_cells(subject, span, open_end=asked.days is None and span is spans[-1]) for span in spans]
    plain = layout(tuple(columns), [Row(it) for it in cells], width)
    yield from plain.heading()
    values = [span[0][0].day for span in spans]
    bars = _bars(plain, values)
    for it, bar in zip(cells, bars, strict=True):
        yield from plain.row(Row(it, bar))
    if bars[0]:
        of = "" if len(groups) == 1 else f" of {groups[0].name}"
        yield from folded(f"bars{of}: {_SCALES[_by_factors(values)]}", width, "faint", "  ", "    ")
    if len(groups) > 1:
        for group in groups:
            yield from folded(f"{group.name}: {', '.join(group.providers)}", width, "faint", "  ", "    ")


def _numbers(row: Days) -> tuple[object, ...]:
    return tuple((it.day, it.hour) for it in row)


def _cells(subject: Subject, span: Sequence[Days], *, open_end: bool) -> tuple[str, ...]:
    """The days of a span, its date, and what each group may send. The last span goes on for ever."""
    first, last = span[0][0].number, span[-1][0].number
    name = f"{first} on" if open_end else str(first) if first == last else f"{first}-{last}"
    dates = [str(subject.date_of(first))] if subject.start else []
    return name, *dates, *(_budget(it, short=len(span[0]) > 1) for it in span[0])


def _budget(it: ForecastDay, *, short: bool) -> str:
    if it.day is None:
        return "no limit"
    return number(it.day) if short or it.hour is None else f"{number(it.day)} ({number(it.hour)}/h)"


def _bars(table: Layout, values: Sequence[int | None]) -> list[str]:
    """A bar for each value of the first group. None where there is no room for any."""
    room = min(table.room, _LONGEST)
    known = [value for value in values if value is not None]
    if room < _LEAST or not known:
        return [""] * len(values)
    return [">" * room if value is None else _bar(value, known, room) for value in values]


def _bar(value: int, known: Sequence[int], room: int) -> str:
    """The least of a wide range has a bar of one, the greatest one of all the room."""
    wide = _by_factors(known)
    share = math.log(value / min(known)) / math.log(max(known) / min(known)) if wide else value / max(known)
    return "▇" * max(1, round(share * room))


def _by_factors(values: Sequence[int | None]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and max(known) > _WIDE * min(known)


def _answers(subject: Subject, group: Group, asked: Asked, today: date) -> Iterator[str]:
    to = (
        f"to {group.name}"
        if group.name == EACH or len(group.providers) == 1
        else f"to each of {', '.join(group.providers)}"
    )
    if asked.volume:
        yield f"{number(asked.volume)} messages a day {to}: {_reached(subject, group, asked.volume)}"
    if asked.backlog:
        arriving = f" while {number(asked.volume)} a day arrive" if asked.volume else ""
        stage = min(subject.stage_on(today), subject.plan.top(group.one)) + 1
        start = "warm by now" if stage > subject.plan.length(group.one) else f"from stage {number(stage)} on"
        gone = duration(drained(subject, group, asked, today))
        yield f"a backlog of {number(asked.backlog)} {to}: {gone}, {start}{arriving}"


def _reached(subject: Subject, group: Group, volume: int) -> str:
    found = forecast.reach(subject.plan, group.one, volume)
    if found is None:
        return f"never; {subject.plan.name} ends at {_end(subject, group)} a day"
    when = subject.date_of(found)
    return f"on sending day {number(found)}{f', {when}' if when else ''}"


def _end(subject: Subject, group: Group) -> str:
    return number(subject.plan.capacity(subject.plan.top(group.one), group.one))


def duration(hours: int | None) -> str:
    """How long it takes until nothing waits any more."""
    if hours is None:
        return "never gone: more arrives than leaves"
    if hours <= _HOURS:
        return f"gone in {hours} h"
    return f"gone in {number(-(-hours // _DAY))} days"
