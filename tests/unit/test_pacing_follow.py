"""The follower's batches, restarts and places to go on from. The journalctl here is a stand-in that reads a file of lines.

With the real one and a real journal: tests/lab/test_pacing_parts.py.
"""

import asyncio
import getpass
import json
import logging
import time

import pytest

from postwright.pacing import follow
from postwright.pacing.follow import Follower, JournalError

LANE = "v4-192-0-2-10-google"
# Knows the options the follower uses. Ends after as many lines as the file `ends` says, in the middle of one.
JOURNALCTL = r"""#!/usr/bin/env python3
import json, os, re, sys, time
folder, arguments = os.path.dirname(__file__), sys.argv[1:]
print(json.dumps(arguments), file=open(folder + "/asked", "a"))
named = dict(it[2:].split("=", 1) for it in arguments if it.startswith("--") and "=" in it)
wanted = {it.split("=", 1)[1] for it in arguments if it.startswith("SYSLOG_IDENTIFIER=")}
ends = open(folder + "/ends").read() if os.path.exists(folder + "/ends") else ""
status = os.path.exists(folder + "/broken")
lines, started, printed = open(folder + "/journal"), "cursor" not in named, 0
if named.get("lines") == "1" and "cursor" not in named:
    lines = lines.readlines()[-1:]
while True:
    for line in lines:
        entry = json.loads(line)
        started = started or entry["__CURSOR"] >= named["cursor"]
        if started and entry["at"] >= float(named.get("since", "@0")[1:]) and (not wanted or entry["SYSLOG_IDENTIFIER"] in wanted):
            printed += 1
            if ends and "--follow" in arguments and printed > int(ends):
                sys.stdout.write(line[:50]); sys.exit(1)
            if os.path.exists(folder + "/slow"):
                sys.stdout.write(line[:50]); sys.stdout.flush(); time.sleep(0.3); line = line[50:]
            sys.stdout.write(line)
    sys.stdout.flush()
    if "--follow" not in arguments:
        sys.exit(status)
    time.sleep(0.02)
"""


class Journal:
    """Lines of a journal; each gets the next cursor and the next second from 1,000 on."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        (folder / "journalctl").write_text(JOURNALCTL)
        (folder / "journalctl").chmod(0o755)
        (folder / "journal").touch()
        (folder / "asked").touch()

    def add(self, count=1, lane=LANE, **fields):
        with (self.folder / "journal").open("a") as file:
            for _ in range(count):
                file.write(json.dumps(self.entry(lane) | fields) + "\n")

    def entry(self, lane):
        self.count += 1
        text = f"{self.queue_id(self.count)}: to=<r@d.test>, relay=x[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 OK)"
        at = 1000 + self.count
        return {
            "__CURSOR": self.cursor(self.count), "__REALTIME_TIMESTAMP": str(at * 1_000_000), "at": at,
            "SYSLOG_IDENTIFIER": f"postfix/{lane}/smtp", "MESSAGE": text,
        }  # fmt: skip

    @staticmethod
    def cursor(number):
        """As journald writes them, and here in order as texts."""
        return f"s=e9;i={number:05d};b=c0;m={number:05d};t={(1000 + number) * 1_000_000:x};x=0"

    @staticmethod
    def queue_id(number):
        return f"4jXTpn{number:05d}z5s"

    def asked(self):
        return [json.loads(line) for line in (self.folder / "asked").read_text().splitlines()]

    async def being_followed(self):
        while not any("--follow" in it for it in self.asked()):  # noqa: ASYNC110 - it is another process that sets it
            await asyncio.sleep(0.01)


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Journal(tmp_path)


def follower(*lanes):
    return Follower(lambda: lanes or (LANE,), user=getpass.getuser())


async def followed(wanted, cursor, until, between=None):
    """The batches (ids, cursor) that come until there are so many deliveries."""
    batches, enough = [], asyncio.Event()

    async def note(deliveries, place):
        batches.append(([it.queue_id for it in deliveries], place))
        if between:
            between(sum(len(ids) for ids, _ in batches))
        if sum(len(ids) for ids, _ in batches) >= until:
            enough.set()

    task = asyncio.create_task(wanted.run(note, cursor))
    done = asyncio.create_task(enough.wait())
    await asyncio.wait({task, done}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert done.done(), batches
    return batches


def ids(batches):
    return [name for batch, _ in batches for name in batch]


def expected(journal, first, last):
    return [journal.queue_id(number) for number in range(first, last + 1)]


def test_it_goes_on_after_the_cursor_and_gives_the_cursor_of_the_last_line_with_each_batch(journal):
    journal.add(5)
    batches = asyncio.run(followed(follower(), journal.cursor(2), 3))

    assert ids(batches) == expected(journal, 3, 5)
    assert batches[-1][1] == journal.cursor(5)


def test_without_a_cursor_it_begins_with_what_is_logged_from_now_on(journal):
    journal.add(5)

    async def run():
        task = asyncio.create_task(followed(follower(), None, 2))
        await journal.being_followed()
        journal.add(2)
        return await task

    assert ids(asyncio.run(run())) == expected(journal, 6, 7)


def test_an_empty_journal_is_followed_from_its_first_line(journal):
    async def run():
        task = asyncio.create_task(followed(follower(), None, 3))
        await journal.being_followed()
        journal.add(3)
        return await task

    assert ids(asyncio.run(run())) == expected(journal, 1, 3)


def test_much_at_once_comes_in_batches_of_at_most_five_hundred_lines_in_order(journal):
    journal.add(2300)
    batches = asyncio.run(followed(follower(), journal.cursor(0), 2300))

    assert ids(batches) == expected(journal, 1, 2300)
    assert max(len(batch) for batch, _ in batches) <= 500
    assert len(batches) < 30


def test_a_journalctl_that_ends_again_and_again_costs_no_line_and_doubles_none(journal, caplog):
    journal.add(60)
    (journal.folder / "ends").write_text("21")
    batches = asyncio.run(followed(follower(), journal.cursor(0), 60))

    assert ids(batches) == expected(journal, 1, 60)
    assert "started again" in caplog.text


def test_a_journal_that_cannot_be_followed_is_told_until_it_can(journal, monkeypatch):
    monkeypatch.setattr(follow, "_PAUSE", 0.01)
    monkeypatch.setattr(follow, "_TROUBLE", 0.05)
    (journal.folder / "ends").write_text("0")
    journal.add(1)

    async def run():
        wanted = follower()
        task = asyncio.create_task(wanted.run(lambda *_: asyncio.sleep(0), ""))
        while not wanted.trouble:  # noqa: ASYNC110 - it is not told when
            await asyncio.sleep(0.01)
        (journal.folder / "ends").unlink()
        while wanted.trouble:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_line_that_comes_in_pieces_is_put_together(journal):
    journal.add(3)
    (journal.folder / "slow").touch()

    assert ids(asyncio.run(followed(follower(), journal.cursor(0), 3))) == expected(journal, 1, 3)


def test_lines_that_hold_no_delivery_move_the_cursor_only(journal):
    journal.add(1, MESSAGE="connect to x[192.0.2.1]:25: Connection refused")
    journal.add(1, MESSAGE=None)
    journal.add(1, MESSAGE=[52, 106, 255, 3])
    journal.add(1, MESSAGE=["two", "values"], SYSLOG_IDENTIFIER=f"postfix/{LANE}/smtp")
    journal.add(1)
    batches = asyncio.run(followed(follower(), journal.cursor(0), 1))

    assert ids(batches) == expected(journal, 5, 5)
    assert batches[-1][1] == journal.cursor(5)


def test_a_line_that_is_no_utf_8_is_read_all_the_same(journal):
    text = journal.entry(LANE)["MESSAGE"].replace("OK", "\udcff\udce4")
    journal.add(1, MESSAGE=list(text.encode(errors="surrogateescape")))
    found = asyncio.run(follower().history(0))

    assert [(it.queue_id, it.text) for it in found] == [(journal.queue_id(1), "250 \ufffd\ufffd")]


def test_a_cursor_that_is_gone_is_told_and_replaced_by_its_time(journal, caplog):
    journal.count = 10
    journal.add(5)
    batches = asyncio.run(followed(follower(), journal.cursor(3), 5))

    assert ids(batches) == expected(journal, 11, 15)
    assert "no longer has the line s=e9;i=00003" in caplog.text
    assert any("--since=@1003.000000" in it for it in journal.asked())


@pytest.mark.parametrize("cursor", ["nonsense", "t=", "t=zz", "s=1;t=123456789012345678", "--help"])
def test_a_cursor_that_is_none_is_replaced_by_now(journal, cursor, caplog):
    journal.add(1)
    began = time.time()

    async def run():
        task = asyncio.create_task(followed(follower(), cursor, 1))
        await journal.being_followed()
        journal.add(1, at=time.time() + 10)
        return await task

    assert ids(asyncio.run(run())) == expected(journal, 2, 2)
    since = next(word for it in journal.asked() for word in it if word.startswith("--since=@"))
    assert began <= float(since.partition("@")[2]) <= time.time()
    assert "no longer has the line" in caplog.text


def test_new_lanes_count_without_a_restart_and_the_lines_in_between_are_not_lost(journal):
    lanes = [LANE]

    def more(seen):
        if seen == 3 and len(lanes) == 1:
            lanes.append("v6-other")
            journal.add(2, lane="v6-other")
            journal.add(1)

    journal.add(3)
    wanted = Follower(lambda: lanes, user=getpass.getuser())

    assert ids(asyncio.run(followed(wanted, journal.cursor(0), 6, more))) == expected(journal, 1, 6)


def test_without_lanes_nothing_is_read_and_nothing_told(journal):
    journal.add(3)
    wanted = Follower(lambda: (), user=getpass.getuser())

    async def run():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wanted.run(lambda *_: 1 / 0, journal.cursor(0)), 0.7)
        return await wanted.history(0)

    assert asyncio.run(run()) == []
    assert journal.asked() == []


def test_what_handling_raises_ends_it_and_journalctl_with_it(journal):
    journal.add(1)

    async def fail(*_):
        raise KeyError("full disk")

    with pytest.raises(KeyError, match="full disk"):
        asyncio.run(follower().run(fail, journal.cursor(0)))


def test_the_past_is_read_from_a_time_on_and_only_of_the_lanes(journal):
    journal.add(1500)
    journal.add(1, lane="another")
    found = asyncio.run(follower().history(1301))

    assert [it.queue_id for it in found] == expected(journal, 301, 1500)
    assert found[0].at == 1301


def test_what_postfix_put_off_without_an_attempt_is_read_with_the_lanes(journal):
    journal.add(1)
    journal.add(1, SYSLOG_IDENTIFIER="postfix/error")

    assert [it.lane for it in asyncio.run(follower().history(0))] == [LANE, ""]
    assert ids(asyncio.run(followed(follower(), journal.cursor(0), 2))) == expected(journal, 1, 2)


def test_a_past_that_cannot_be_read_to_its_end_is_an_error_not_a_shorter_past(journal):
    journal.add(3)
    (journal.folder / "broken").touch()

    with pytest.raises(JournalError, match="status 1"):
        asyncio.run(follower().history(0))


def test_the_journal_begins_with_its_oldest_line_or_now(journal):
    began = time.time()
    empty = asyncio.run(follower().begins())
    journal.add(3)

    assert began <= empty <= time.time()
    assert asyncio.run(follower().begins()) == 1001


def test_only_the_user_postfix_runs_as_is_listened_to(journal):
    journal.add(1)
    asyncio.run(follower().history(0))

    assert any(word.startswith("_UID=") for word in journal.asked()[0])
    with pytest.raises(KeyError):
        asyncio.run(Follower(lambda: [LANE], user="no-such-user").history(0))


@pytest.fixture(autouse=True)
def all_told(caplog):
    caplog.set_level(logging.WARNING)
