"""The agent's accounts and lanes in memory, kept equal to the database.

Promise: whatever is changed here goes into the store's open transaction before it is committed, and after a failed commit
``load`` brings back what the database has. Decides nothing about messages.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from . import judging, windows
from .accounts import Account, LaneState
from .clock import Clock
from .config import UNKNOWN_STREAM, Config
from .reactions import Reaction
from .stats import Stats
from .store import Store

KEPT_DECISIONS = 1000
BOUND = ("deferred", "releasing", "holding", "lost")  # what may lie in the queue for a lane, beside held mail
# What is under way may yet come to lie there if its lane goes, and its stream would be forgotten.
_PASSED = "SELECT DISTINCT lane, stream FROM message WHERE state != 'held' AND state = 'passed' AND stream != ''"


class Books:
    """``day``: the UTC day (its number) that is open. ``place``: the next message's place in the order of arrival."""

    def __init__(self, config: Config, store: Store, clock: Clock, log: Callable[[str], None] = print) -> None:
        self.config, self.store, self.clock, self.log = config, store, clock, log
        self.accounts: dict[str, Account] = {}
        self.budgets: dict[str, Account] = {}
        self.lanes: dict[str, LaneState] = {}
        self.stats: dict[str, Stats] = {}
        self.orphans: set[str] = set()  # lanes with mail that are no longer in the configuration
        self.misplaced: set[tuple[str, str]] = (
            set()
        )  # lane and stream of mail whose lane is of no pool of its stream now
        self.absent: frozenset[str] = frozenset()  # addresses that are not on the host
        self.hour, self.day, self.place = 0, 0, 1
        self.problems: dict[str, str] = {}
        self._saved_latest = 0.0
        store.before_commit.append(self.write)
        self.load()

    # Loading

    def load(self) -> None:
        """Everything as the database has it; raises sqlite3.Error if it cannot be read."""
        under_way = self.lanes
        now = self.now()
        self.hour, self.day = windows.hour_of(now), windows.day_of(now)
        self._accounts()
        self._lanes(under_way)
        self._load_windows()
        self._load_stats()
        self.place = 1 + max(
            self.store.one("SELECT coalesce(max(place), 0) FROM message"),
            self.store.one("SELECT coalesce(max(place), 0) FROM expected"),
        )
        self.store.stale = False

    def reconfigure(self, config: Config) -> None:
        """Another configuration, with all that is known kept; what is open in the store must be committed before."""
        self.config = config
        self.load()

    def _accounts(self) -> None:
        """One account a lane, one a domain budget, each where its standing says."""
        lanes = [Account.of_lane(lane) for lane in self.config.lanes.values()]
        domains = [Account.of_domain(budget) for budget in self.config.budgets.values()]
        self.budgets = {it.name: it for it in domains}
        self.accounts = {it.name: it for it in (*lanes, *domains)}
        known = dict(self.store.execute("SELECT account, json FROM standing").fetchall())
        for account in self.accounts.values():
            account.stand(account.standing)
            with contextlib.suppress(ValueError, KeyError, TypeError):
                account.restore(json.loads(known[account.name]))

    def _lanes(self, before: dict[str, LaneState]) -> None:
        made = {}
        reactions = dict(self.store.execute("SELECT account, json FROM reaction").fetchall())
        for name, lane in self.config.lanes.items():
            state = made[name] = LaneState(lane, self.accounts[name], self.config.outstanding)
            with contextlib.suppress(ValueError, KeyError, TypeError):
                state.reaction = Reaction.of_json(json.loads(reactions[name]))
            state.here = lane.address.ip not in self.absent
            if old := before.get(name):
                state.outstanding = {key: old.outstanding[key] for key in old.rowless if key in old.outstanding}
                state.rowless, state.minute, state.minute_used = old.rowless, old.minute, old.minute_used
        for name, queue_id, at in self.store.execute(
            "SELECT lane, queue_id, at FROM message WHERE state != 'held' AND state IN ('passed', 'releasing', 'lost')"
        ):
            if name in made:
                made[name].outstanding[queue_id] = at
        self.lanes = made
        self._load_waiting()
        self.misplaced = set()
        marks = ",".join("?" * len(BOUND))
        bound = f"SELECT DISTINCT lane, stream FROM message WHERE state != 'held' AND state IN ({marks})"  # noqa: S608
        found = self.store.execute(bound, BOUND).fetchall()
        found += self.store.execute(_PASSED).fetchall()
        self.orphans |= {name for name, _ in found} - made.keys()
        if self.config.pooled:
            self._load_misplaced(found)

    def _load_misplaced(self, found: Iterable[tuple[str, str]]) -> None:
        """An address may have gone to another pool, or a stream."""
        held = "SELECT DISTINCT lane, stream FROM message WHERE state = 'held'"
        every = {*found, *self.store.execute(held).fetchall()}
        self.misplaced = {it for it in every if it[0] in self.lanes and self._is_misplaced(*it)}

    def _is_misplaced(self, lane: str, stream: str) -> bool:
        pools = self.config.pools_of(stream)
        return stream != UNKNOWN_STREAM and self.lanes[lane].lane.address.pool not in pools

    def _load_waiting(self) -> None:
        waiting = self.store.execute(
            "SELECT lane, budget, count(*) FROM message INDEXED BY held WHERE state = 'held' GROUP BY lane, budget"
            " UNION ALL SELECT lane, budget, count(*) FROM message WHERE state != 'held' AND state = 'requeuing' GROUP BY lane, budget"
        )
        self.orphans = set()
        for lane, budget, count in waiting:
            if lane in self.lanes:
                self.lanes[lane].wait_more(budget, count)
            else:
                self.orphans.add(lane)

    def _load_windows(self) -> None:
        for account in self.accounts.values():
            account.at = (self.hour, self.day)
            account.hour = self.spent(account.name, windows.hour_name(self.hour))
            account.day = self.spent(account.name, windows.day_name(self.day))
            account.dirty = False

    def _load_stats(self) -> None:
        rows = self.store.execute("SELECT account, json FROM stats WHERE day = ?", (self.day,)).fetchall()
        self.stats = {account: Stats(**json.loads(text)) for account, text in rows}

    def spent(self, account: str, window: str) -> int:
        return int(self.store.one("SELECT n FROM spent WHERE account = ? AND window = ?", (account, window)) or 0)

    # The time

    def now(self) -> float:
        return self.clock.now()

    def opened(self, now: float) -> bool:
        """Open the windows of this moment if they are not; whether a new day began. Needs the store's transaction."""
        hour = windows.hour_of(now)
        if hour == self.hour:
            return False
        self.write()
        day, self.hour, self.day = self.day, hour, windows.day_of(now)
        self._load_windows()
        if day == self.day:
            return False
        self._load_stats()
        return True

    def opened_or_same(self, now: float) -> None:
        """Open the windows of this moment, and judge the day that ended if one did."""
        if self.opened(now):
            judging.new_day(self)

    def begin_day(self) -> None:
        """Judge the day that was last open, if it is over."""
        judging.new_day(self)

    # Writing

    def write(self) -> None:
        """What changed in memory, into the open transaction; nothing if memory is not to be believed."""
        if self.store.stale:
            return
        dirty = [it for it in self.accounts.values() if it.dirty]
        if dirty:
            rows = [(it.name, windows.hour_name(it.at[0]), it.hour) for it in dirty]
            rows += [(it.name, windows.day_name(it.at[1]), it.day) for it in dirty]
            self.store.put("spent", rows, 3)
            for account in dirty:
                account.dirty = False
        changed = [(name, it) for name, it in self.stats.items() if it.dirty]
        if changed:
            self.store.put("stats", [(name, self.day, it.to_json()) for name, it in changed], 3)
            for _, it in changed:
                it.dirty = False
        if (dirty or changed) and self.clock.latest - self._saved_latest >= 60:  # noqa: PLR2004 - seconds
            self.store.set_meta(latest=repr(self.clock.latest))
            self._saved_latest = self.clock.latest

    def stat(self, account: str) -> Stats:
        """Today's numbers of an account, to be counted up."""
        found = self.stats.get(account)
        if found is None:
            found = self.stats[account] = Stats()
        found.dirty = True
        return found

    def keep_standing(self, account: Account) -> None:
        self.store.put("standing", [(account.name, json.dumps(account.to_json()))])
        self.keep_shadow()

    def keep_shadow(self) -> None:
        """Write the shadow copy when the open transaction is on disk."""
        self.store.after(self._shadow)

    def react(self, lane: LaneState, reaction: Reaction) -> None:
        """Let a lane do as the reaction says, from now on."""
        if reaction != lane.reaction:
            lane.reaction = reaction
            self.store.put("reaction", [(lane.name, json.dumps(reaction.to_json()))])

    def looked(self, absent: frozenset[str]) -> None:
        """Which addresses are not on the host now: nothing can leave from them, and it goes on when they are back."""
        for ip in sorted(self.absent ^ absent):
            gone = ip in absent
            self.told(
                f"address {ip}", f"{ip} is not on this host, nothing leaves from it; put it on an interface" * gone
            )
            self.decided(
                ip, "absent" if gone else "back", "the address left the host" if gone else "the address is here"
            )
        self.absent = absent
        for lane in self.lanes.values():
            lane.here = lane.lane.address.ip not in absent

    def decided(self, name: str, what: str, reason: str) -> None:
        """Log a decision about a lane or a domain budget, with its reason; the last thousand are kept."""
        self.store.begin()
        self.store.execute(
            "INSERT INTO decisions(at, lane, what, reason) VALUES(?, ?, ?, ?)", (self.now(), name, what, reason)
        )
        self.store.execute("DELETE FROM decisions WHERE id <= (SELECT max(id) FROM decisions) - ?", (KEPT_DECISIONS,))
        self.log(f"decision: {name}: {what}: {reason}")

    def told(self, what: str, text: str) -> None:
        """A problem that status shows, "" when it is over; logged when it is new."""
        if text and self.problems.get(what) != text:
            self.log(f"problem: {text}")
        if text:
            self.problems[what] = text
        else:
            self.problems.pop(what, None)

    # The shadow copy of the standings

    @property
    def shadow(self) -> Path:
        return self.store.path.with_name("lanes.json")

    def _shadow(self, done: bool) -> None:
        """Standings survive the database in a file beside it."""
        if done:
            standings = {name: json.loads(text) for name, text in self._rows("standing")}
            write_json(self.shadow, {"format": 1, "standings": standings})

    def _rows(self, table: str) -> Iterable[tuple[str, str]]:
        return self.store.execute(f"SELECT account, json FROM {table}").fetchall()  # noqa: S608 - our own names


def write_json(path: Path, data: Any) -> None:
    """Replace a file by rename; a disk that refuses is left to the commit that follows to tell."""
    new = path.with_name(f".{path.name}.new")
    with contextlib.suppress(OSError), new.open("w", encoding="utf-8") as handle:
        json.dump(data, handle)
        handle.flush()
        os.fsync(handle.fileno())
        new.replace(path)
