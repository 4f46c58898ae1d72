"""Limits of logins: counted by the minute over any hour and day, deferred when reached, kept over restarts."""

import json
import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
from support import context

from postwright.limits import limiter
from postwright.limits.config import ConfigError, parsed, read
from postwright.limits.counts import Counts
from postwright.limits.limiter import Limiter
from postwright.model import Limits, UserLimits
from postwright.services.bundle import bundle
from postwright.services.limits import CODE, CONFIGURATION, configuration

START = 1_795_363_200.0
PASS = b"action=DUNNO\n\n"
FINGERPRINT = ":".join(["AB"] * 32)


class World:
    """A limiter with a clock that is set by hand."""

    def __init__(self, base, monkeypatch):
        self.ended = 0
        self.path, self.database, self.complaints = base / "limits.json", base / "sent.sqlite", []
        self.now = START
        monkeypatch.setattr(limiter.time, "time", lambda: self.now)
        self.write()
        self.restart()

    def write(self, **changes):
        said = {"default": {}, "logins": {}, "certificates": {}, "failure": "pass", "lab_clock": None}
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"format": 1} | said | changes))
        new.replace(self.path)

    def restart(self):
        self.counts = Counts(self.database)
        self.limiter = Limiter(self.path, self.counts, self.complaints.append, self.end)

    def end(self):
        self.ended += 1

    def ask(self, login="crm", recipients=1, certificate="", **more):
        found = []
        said = {"sasl_username": login, "recipient_count": str(recipients), "ccert_fingerprint": certificate, **more}
        self.limiter.ask({name.encode(): value.encode() for name, value in said.items()}, found.append)
        (answer,) = found
        return answer


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def over(answer):
    return answer.startswith(b"action=451 4.7.1 ")


def test_over_its_limit_a_login_is_told_to_come_again_and_others_are_not(world):
    world.write(default={"messages_per_hour": 2})

    assert [world.ask() for _ in range(2)] == [PASS, PASS]
    assert world.ask() == (
        b"action=451 4.7.1 crm may send 2 messages in any hour; that is reached, try again later\n\n"
    )
    assert world.ask("shop@example.com") == PASS


def test_a_message_that_is_deferred_does_not_count(world):
    world.write(default={"messages_per_hour": 1})
    world.ask()
    for _ in range(10):
        assert over(world.ask())
    world.now += 3600

    assert world.ask() == PASS


def test_the_hour_is_any_hour_and_not_that_of_the_clock(world):
    world.write(default={"messages_per_hour": 2})
    world.now = START + 3540  # shortly before a full hour
    world.ask()
    world.ask()
    world.now = START + 3660

    assert over(world.ask())
    world.now = START + 3540 + 3600
    assert world.ask() == PASS


def test_recipients_are_counted_and_messages_of_many_are_deferred_as_a_whole(world):
    world.write(default={"recipients_per_day": 10})

    assert world.ask(recipients=6) == PASS
    assert over(world.ask(recipients=5))
    assert world.ask(recipients=4) == PASS
    assert over(world.ask())
    world.now += 86_400
    assert world.ask(recipients=10) == PASS


def test_what_no_waiting_helps_is_refused_at_once(world):
    world.write(default={"recipients_per_hour": 10})

    assert world.ask(recipients=11) == (
        b"action=554 5.5.3 crm may send to 10 recipients in any hour; these are 11, send in parts\n\n"
    )
    assert world.ask(recipients=10) == PASS


def test_counts_outlive_a_restart(world):
    world.write(default={"messages_per_day": 1})
    world.ask()
    world.restart()

    assert over(world.ask())


def test_a_login_s_own_numbers_count_for_it_alone_and_from_the_next_message_on(world):
    world.write(default={"messages_per_hour": 1})
    world.ask()
    world.write(default={"messages_per_hour": 1}, logins={"crm": {"messages_per_hour": 2}})

    assert world.ask() == PASS
    assert over(world.ask())
    world.ask("app")
    assert over(world.ask("app"))


def test_who_did_not_log_in_is_not_counted(world):
    world.write(default={"messages_per_hour": 1})

    assert [world.ask("") for _ in range(3)] == [PASS] * 3


def test_a_certificate_counts_for_its_login(world):
    world.write(default={"messages_per_hour": 1}, certificates={FINGERPRINT: "crm"})
    world.ask("", certificate=FINGERPRINT)

    assert over(world.ask("crm"))
    assert world.ask("", certificate=FINGERPRINT.replace("A", "C")) == PASS


def test_a_certificate_counts_for_its_login_by_the_fingerprint_of_its_key_too(world):
    """Postfix lets a client in by either."""
    world.write(default={"messages_per_hour": 1}, certificates={FINGERPRINT: "crm"})
    world.ask("", certificate="CD", ccert_pubkey_fingerprint=FINGERPRINT)

    assert over(world.ask("crm"))


def test_a_configuration_that_is_broken_is_told_and_the_one_before_goes_on(world):
    world.write(default={"messages_per_hour": 1})
    world.ask()
    world.write(default={"messages_per_hour": 0})

    assert over(world.ask())
    assert "the limits before go on" in world.complaints[0]


@pytest.mark.parametrize(("failure", "expected"), [("pass", PASS), ("defer", b"action=451 4.3.0 ")])
def test_what_cannot_be_counted_passes_or_waits_as_the_inventory_says(world, failure, expected):
    world.write(default={"messages_per_hour": 1}, failure=failure)
    world.ask()
    world.counts._base.execute("DROP TABLE sent")

    assert world.ask().startswith(expected)
    assert "the database cannot be used" in world.complaints[0]


def test_a_database_that_fails_at_work_ends_the_program_and_its_next_start_counts_again(world):
    world.write(default={"messages_per_hour": 1})
    world.ask()
    world.counts._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = world.database.stat().st_size
    with world.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    world.counts._base.execute("PRAGMA shrink_memory")

    assert world.ask() == PASS
    assert world.ended == 1
    world.restart()
    world.ask()
    assert over(world.ask())
    assert world.ended == 1


def test_a_database_that_is_only_locked_is_not_put_aside(world):
    world.write(default={"messages_per_hour": 1})
    world.ask()
    world.counts.close()
    with sqlite3.connect(world.database, isolation_level=None) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError):
            world.restart()
        other.execute("ROLLBACK")
    other.close()
    world.restart()

    assert over(world.ask())
    assert not world.database.with_suffix(".damaged").exists()


def test_who_asks_how_it_is_hears_whether_the_database_counts(world):
    assert world.ask("", request="status") == b"action=COUNTED\n\n"
    world.counts._base.execute("DROP TABLE sent")

    assert world.ask("", request="status") == PASS  # what Postfix would be told
    assert world.ended == 1


def test_a_damaged_database_is_put_aside_and_counting_begins_anew(world):
    world.write(default={"messages_per_hour": 1})
    world.ask()
    world.counts.close()
    world.database.write_bytes(b"no database " * 1000)
    world.restart()

    assert world.ask() == PASS
    assert over(world.ask())
    assert world.database.with_suffix(".damaged").exists()


def test_what_is_older_than_a_day_is_forgotten(world):
    world.write(default={"messages_per_day": 5})
    world.ask()
    world.now += 86_460
    world.ask("app")

    with sqlite3.connect(world.database) as base:
        assert base.execute("SELECT login FROM sent").fetchall() == [("app",)]


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"failure": "panic"},
        {"logins": []},
        {"default": {"messages_per_week": 1}},
        {"logins": {"crm": {"messages_per_hour": True}}},
    ],
)
def test_a_configuration_that_means_nothing_is_refused(changes):
    sound = {"format": 1, "default": {}, "logins": {}, "certificates": {}, "failure": "pass"}
    parsed(sound)

    with pytest.raises(ConfigError):
        parsed(sound | changes)


def limited(base, **limits):
    """The full fleet with limits for all, and one login that has others."""
    made = context(base)
    crm = made.fleet.logins[1].model_copy(
        update={"limits": Limits(messages_per_hour="unlimited", recipients_per_day=9)}
    )
    fleet = made.fleet.model_copy(update={"user_limits": UserLimits(**limits), "logins": (made.fleet.logins[0], crm)})
    return replace(made, fleet=fleet)


def test_a_login_inherits_what_it_does_not_say_and_unlimited_lifts_what_holds_for_all(tmp_path):
    said = configuration(limited(tmp_path, messages_per_hour=100, messages_per_day=500, recipients_per_day=50).fleet)

    assert said["default"] == {"messages_per_hour": 100, "messages_per_day": 500, "recipients_per_day": 50}
    assert said["logins"] == {"crm": {"messages_per_day": 500, "recipients_per_day": 9}}


def test_the_program_of_a_host_runs_from_its_files_alone_and_answers_on_its_socket(tmp_path):
    """As systemd starts it: nothing of this package is on its path but what the host is given."""
    for file in bundle(limited(tmp_path, messages_per_hour=1)).files:
        if file.path.startswith((CODE, CONFIGURATION)):
            target = tmp_path / file.path.removeprefix("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        command = f"exec 3<&{listener.fileno()}; LISTEN_PID=$$ exec {sys.executable} -P -s -m postwright.limits serve {tmp_path}{CONFIGURATION} {tmp_path}/db"
        process = subprocess.Popen(
            ["bash", "-c", command],
            env={"PYTHONPATH": f"{tmp_path}{CODE}", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "policy"},
            pass_fds=[listener.fileno()], cwd=tmp_path,
        )  # fmt: skip
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(tmp_path / "s"))
            question = b"request=smtpd_access_policy\nprotocol_state=DATA\nsasl_username=shop@example.com\nrecipient_count=1\n\n"
            answers = []
            for _ in range(2):
                client.sendall(question)
                answers.append(client.recv(4096))
    finally:
        process.terminate()
        ended = process.wait(20)

    assert answers[0] == PASS
    assert over(answers[1])
    assert ended == 0
    assert read(tmp_path / CONFIGURATION.removeprefix("/")).failure == "pass"


def test_without_a_limit_nothing_of_it_is_on_a_host(tmp_path):
    assert not [file.path for file in bundle(context(tmp_path)).files if "limits" in file.path]
    assert "limits/policy.sock" in next(
        file.content.decode() for file in bundle(limited(tmp_path)).files if file.path == "/etc/postfix/master.cf"
    )
