"""Where keys stand is told without connecting to anything; what cannot be meant is refused before anything is touched."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support import signing_key

from postwright import clock
from postwright.hosts import runner
from postwright.inventory import Project
from postwright.keys.keyring import Keyring

NAME = "shop.example"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EARLIER = "pw20260822"


@pytest.fixture
def ring(project, tmp_path, monkeypatch, read_once):
    """The keyring of a copy of the project: a key that has retired, and the one that signs now."""
    copy = tmp_path / "project"
    shutil.copytree(project, copy)
    there = Project(read_once(project / "inventories/production.py").fleet, copy / "inventories/production.py")
    monkeypatch.setattr(runner, "read_project", lambda _path, **_: there)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.chdir(copy)
    made = Keyring(copy / "keys")
    old = signing_key(made, NAME, EARLIER, "retiring")
    new = signing_key(made, NAME)
    moments = {"generated": NOW - timedelta(days=92), "confirmed": NOW, "retiring": NOW - timedelta(days=1)}
    made.write(NAME, (replace(old, history=moments), new))
    return made


@pytest.mark.usefixtures("ring")
def test_every_key_is_listed_with_its_age_and_what_comes_next(commands):
    run, _ = commands
    heading, old, new = run("keys", "list").stdout.splitlines()

    assert heading == NAME
    assert old.split()[:5] == [EARLIER, "RSA-2048", "92", "d", "old"]
    assert "retiring" in old
    assert old.endswith("from 2026-11-28 on: revoked, once no queue holds mail it signed")
    assert new.endswith("from 2027-02-20 on: replaced")


def test_programs_are_told_the_same_with_moments(commands, ring):
    _, run_json = commands
    status, (old, new) = run_json("keys", "list", "--domain", NAME)

    assert (status, old["state"], new["state"]) == (0, "retiring", "active")
    assert (old["age"], old["when"]) == (92, "2026-11-28T12:00:00+00:00")
    assert new["p"] == ring.keys(NAME)[1].p


def test_deleted_keys_are_listed_only_when_asked_for(commands, ring):
    run, _ = commands
    old, new = ring.keys(NAME)
    ring.write(NAME, (old.to("revoked", NOW).to("deleted", NOW), new))

    assert EARLIER not in run("keys", "list").stdout
    assert EARLIER in run("keys", "list", "--all").stdout


def test_why_a_key_is_held_back_is_told(commands, ring):
    run, _ = commands
    old, new = ring.keys(NAME)
    waiting = replace(new, selector="next", state="confirmed").to("published", NOW, usable=NOW + timedelta(days=1))
    shutil.copy(ring.pem(NAME, new.selector), ring.pem(NAME, "next"))
    ring.write(NAME, (old, new, replace(waiting, note="held back: host mx1: not signed")))
    lines = run("keys", "list").stdout.splitlines()

    assert lines[-2].endswith("from 2026-11-23 on: tried again")
    assert lines[-1].strip() == "held back: host mx1: not signed"


def test_a_project_without_keys_says_who_makes_them(commands, project):
    run, _ = commands
    assert not (project / "keys").exists()
    assert run("keys", "list").stdout == "no keys yet: apply makes them\n"


@pytest.mark.parametrize("command", [["list"], ["rotate", "--yes"], ["revoke", "--compromised", "--yes"]])
@pytest.mark.usefixtures("ring")
def test_a_domain_nobody_knows_is_wrong_usage(commands, command):
    run, _ = commands
    done = run("keys", *command, "--domain", "other.example")

    assert done.exit_code == 2
    assert (
        f"no domain other.example in {runner.read_project(None).inventory} or its keyring; there are {NAME}"
        in done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "whose keys? name a --domain, or the --host they lie on"),
        (["--host", "mx9"], "no host 'mx9'"),
        (["--domain", NAME, "--selector", "other"], "no key in DNS is meant by that; see `postwright keys list`"),
        (["--domain", NAME], "pw20261122 is active: only a key that is retiring can be revoked"),
    ],
)
def test_a_revocation_that_cannot_be_meant_is_refused(commands, ring, arguments, words):
    run, _ = commands
    before = ring.keys(NAME)
    done = run("keys", "revoke", *arguments)

    assert done.exit_code == 2
    assert words in done.stderr
    assert ring.keys(NAME) == before


@pytest.mark.usefixtures("ring")
def test_a_moved_clock_is_for_labs_only(commands, monkeypatch):
    """It would revoke keys of real domains months too early."""
    run, _ = commands
    monkeypatch.setenv(clock.VARIABLE, "86400")
    done = run("keys", "rotate", "--yes")

    assert done.exit_code == 2
    assert f"{clock.VARIABLE} is set, but {NAME} is no domain of a lab" in done.stderr
