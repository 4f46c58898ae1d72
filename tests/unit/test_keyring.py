"""Private keys lie on disk encrypted and private only; a selector is never used twice; damage is told by its file."""

import json
import os
from dataclasses import replace
from datetime import date

import pytest
from cryptography.hazmat.primitives import serialization
from support import PASSPHRASE

from postwright.errors import KeyringError, UsageError
from postwright.keys import keyring as module
from postwright.keys.keyring import Keyring, load_private_key, public_text, require_strength
from postwright.keys.public import PublicKey
from postwright.keys.selectors import next_selector

DAY = date(2026, 11, 22)
NAME = "example.com"


@pytest.fixture
def ring(tmp_path):
    return Keyring(tmp_path / "keys")


@pytest.fixture
def key(ring):
    ring.generate([NAME], 2048, PASSPHRASE, DAY)
    return ring.keys(NAME)[0]


def pem(ring, key):
    return ring.directory / NAME / f"{key.selector}.pem"


def test_a_new_key_waits_until_dns_confirms_it(ring, key):
    assert (key.selector, key.state, key.bits, key.created) == ("pw20261122", "generated", 2048, "2026-11-22")
    assert ring.signing_key(NAME) is None
    ring.activate(NAME)
    assert ring.signing_key(NAME) == replace(key, state="active")


def test_dns_shows_a_key_before_anything_signs_with_it(ring, key):
    assert ring.public_keys([NAME, "other.example"]) == (PublicKey(NAME, "pw20261122", key.p),)
    assert ring.public_keys([NAME])[0].name == "pw20261122._domainkey.example.com"


@pytest.mark.usefixtures("key")
def test_the_domains_without_a_key_are_known(ring):
    assert ring.missing([NAME, "other.example"]) == ["other.example"]


def test_the_key_on_disk_is_encrypted(ring, key):
    lines = pem(ring, key).read_text().splitlines()
    assert lines[0] == "-----BEGIN ENCRYPTED PRIVATE KEY-----"
    with pytest.raises(TypeError, match="encrypted"):
        serialization.load_pem_private_key(pem(ring, key).read_bytes(), None)


def test_a_private_key_is_made_with_mode_0600_and_never_lies_there_otherwise(ring, monkeypatch):
    modes = {}
    original = os.open

    def spy(path, flags, mode=0o777, **more):
        handle = original(path, flags, mode, **more)
        if flags & os.O_CREAT:
            modes[str(path)] = os.fstat(handle).st_mode & 0o777
        return handle

    before = os.umask(0)
    monkeypatch.setattr(os, "open", spy)
    try:
        ring.generate([NAME], 2048, PASSPHRASE, DAY)
    finally:
        os.umask(before)
    secret_modes = {mode for path, mode in modes.items() if ".pem" in path}
    assert secret_modes == {0o600}
    assert pem(ring, ring.keys(NAME)[0]).stat().st_mode & 0o777 == 0o600


def test_the_key_comes_back_as_it_was_made(ring, key):
    private = serialization.load_pem_private_key(ring.private_pem(NAME, key, PASSPHRASE), None)
    assert public_text(private.public_key()) == key.p


def test_a_wrong_passphrase_is_told_and_not_repeated(ring, key):
    with pytest.raises(KeyringError, match="the passphrase does not open it, or it is damaged") as caught:
        ring.private_pem(NAME, key, "hunter2 hunter2 hunter2")
    assert str(pem(ring, key)) in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"]
)
def test_a_damaged_key_is_told_by_its_file(ring, key, text):
    pem(ring, key).write_text(text)
    with pytest.raises(KeyringError, match=r"pw20261122\.pem: the passphrase does not open it, or it is damaged"):
        ring.private_pem(NAME, key, PASSPHRASE)


def test_a_missing_key_is_told_by_its_file(ring, key):
    pem(ring, key).unlink()
    with pytest.raises(KeyringError, match=r"cannot read .*pw20261122\.pem: No such file"):
        ring.private_pem(NAME, key, PASSPHRASE)


def test_a_key_that_is_not_the_published_one_is_refused(ring, key):
    ring.generate(["other.example"], 2048, PASSPHRASE, DAY)
    other = ring.directory / "other.example" / "pw20261122.pem"
    other.replace(pem(ring, key))
    with pytest.raises(KeyringError, match=r"not the key .*lifecycle\.json describes"):
        ring.private_pem(NAME, key, PASSPHRASE)


@pytest.mark.usefixtures("key")
def test_a_selector_is_never_used_twice(ring):
    ring.generate([NAME], 2048, PASSPHRASE, DAY)
    assert [it.selector for it in ring.keys(NAME)] == ["pw20261122", "pw20261122-2"]


def test_a_selector_is_not_used_twice_even_after_a_crash_before_the_lifecycle_was_written(ring, monkeypatch):
    write = module.write_atomically

    def crash(path, *rest):
        if path.name == "lifecycle.json":
            raise KeyboardInterrupt
        write(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_atomically", crash)
        with pytest.raises(KeyboardInterrupt):
            ring.generate([NAME], 2048, PASSPHRASE, DAY)
    assert ring.keys(NAME) == ()
    assert ring.next_selector(NAME, DAY) == "pw20261122-2"
    ring.generate([NAME], 2048, PASSPHRASE, DAY)
    assert ring.keys(NAME)[0].selector == "pw20261122-2"
    assert ring.private_pem(NAME, ring.keys(NAME)[0], PASSPHRASE)


def test_selectors_of_a_day_are_numbered():
    used = {"pw20261122", "pw20261122-2", "pw20261122-4"}
    assert next_selector(DAY, used) == "pw20261122-3"
    assert next_selector(DAY, ()) == "pw20261122"


def test_a_domain_with_fixed_selectors_takes_the_first_that_was_never_used(tmp_path):
    ring = Keyring(tmp_path / "keys", lambda domain: ("pw1", "pw2") if domain == NAME else ())
    ring.generate([NAME, "other.example"], 2048, PASSPHRASE, DAY)
    assert ring.keys("other.example")[0].selector == "pw20261122"
    assert ring.next_selector(NAME, DAY) == "pw2"
    ring.generate([NAME], 2048, PASSPHRASE, DAY)
    assert [it.selector for it in ring.keys(NAME)] == ["pw1", "pw2"]
    assert ring.public_keys([NAME])[1].name == "pw2._domainkey.example.com"


def test_when_all_fixed_selectors_were_used_the_error_says_where_to_add_one(tmp_path, key, ring):
    fixed = replace(ring, fixed=lambda _domain: (key.selector,))
    with pytest.raises(
        KeyringError, match=r"keys/example.com: every selector .* \(pw20261122\) has had a key, .* add a free one"
    ):
        fixed.generate([NAME], 2048, PASSPHRASE, DAY)
    assert [path.name for path in (tmp_path / "keys" / NAME).glob("*.pem")] == ["pw20261122.pem"]


GOOD = {"selector": "s1", "state": "active", "bits": 2048, "created": "2026-01-01", "p": "AAAA"}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "{}", '{"keys": 5}', '{"keys": {"a": 1}}', '{"keys": [{}]}', "\xff"]
    + [json.dumps({"keys": [GOOD | change]}) for change in ({"state": "new"}, {"selector": "../x"}, {"selector": 5}, {"p": "a b"})],
)  # fmt: skip
def test_a_damaged_lifecycle_file_is_told_by_its_name_and_stops_everything(ring, text):
    path = ring.directory / NAME / "lifecycle.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    for question in (ring.keys, ring.signing_key, ring.activate, lambda name: ring.missing([name])):
        with pytest.raises(KeyringError, match=r"lifecycle\.json: not a lifecycle file .* restore it"):
            question(NAME)
    with pytest.raises(KeyringError, match="not a lifecycle file"):
        ring.generate([NAME], 2048, PASSPHRASE, DAY)
    assert path.read_bytes() == text.encode("latin-1")
    assert list(path.parent.glob("*.pem")) == []


def test_a_private_key_is_in_no_text_of_what_holds_it(ring, key):
    secret = ring.private_pem(NAME, key, PASSPHRASE).decode().splitlines()[2]
    for holder in (ring, key, ring.public_keys([NAME])):
        assert secret not in f"{holder!r} {holder}"
    assert secret not in (ring.directory / NAME / "lifecycle.json").read_text()


def test_a_key_that_is_no_key_is_not_repeated_in_the_error(tmp_path):
    path = tmp_path / "key.pem"
    path.write_text("hunter2")
    with pytest.raises(KeyringError) as caught:
        load_private_key(path, None)
    assert "hunter2" not in str(caught.value)


def test_a_weak_passphrase_is_refused():
    with pytest.raises(UsageError, match="shorter than 16 characters; make one with: openssl rand") as caught:
        require_strength("hunter2", "file x")
    assert "hunter2" not in str(caught.value)
    assert require_strength("sixteen letters!", "file x") == "sixteen letters!"


def test_keys_of_many_domains_are_made_at_once(ring):
    names = [f"shop{number}.example" for number in range(4)]
    ring.generate(names, 2048, PASSPHRASE, DAY)
    assert ring.missing(names) == []
    assert len({ring.keys(name)[0].p for name in names}) == len(names)
