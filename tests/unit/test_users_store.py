"""The user store: readable but for the hashes, stable for Git, and of no use without the passphrase."""

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support import PASSPHRASE, host_data, mail_fleet, project, sound_project

from postwright import material, values_tls
from postwright.errors import KeyringError, UsageError
from postwright.model import Login
from postwright.rotation import passphrase
from postwright.users import change, passwords, sealing, store

NOW = datetime(2026, 11, 22, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
SAID = {"senders": ["@example.com"]}
NEW = "quite another passphrase"


@pytest.fixture
def made(tmp_path):
    """A project with a store of two users, whose hashes are the names they were given here."""
    store.write(store.read(tmp_path / "users.json", new=True))
    found = sound_project(tmp_path, host_data(fleet=mail_fleet(users="users.json")))
    users = material.store_of(found)
    for login in ("crm", "app@example.com"):
        users = change.added(users, found, login, SAID)
        users = change.with_password(users, login, f"$6$of-{login}", PASSPHRASE, NOW, timedelta())
    store.write(users)
    return found


def again(base):
    """The same project, read anew."""
    return project(base, host_data(fleet=mail_fleet(users="users.json")))


def test_users_of_the_store_are_logins_of_the_fleet(made):
    fleet = again(made.base).fleet

    assert [(it.login, it.senders, it.password_hash) for it in fleet.logins] == [
        ("app@example.com", ("@example.com",), None),
        ("crm", ("@example.com",), None),
    ]


def test_hashes_come_back_and_stand_nowhere_in_clear(made):
    path = made.base / "users.json"

    assert material.store_of(made).hashes(PASSPHRASE, NOW) == {
        "app@example.com": ["$6$of-app@example.com"],
        "crm": ["$6$of-crm"],
    }
    assert "$6$" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_hash_moved_to_another_login_opens_for_nobody(made):
    path = made.base / "users.json"
    data = json.loads(path.read_text())
    data["users"][0]["password"], data["users"][1]["password"] = (
        data["users"][1]["password"],
        data["users"][0]["password"],
    )
    path.write_text(json.dumps(data))

    with pytest.raises(KeyringError, match=r"users\.json: user .*: the passphrase does not open it"):
        material.store_of(made).hashes(PASSPHRASE, NOW)


def test_another_passphrase_opens_nothing_and_is_not_repeated(made):
    with pytest.raises(KeyringError) as caught:
        material.store_of(made).hashes(NEW, NOW)

    assert NEW not in str(caught.value)


def test_a_change_of_one_user_leaves_every_byte_of_the_others(made):
    path = made.base / "users.json"
    before = path.read_text()
    store.write(change.with_password(material.store_of(made), "crm", "$6$other", PASSPHRASE, NOW + HOUR, timedelta()))
    after = path.read_text()

    same = before.partition('"login": "crm"')[0]
    assert after != before
    assert after.startswith(same)


def test_the_key_is_derived_once_for_all_users(made):
    sealing.derived.cache_clear()
    material.store_of(made).hashes(PASSPHRASE, NOW)
    material.store_of(made).hashes(PASSPHRASE, NOW)

    assert sealing.derived.cache_info().misses == 1


def test_both_passwords_count_until_the_grace_is_over(made):
    users = change.with_password(material.store_of(made), "crm", "$6$new", PASSPHRASE, NOW, HOUR)

    assert users.hashes(PASSPHRASE, NOW + HOUR - timedelta(seconds=1))["crm"] == ["$6$new", "$6$of-crm"]
    assert users.hashes(PASSPHRASE, NOW + HOUR)["crm"] == ["$6$new"]
    assert users.users["crm"].note(NOW) == (
        "password of 2026-11-22T16:00:00Z, the one before until 2026-11-22T17:00:00Z"
    )


def test_without_grace_the_old_password_counts_no_more(made):
    users = change.with_password(material.store_of(made), "crm", "$6$new", PASSPHRASE, NOW, timedelta())

    assert users.hashes(PASSPHRASE, NOW)["crm"] == ["$6$new"]


def test_who_is_suspended_has_no_password_that_counts_and_gets_it_back(made):
    users = change.changed(material.store_of(made), "crm", {"state": "suspended"})

    assert users.hashes(PASSPHRASE, NOW)["crm"] == []
    assert change.changed(users, "crm", {"state": "active"}).hashes(PASSPHRASE, NOW)["crm"] == ["$6$of-crm"]


def test_a_login_that_stands_in_both_places_is_told_with_both(made):
    login = {"login": "crm", "password_hash": "app.hash", "senders": ["@example.com"]}

    with pytest.raises(
        UsageError, match=r"users\.json \(mail_fleet\.users\): crm stands in mail_fleet\.logins\[0\] too"
    ):
        project(made.base, host_data(fleet=mail_fleet(users="users.json", logins=[login])))
    with pytest.raises(UsageError, match=r"crm stands in .*users\.json already"):
        change.added(material.store_of(made), again(made.base), "crm", SAID)


def test_a_user_who_stands_twice_in_the_file_is_told(made):
    path = made.base / "users.json"
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {"users": [data["users"][0]] * 2}))

    with pytest.raises(UsageError, match=r"users\.json: users: app@example\.com stands there more than once"):
        again(made.base)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"senders": ["@example.org"]}, r"x\.senders: @example\.org is of no domain in mail_fleet\.domains"),
        ({"senders": []}, "senders: is empty"),
        ({"senders": ["@example.com"], "networks": ["10.0.0.1/8"]}, r"networks\[0\]: 10\.0\.0\.1/8 has host bits set"),
        ({"senders": ["@example.com"], "certificates": ["AB:CD"]}, "is not a SHA-256 fingerprint"),
    ],
)
def test_what_the_inventory_would_refuse_is_refused_before_it_is_written(made, said, expected):
    with pytest.raises(UsageError, match=expected):
        change.require_valid(made, material.store_of(made), change.added(material.store_of(made), made, "x", said))


def test_a_store_the_inventory_names_and_that_is_not_there_is_told_and_not_taken_for_empty(made):
    users = material.store_of(made)
    (made.base / "users.json").unlink()

    with pytest.raises(UsageError, match=r"mail_fleet\.users: no file .*/users\.json, so its users could not log in"):
        again(made.base)
    store.write(replace(users, users={}))
    assert again(made.base).fleet.logins == ()


def test_a_user_of_the_store_has_no_file_with_a_hash(made):
    path = made.base / "users.json"
    data = json.loads(path.read_text())
    data["users"][0] |= {"password_hash": "../app.hash"}
    path.write_text(json.dumps(data))

    with pytest.raises(UsageError, match=r"password_hash: is of logins of the inventory; take it out"):
        again(made.base)


def test_what_is_wrong_already_keeps_nobody_from_mending_another_user(made):
    gone = {
        name: it.model_copy(update={"senders": ("@gone.example",)})
        for name, it in material.store_of(made).users.items()
    }
    before = replace(material.store_of(made), users=gone)

    change.require_valid(made, before, change.removed(before, "crm"))
    change.require_valid(made, before, change.changed(before, "crm", {"senders": ("@example.com",)}))
    with pytest.raises(UsageError, match=r"nothing was changed:\n.*crm\.senders: @also\.example is of no domain"):
        change.require_valid(made, before, change.changed(before, "crm", {"senders": ("@also.example",)}))


def test_a_fingerprint_is_the_same_with_colons_and_without_and_in_either_case():
    digits = "ab" * 32
    written = (digits, digits.upper(), ":".join(["Ab"] * 32))

    assert {Login(login="crm", senders=["@a.example"], certificates=[it]).certificates for it in written} == {
        (":".join(["AB"] * 32),)
    }
    assert {values_tls.fingerprint(it) for it in written} == {":".join(["ab"] * 32)}


def test_a_file_that_is_no_store_is_told_with_its_place(made):
    (made.base / "users.json").write_text("{")

    with pytest.raises(UsageError, match=r"users\.json"):
        again(made.base)


def test_another_passphrase_for_the_project_opens_the_store_too_and_a_second_run_changes_nothing(made):
    passphrase.change(made, NEW)
    after = (made.base / "users.json").read_bytes()

    assert material.store_of(made).hashes(NEW, NOW)["crm"] == ["$6$of-crm"]
    with pytest.raises(KeyringError):
        material.store_of(made).hashes(PASSPHRASE, NOW)
    assert store.resealed(material.store_of(made), PASSPHRASE, NEW) is None
    assert (made.base / "users.json").read_bytes() == after


def test_passwords_made_here_are_long_and_differ():
    found = {passwords.generated() for _ in range(100)}

    assert len(found) == 100
    assert {len(it) for it in found} == {26}


def test_a_hash_is_the_one_openssl_verifies():
    password = passwords.generated()
    found = passwords.hashed(password)
    salt = found.split("$")[2]
    same = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin", "-salt", salt], input=password, capture_output=True, text=True, check=True
    ).stdout.strip()

    assert found == same


@pytest.mark.parametrize("password", ["short", "x" * 129, "fourteen is 14ü", "with a\ttab in it"])
def test_a_password_that_clients_cannot_send_or_is_too_short_is_refused_and_not_repeated(password):
    with pytest.raises(UsageError) as caught:
        passwords.require_fit(password)

    assert password not in str(caught.value)


def test_the_login_of_the_probe_cannot_be_suspended(made):
    probe = {"login": "crm", "password": {"file": "p"}, "sender": "a@example.com", "recipient": "b@example.net"}
    found = project(made.base, host_data(fleet=mail_fleet(users="users.json", probe=probe)))

    before = material.store_of(found)
    with pytest.raises(UsageError, match=r"mail_fleet\.probe\.login: crm is suspended"):
        change.require_valid(found, before, change.changed(before, "crm", {"state": "suspended"}))
