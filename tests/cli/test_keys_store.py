"""The commands that take keys over and keep them safe, run as an operator runs them; name servers are real, on loopback."""

import json
import shutil
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support import write_private
from txt_server import TxtServer

from postwright.cli.main import cli
from postwright.hosts import runner
from postwright.keys.key import Key
from postwright.keys.keyring import Keyring
from postwright.keys.private import public_text
from postwright.rotation import recovery

NAME = "shop.example"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - as old installations have
RECORD = f"v=DKIM1; h=sha256; k=rsa; p={public_text(KEY)}"
PASSPHRASE = "old and foreign"  # noqa: S105 - of tests
NEW = "quite another passphrase"
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def server():
    with TxtServer() as made:
        yield made


@pytest.fixture(scope="module")
def template(tmp_path_factory, server):
    """A project as `init` makes it, whose zone is served by ours."""
    base = tmp_path_factory.mktemp("template") / "project"
    arguments = ("--directory", str(base), "--address", "198.51.100.7", "--postmaster", "ops@elsewhere.example")
    assert CliRunner().invoke(cli, ["init", NAME, *arguments]).exit_code == 0
    with (base / "inventories/production.py").open("a") as file:
        file.write(f"\nfor _zone in mail[1]['mail_fleet']['zones']:\n    _zone['servers'] = ['{server.endpoint}']\n")
    return base, runner.read_project(base / "inventories/production.py")


@pytest.fixture
def base(template, tmp_path, server, monkeypatch):
    """A copy of that project as the current directory. Its inventory is executed once for all tests, as all are equal."""
    copy = tmp_path / "project"
    shutil.copytree(template[0], copy)
    there = type(template[1])(template[1].fleet, copy / "inventories/production.py")
    monkeypatch.setattr(runner, "read_project", lambda _path, **_: there)
    monkeypatch.chdir(copy)
    monkeypatch.delenv("POSTWRIGHT_INVENTORY", raising=False)
    server.records.clear()
    server.records[f"mail2024._domainkey.{NAME}"] = [RECORD]
    return copy


@pytest.fixture
def run(base):  # noqa: ARG001 - in its directory
    def run(*arguments, stdin=None):
        return CliRunner().invoke(cli, ["keys", *map(str, arguments)], input=stdin, catch_exceptions=False)

    return run


@pytest.fixture
def run_json(base):  # noqa: ARG001
    def run(*arguments):
        done = CliRunner().invoke(cli, ["--json", "keys", *map(str, arguments)], catch_exceptions=False)
        return done.exit_code, json.loads(done.stdout)

    return run


def pem(passphrase=None, form=serialization.PrivateFormat.TraditionalOpenSSL):
    how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return KEY.private_bytes(serialization.Encoding.PEM, form, how).decode()


@pytest.fixture
def foreign(base):
    """A copy of the old server's files."""
    write_private(base / "mx1/etc/opendkim/keys/shop.private", pem())
    table = base / "mx1/etc/opendkim/KeyTable"
    table.write_text(f"shop {NAME}:mail2024:/etc/opendkim/keys/shop.private\n")
    return table


def ring(base):
    return Keyring(base / "keys")


def passphrase_of(base):
    return (base / "secrets/passphrase").read_text().strip()


@pytest.fixture
def kept(base):
    """The project has a key of its own."""
    draft = Key("s1", "generated", "rsa", 1024, "", None, {"generated": NOW})
    ring(base).create([(NAME, draft)], passphrase_of(base))
    return ring(base)


ONE = ("import", "--domain", NAME, "--selector", "mail2024")


def test_a_key_is_taken_over_and_what_comes_next_is_said(run, base):
    done = run(*ONE, write_private(base / "a.private", pem()))

    assert done.exit_code == 0
    assert f"+ {NAME}: mail2024, RSA-1024" in done.stdout
    assert "the next apply begins a rotation" in done.stdout
    assert "next: `postwright apply`" in done.stdout
    assert [(key.selector, key.state) for key in ring(base).keys(NAME)] == [("mail2024", "active")]


def test_a_key_table_is_taken_over_below_its_root_and_answers_programs(run_json, base, foreign):
    status, answer = run_json("import", "--key-table", foreign, "--root", base / "mx1")
    again = run_json("import", "--key-table", foreign, "--root", base / "mx1")[1]

    assert status == 0
    assert [(it["domain"], it["selector"], it["bits"]) for it in answer["taken"]] == [(NAME, "mail2024", 1024)]
    assert (answer["changed"], again["changed"]) == (True, False)
    assert again["already"] == [{"domain": NAME, "selector": "mail2024"}]


def test_the_passphrase_of_a_foreign_key_is_asked_for_and_never_shown(run, base):
    path = write_private(base / "a.private", pem(PASSPHRASE))

    wrong = run(*ONE, path, stdin="not it\n")
    done = run(*ONE, path, stdin=PASSPHRASE + "\n")

    assert (wrong.exit_code, done.exit_code) == (2, 0)
    assert "a.private: the passphrase does not open it" in wrong.stderr
    assert "not it" not in wrong.output
    assert f"Passphrase of {path}" in done.stderr
    assert PASSPHRASE not in done.output


def test_the_passphrase_of_a_foreign_key_may_be_in_a_file(run, base):
    path = write_private(base / "a.private", pem(PASSPHRASE))
    secret = write_private(base / "old-passphrase", PASSPHRASE + "\n")

    assert run(*ONE, path, "--key-passphrase-file", secret).exit_code == 0


def test_all_problems_of_all_keys_are_told_and_nothing_is_written(run, base, foreign):
    with foreign.open("a") as file:
        file.write("default %:default:/etc/opendkim/keys/default.private\n")
        file.write("b stranger.example:s1:/etc/opendkim/keys/gone.private\n")
        file.write(f"c {NAME}:s3:/etc/opendkim/keys/shop.private\n")

    done = run("import", "--key-table", foreign, "--root", base / "mx1")

    assert done.exit_code == 2
    assert "3 problems; nothing was taken over" in done.stderr
    assert 'KeyTable:2: has "%"' in done.stderr
    assert "gone.private: cannot be read: No such file or directory" in done.stderr
    assert f"DNS has no TXT record at s3._domainkey.{NAME}" in done.stderr
    assert ring(base).domains() == []


def test_with_skip_bad_the_fit_ones_are_taken_and_the_others_told(run, run_json, base, foreign):
    with foreign.open("a") as file:
        file.write("default %:default:/etc/opendkim/keys/default.private\n")

    done = run("import", "--key-table", foreign, "--root", base / "mx1", "--skip-bad")
    nothing = run_json("import", "--key-table", write_private(base / "bad", "x %:y:/z\n"), "--skip-bad")

    assert done.exit_code == 0
    assert "skipped: " in done.stderr
    assert ring(base).domains() == [NAME]
    assert nothing[0] == 2
    assert nothing[1]["error"]["type"] == "UsageError"


@pytest.mark.parametrize("arguments", [[], ["a"], ["--domain", NAME], ["--key-table", "a", "--domain", NAME]])
def test_what_is_to_be_taken_over_must_be_said(run, base, arguments):
    (base / "a").touch()
    done = run("import", *arguments)

    assert done.exit_code == 2
    assert "give --domain, --selector and FILE, or --key-table alone" in done.stderr


def test_a_selector_that_is_none_is_told(run, base):
    done = run("import", "--domain", NAME, "--selector", "../x", write_private(base / "a", pem()))

    assert done.exit_code == 2
    assert "is not a selector" in done.stderr


def test_a_keyring_comes_back_from_its_backup(run, run_json, kept):
    before = {path.name: path.read_bytes() for path in (kept.directory / NAME).iterdir()}

    saved = run("backup", "ring.tar.gz")
    again = run("backup", "ring.tar.gz")
    shutil.rmtree(kept.directory)
    status, answer = run_json("restore", "ring.tar.gz")

    assert saved.exit_code == 0
    assert "ring.tar.gz: keys of 1 domain, every one opened and compared" in saved.stdout
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert status == 0
    assert answer == {"written": [f"{NAME}/s1.pem", f"{NAME}/lifecycle.json"], "lost": [], "changed": True}
    assert {path.name: path.read_bytes() for path in (kept.directory / NAME).iterdir()} == before


def test_a_keyring_without_keys_is_not_backed_up(run, base):
    done = run("backup", "ring.tar.gz")

    assert done.exit_code == 2
    assert "there are no keys to back up" in done.stderr
    assert not (base / "ring.tar.gz").exists()


def test_a_keyring_that_knows_more_is_left_alone_unless_forced(run, run_json, kept):
    run("backup", "ring.tar.gz")
    kept.write(NAME, (kept.keys(NAME)[0].to("published", NOW, usable=NOW),))

    refused = run("restore", "ring.tar.gz")
    between = kept.keys(NAME)[0].state
    status, forced = run_json("restore", "--force", "ring.tar.gz")

    assert refused.exit_code == 1
    assert f"{NAME}: s1 is published, and generated in the archive" in refused.stderr
    assert between == "published"
    assert status == 0
    assert forced["lost"] == [f"{NAME}: s1 is published, and generated in the archive"]
    assert kept.keys(NAME)[0].state == "generated"


def test_a_damaged_archive_is_told_by_its_name(run, base):
    (base / "ring.tar.gz").write_bytes(b"x")
    done = run("restore", "ring.tar.gz")

    assert done.exit_code == 2
    assert "ring.tar.gz: not a whole archive" in done.stderr


def test_the_passphrase_is_changed_everywhere(run, run_json, kept, base):
    old = passphrase_of(base)
    write_private(base / "new", NEW + "\n")

    done = run("passphrase", "--new-file", "new")
    again = run_json("passphrase", "--new-file", "new")

    assert done.exit_code == 0
    assert "1 key encrypted anew" in done.stdout
    assert "secrets/passphrase holds the new passphrase; delete the copy you gave" in done.stdout
    assert passphrase_of(base) == NEW != old
    assert kept.private_key(NAME, kept.keys(NAME)[0], NEW)
    assert again[1]["changed"] is False
    assert NEW not in done.output


def test_a_weak_passphrase_is_refused(run, base):
    write_private(base / "new", "hunter2")
    done = run("passphrase", "--new-file", "new")

    assert done.exit_code == 2
    assert "shorter than 16 characters" in done.stderr
    assert "hunter2" not in done.output


@pytest.fixture
def lost(monkeypatch):
    """What the hosts would answer, which no test here has."""
    monkeypatch.setattr(recovery, "tables", lambda _project: {"mx1": {(NAME, "mail2024")}})


@pytest.mark.usefixtures("lost")
def test_what_is_lost_is_noted_when_the_operator_says_yes(run, base):
    refused = run("recover", stdin="n\n")
    there = ring(base).domains()
    done = run("recover", stdin="y\n")

    assert refused.exit_code == 1
    assert there == []
    assert done.stderr.startswith("If the keyring was changed elsewhere, fetch that instead")
    assert f"{NAME}: mail2024 (on mx1) is noted as retiring: its private key is lost" in done.stdout
    assert [(key.selector, key.state, key.here) for key in ring(base).keys(NAME)] == [("mail2024", "retiring", False)]


@pytest.mark.usefixtures("lost")
def test_recovery_answers_programs_and_is_done_once(run_json):
    first, second = run_json("recover", "--yes"), run_json("recover", "--yes")

    assert first[1]["noted"] == [
        {
            "domain": NAME,
            "selector": "mail2024",
            "hosts": ["mx1"],
            "state": "retiring",
            "note": "its private key is lost",
        }
    ]
    assert second == (0, {"noted": [], "changed": False})
