"""Private keys lie on disk encrypted and private only; no selector has two keys; damage is told by its file."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from support import PASSPHRASE

from postwright.errors import KeyringError, UsageError
from postwright.keys import keyring as module
from postwright.keys import private
from postwright.keys.key import Key
from postwright.keys.keyring import Keyring, public_keys
from postwright.keys.public import PublicKey

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
NAME = "example.com"


def draft(selector="pw20261122", **changes):
    return replace(Key(selector, "generated", "rsa", 2048, "", history={"generated": NOW}), **changes)


@pytest.fixture
def ring(tmp_path):
    return Keyring(tmp_path / "keys")


@pytest.fixture
def key(ring):
    ring.create([(NAME, draft())], PASSPHRASE)
    return ring.keys(NAME)[0]


def test_a_new_key_is_as_it_was_foreseen_and_has_its_public_half(ring, key):
    assert replace(key, p="") == draft()
    assert key.p.startswith("MIIBIjANBgkq"), "a SubjectPublicKeyInfo of RSA"
    assert ring.domains() == [NAME]


def test_a_domain_nobody_made_a_key_for_has_none(ring):
    assert ring.keys("other.example") == ()
    assert ring.domains() == []


def test_what_is_written_comes_back_the_same(ring):
    keys = (
        draft("a", state="revoked", history={"generated": NOW, "revoked": NOW + timedelta(days=9)}, compromised=True,
              off_hosts=NOW + timedelta(days=1), told=NOW + timedelta(days=9)),
        draft("b", p="AAAA", host="mx1", algorithm="ed25519", bits=256, usable=NOW, record="v=DKIM1; p=AAAA", here=False),
        draft("c", p="BBBB", note="asked for"),
    )  # fmt: skip
    ring.write(NAME, keys)
    assert ring.keys(NAME) == keys
    assert ring.read([NAME, "other.example"]) == {NAME: keys, "other.example": ()}


def test_only_what_changes_is_written(ring, key):
    ring.create([("other.example", draft())], PASSPHRASE)
    before = ring.lifecycle("other.example").stat().st_mtime_ns

    def change(domain, keys):
        return tuple(it.to("published", NOW) for it in keys) if domain == NAME else keys

    assert ring.update([NAME, "other.example"], change) == [NAME]
    assert ring.keys(NAME) == (key.to("published", NOW),)
    assert ring.lifecycle("other.example").stat().st_mtime_ns == before


def test_two_keys_that_live_under_one_selector_are_never_written(ring, key):
    with pytest.raises(KeyringError, match=r"lifecycle\.json: pw20261122 would have two keys; nothing was written"):
        ring.write(NAME, (key, replace(key, p="AAAA")))
    with pytest.raises(KeyringError, match="two keys"):
        ring.create([(NAME, draft())], PASSPHRASE)
    assert ring.keys(NAME) == (key,)


def test_the_key_that_lives_is_not_overwritten_by_one_that_is_refused(ring, key):
    with pytest.raises(KeyringError, match="two keys"):
        ring.create([(NAME, draft())], PASSPHRASE)
    assert private.public_text(ring.private_key(NAME, key, PASSPHRASE)) == key.p


def test_a_selector_comes_round_again_after_its_key_was_deleted(ring, key):
    gone = replace(key, state="deleted", history={**key.history, "deleted": NOW})
    ring.write(NAME, (gone,))
    ring.create([(NAME, draft())], PASSPHRASE)
    first, second = ring.keys(NAME)
    assert (first, second.state) == (gone, "generated")
    assert private.public_text(ring.private_key(NAME, second, PASSPHRASE)) == second.p != first.p


def test_a_selector_needed_at_once_ends_the_revoked_key_it_had(ring, key):
    ring.write(NAME, (replace(key, state="revoked", history={**key.history, "revoked": NOW}),))
    ring.create([(NAME, draft(history={"generated": NOW + timedelta(days=1)}))], PASSPHRASE)
    first, second = ring.keys(NAME)
    assert (first.state, first.since, second.state) == ("deleted", NOW + timedelta(days=1), "generated")


@pytest.mark.usefixtures("key")
def test_the_private_halves_of_deleted_keys_go_and_those_of_others_stay(ring):
    ring.create([(NAME, draft("other"))], PASSPHRASE)
    keys = ring.keys(NAME)
    ring.discard(NAME, (replace(keys[0], state="deleted"), keys[1]))
    assert [path.name for path in ring.directory.rglob("*.pem")] == ["other.pem"]
    ring.discard(NAME, (replace(keys[1], state="deleted"), keys[1]))
    assert ring.pem(NAME, "other").exists(), "the selector came round again"
    ring.discard(NAME, (replace(keys[0], state="deleted"),))


def test_dns_shows_a_key_until_it_is_revoked_and_its_name_until_it_is_deleted():
    states = ("generated", "published", "confirmed", "active", "retiring", "revoked", "deleted")
    keys = tuple(draft(state, state=state, p="AAAA") for state in states)
    shown = {it.selector: it.p for it in public_keys({NAME: keys})}
    assert shown == {**dict.fromkeys(states[:5], "AAAA"), "revoked": ""}


def test_a_key_that_is_only_foreseen_has_nothing_to_show():
    assert public_keys({NAME: (draft(),)}) == ()


def test_a_record_somebody_else_wrote_keeps_its_text_until_it_is_revoked():
    there = draft("a", state="active", p="AAAA", record="k=rsa; p=AAAA", algorithm="ed25519")
    gone = replace(there, selector="b", state="revoked")
    assert public_keys({NAME: (there, gone)}) == (
        PublicKey(NAME, "a", "AAAA", "ed25519", "k=rsa; p=AAAA"),
        PublicKey(NAME, "b", "", "ed25519"),
    )
    assert PublicKey(NAME, "a", "AAAA").name == "a._domainkey.example.com"


def test_the_key_on_disk_is_encrypted(ring, key):
    lines = ring.pem(NAME, key.selector).read_text().splitlines()
    assert lines[0] == "-----BEGIN ENCRYPTED PRIVATE KEY-----"
    with pytest.raises(TypeError, match="encrypted"):
        serialization.load_pem_private_key(ring.pem(NAME, key.selector).read_bytes(), None)


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
        ring.create([(NAME, draft())], PASSPHRASE)
    finally:
        os.umask(before)
    secret_modes = {mode for path, mode in modes.items() if ".pem" in path}
    assert secret_modes == {0o600}
    assert ring.pem(NAME, "pw20261122").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("algorithm", "bits"), [("rsa", 2048), ("rsa", 3072), ("ed25519", 256)])
def test_the_key_comes_back_as_it_was_made(ring, algorithm, bits):
    ring.create([(NAME, draft(algorithm=algorithm, bits=bits))], PASSPHRASE)
    (key,) = ring.keys(NAME)
    found = ring.private_key(NAME, key, PASSPHRASE)
    assert (private.public_text(found), private.algorithm_of(found), private.bits_of(found)) == (key.p, algorithm, bits)


def test_a_wrong_passphrase_is_told_and_not_repeated(ring, key):
    with pytest.raises(KeyringError, match="the passphrase does not open it, or it is damaged") as caught:
        ring.private_key(NAME, key, "hunter2 hunter2 hunter2")
    assert str(ring.pem(NAME, key.selector)) in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"]
)
def test_a_damaged_key_is_told_by_its_file(ring, key, text):
    ring.pem(NAME, key.selector).write_text(text)
    with pytest.raises(KeyringError, match=r"pw20261122\.pem: the passphrase does not open it, or it is damaged"):
        ring.private_key(NAME, key, PASSPHRASE)


def test_a_missing_key_is_told_by_its_file(ring, key):
    ring.pem(NAME, key.selector).unlink()
    with pytest.raises(KeyringError, match=r"cannot read .*pw20261122\.pem: No such file"):
        ring.private_key(NAME, key, PASSPHRASE)


def test_a_key_that_is_not_the_published_one_is_refused(ring, key):
    ring.create([("other.example", draft())], PASSPHRASE)
    ring.pem("other.example", "pw20261122").replace(ring.pem(NAME, "pw20261122"))
    with pytest.raises(KeyringError, match=r"not the key .*lifecycle\.json describes"):
        ring.private_key(NAME, key, PASSPHRASE)


def test_a_key_whose_making_was_cut_short_is_unknown_and_may_be_made_again(ring, monkeypatch):
    """Its file is there before the lifecycle speaks of it, so nothing of it was ever published."""
    write = module.write_atomically

    def crash(path, *rest):
        if path.name == "lifecycle.json":
            raise KeyboardInterrupt
        write(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_atomically", crash)
        with pytest.raises(KeyboardInterrupt):
            ring.create([(NAME, draft())], PASSPHRASE)
    assert ring.keys(NAME) == ()
    ring.create([(NAME, draft())], PASSPHRASE)
    assert ring.private_key(NAME, ring.keys(NAME)[0], PASSPHRASE)


GOOD = {"selector": "s1", "state": "active", "algorithm": "rsa", "bits": 2048, "p": "AAAA"}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "{}", '{"keys": 5}', '{"keys": {"a": 1}}', '{"keys": []}', '{"format": 1, "domain": "example.com", "keys": []}',
     '{"format": 2}', '{"format": 2, "domain": "example.com", "keys": [{}]}', "\xff"]
    + [
        json.dumps({"format": 2, "domain": NAME, "keys": [GOOD | change]})
        for change in (
            {"state": "new"}, {"selector": "../x"}, {"selector": 5}, {"p": "a b"}, {"algorithm": "dsa"}, {"bits": "x"},
            {"history": {"born": "2026-11-22T06:30:00Z"}}, {"history": {"active": "soon"}}, {"usable": "soon"},
            {"told": "soon"}, {"off_hosts": "soon"},
        )
    ],
)  # fmt: skip
def test_a_damaged_lifecycle_file_is_told_by_its_name_and_stops_everything(ring, text):
    path = ring.lifecycle(NAME)
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    for act in (
        lambda: ring.keys(NAME),
        lambda: ring.read([NAME]),
        lambda: ring.update([NAME], lambda _, keys: keys),
        lambda: ring.create([(NAME, draft())], PASSPHRASE),
    ):
        with pytest.raises(KeyringError, match=r"lifecycle\.json: not a lifecycle file .* restore it"):
            act()
    assert path.read_bytes() == text.encode("latin-1")
    assert list(path.parent.glob("*.pem")) == []


def test_a_good_lifecycle_file_would_pass_the_test_above(ring):
    ring.lifecycle(NAME).parent.mkdir(parents=True)
    ring.lifecycle(NAME).write_text(json.dumps({"format": 2, "domain": NAME, "keys": [GOOD]}))
    assert ring.keys(NAME)[0].selector == "s1"


def test_a_private_key_is_in_no_text_of_what_holds_it(ring, key):
    secret = private.plain(ring.private_key(NAME, key, PASSPHRASE)).decode().splitlines()[2]
    for holder in (ring, key, public_keys({NAME: (key,)})):
        assert secret not in f"{holder!r} {holder}"
    assert secret not in ring.lifecycle(NAME).read_text()


def test_a_key_that_is_no_key_is_not_repeated_in_the_error(tmp_path):
    path = tmp_path / "key.pem"
    path.write_text("hunter2")
    with pytest.raises(KeyringError) as caught:
        private.load_private_key(path, None)
    assert "hunter2" not in str(caught.value)


def test_a_weak_passphrase_is_refused():
    with pytest.raises(UsageError, match="shorter than 16 characters; make one with: openssl rand") as caught:
        private.require_strength("hunter2", "file x")
    assert "hunter2" not in str(caught.value)
    assert private.require_strength("sixteen letters!", "file x") == "sixteen letters!"


def test_keys_of_many_domains_are_made_at_once_and_all_of_one_domain_are_kept(ring):
    names = [f"shop{number}.example" for number in range(4)]
    ring.create([(name, draft(selector)) for selector in ("a", "b") for name in names], PASSPHRASE)
    assert [[key.selector for key in ring.keys(name)] for name in names] == [["a", "b"]] * 4
    assert len({key.p for name in names for key in ring.keys(name)}) == 2 * len(names)
