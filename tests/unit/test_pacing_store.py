"""The agent's database: on disk before anybody is told, set aside if it is damaged, honest when the disk refuses."""

import os
import sqlite3
import subprocess
import sys

import pytest

from postwright.pacing.store import SCHEMA, Store, StoreError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pacing.db"


def spend(store, number):
    store.put("spent", [("a", "h1", number)], 3)


def spent(path):
    with sqlite3.connect(path) as database:
        return database.execute("SELECT n FROM spent").fetchone()


def test_everybody_who_waits_is_told_after_one_commit(path):
    store, told = Store(path), []
    for number in range(3):
        spend(store, number)
        store.after(lambda done, number=number: told.append((number, done, spent(path))))
    assert (told, spent(path)) == ([], None)

    assert store.commit()

    assert told == [(0, True, (2,)), (1, True, (2,)), (2, True, (2,))]
    assert not store.pending


def test_the_database_flushes_each_commit_to_the_disk(path):
    store = Store(path)
    assert store.one("PRAGMA synchronous") == 2, "FULL"
    assert store.one("PRAGMA journal_mode") == "wal"


def test_what_is_committed_survives_kill_and_what_is_not_does_not(path):
    text = (
        "import os, sys; from pathlib import Path; from postwright.pacing.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "store.put('spent', [('a', 'h1', 1)], 3); store.commit()\n"
        "store.put('spent', [('a', 'h1', 2)], 3); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", text, str(path)], check=False)
    assert Store(path).one("SELECT n FROM spent") == 1


def test_hooks_write_what_belongs_to_the_commit(path):
    store = Store(path)
    store.before_commit.append(lambda: spend(store, 7))
    store.commit()
    assert spent(path) == (7,)


def test_a_disk_that_refuses_is_told_to_all_and_the_memory_is_stale(path):
    store, told = Store(path), []
    spend(store, 1)
    store.commit()
    store.execute(f"PRAGMA max_page_count = {store.one('PRAGMA page_count')}")
    store.after(told.append)

    with pytest.raises(sqlite3.OperationalError) as caught:
        store.put("meta", [(str(number), "x" * 500) for number in range(10_000)])
    store.fail(caught.value)

    assert told == [False]
    assert store.stale
    assert "full" in store.problem
    assert not store.broken
    assert spent(path) == (1,)
    store.execute("PRAGMA max_page_count = 100000")
    spend(store, 2)
    assert store.commit()
    assert (spent(path), store.problem) == ((2,), "")


def test_a_database_somebody_else_locks_is_told_and_not_set_aside(path):
    Store(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    store = Store(path)
    store.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(StoreError, match="locked"):
        store.begin()
    assert (store.stale, store.set_aside) == (True, None)
    other.execute("ROLLBACK")


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, os.urandom(9000), b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_file_that_is_no_database_is_set_aside(path, content):
    path.write_bytes(content)
    store = Store(path, now=lambda: 1234.5)
    assert store.set_aside == path.with_name("pacing.db.broken-1234")
    assert store.set_aside.read_bytes() == content
    spend(store, 1)
    assert store.commit()


def test_a_damaged_database_is_set_aside_with_its_log(path):
    store = Store(path)
    store.many("INSERT INTO meta VALUES(?, ?)", [(str(n), "x" * 200) for n in range(2000)])
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    content = bytearray(path.read_bytes())
    content[40_000:200_000] = bytes(160_000)
    path.write_bytes(bytes(content))

    store = Store(path)

    assert store.set_aside.read_bytes() == bytes(content)
    assert store.one("SELECT count(*) FROM meta") == 0


@pytest.mark.parametrize(
    "statement", [f"PRAGMA user_version = {SCHEMA + 1}", "DROP TABLE expected", "PRAGMA user_version = 0"]
)
def test_a_database_of_another_make_is_set_aside(path, statement):
    store = Store(path)
    store.execute(statement)
    store.close()
    assert Store(path).set_aside is not None


def test_damage_that_shows_at_work_can_only_be_mended_by_a_new_start(path):
    store = Store(path)
    store.many("INSERT INTO meta VALUES(?, ?)", [(str(n), "x" * 200) for n in range(2000)])
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    store = Store(path)
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xee" * (len(content) - 8192)
    path.write_bytes(bytes(content))
    store.execute("PRAGMA shrink_memory")
    with pytest.raises(sqlite3.DatabaseError) as caught:
        store.execute("SELECT max(value) FROM meta").fetchall()
    store.fail(caught.value)
    assert store.broken


def test_a_sound_database_is_kept(path):
    store = Store(path)
    assert store.fresh
    store.set_meta(cursor="c")
    store.close()
    store = Store(path)
    assert (store.fresh, store.set_aside, store.meta("cursor"), store.meta("none", "x")) == (False, None, "c", "x")


def test_what_moves_is_found_by_its_lane_without_reading_the_rest(path):
    plan = "EXPLAIN QUERY PLAN SELECT 1 FROM message WHERE state != 'held' AND state IN ('deferred', 'holding') AND lane = 'a'"
    (found,) = Store(path).execute(plan).fetchall()
    assert "moving (state=? AND lane=?)" in found[3]
