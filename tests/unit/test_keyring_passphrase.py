"""Another passphrase opens everything the old one did, and the old one nothing any more; killed anywhere, a second run ends it."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support import PASSPHRASE, host_data, mail_fleet, sound_project, write_private

from postwright import material
from postwright.errors import KeyringError, UsageError
from postwright.keys import rekey
from postwright.keys.key import Key
from postwright.keys.private import encrypted, load_private_key
from postwright.rotation import passphrase

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
NEW = "quite another passphrase"
NAMES = ("example.com", "example.org")


@pytest.fixture
def made(tmp_path):
    """A project with two keys and a TLS key that is encrypted."""
    project = sound_project(tmp_path)
    tls = ec.generate_private_key(ec.SECP256R1())
    write_private(tmp_path / "tls.key", encrypted(tls, PASSPHRASE).decode())
    draft = Key("s1", "generated", "rsa", 1024, "", None, {"generated": NOW})
    material.keyring_of(project).create([(name, draft) for name in NAMES], PASSPHRASE)
    return project


def paths(project):
    return [*(material.keyring_of(project).pem(name, "s1") for name in NAMES), project.base / "tls.key"]


def opens(path, word):
    try:
        return bool(load_private_key(path, word))
    except KeyringError:
        return False


def test_all_keys_are_opened_by_the_new_one_and_none_by_the_old(made):
    before = [
        material.keyring_of(made).private_key(name, material.keyring_of(made).keys(name)[0], PASSPHRASE)
        for name in NAMES
    ]

    written = passphrase.change(made, NEW)

    assert written == paths(made)
    assert [opens(path, NEW) for path in written] == [True] * 3
    assert [opens(path, PASSPHRASE) for path in written] == [False] * 3
    assert [path.stat().st_mode & 0o777 for path in written] == [0o600] * 3
    after = [
        material.keyring_of(made).private_key(name, material.keyring_of(made).keys(name)[0], NEW) for name in NAMES
    ]
    assert [key.private_numbers() for key in after] == [key.private_numbers() for key in before]


def test_the_file_the_inventory_reads_holds_the_new_one_and_nobody_else_can_read_it(made):
    passphrase.change(made, NEW)

    assert material.passphrase_of(made) == NEW
    assert (made.base / "passphrase").stat().st_mode & 0o777 == 0o600
    assert "delete the copy" in passphrase.left_to_do(made)


def test_a_key_no_lifecycle_file_knows_is_encrypted_anew_as_well(made):
    left = material.keyring_of(made).pem(NAMES[0], "left")
    left.write_bytes(paths(made)[0].read_bytes())

    assert left in passphrase.change(made, NEW)
    assert not opens(left, PASSPHRASE)


def test_a_key_neither_opens_is_named_and_nothing_is_written(made):
    first, second, tls = paths(made)
    second.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    write_private(tls, encrypted(ec.generate_private_key(ec.SECP256R1()), "a third passphrase").decode())

    with pytest.raises(KeyringError) as caught:
        passphrase.change(made, NEW)

    assert str(second) in str(caught.value)
    assert str(tls) in str(caught.value)
    assert opens(first, PASSPHRASE)
    assert material.passphrase_of(made) == PASSPHRASE


def test_a_tls_key_that_is_not_encrypted_stays_as_it_is(made):
    plain = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(made.base / "tls.key", plain.decode())

    passphrase.change(made, NEW)

    assert (made.base / "tls.key").read_bytes() == plain


def test_a_link_stays_a_link(made, tmp_path):
    tls = tmp_path / "tls.key"
    tls.rename(tmp_path / "real.key")
    tls.symlink_to("real.key")

    passphrase.change(made, NEW)

    assert tls.is_symlink()
    assert opens(tmp_path / "real.key", NEW)


@pytest.mark.parametrize("crossing", range(4))
def test_a_change_that_was_killed_is_completed_by_the_next(made, monkeypatch, crossing):
    done, write = [], rekey.write_atomically

    def killed(path, *rest):
        if len(done) == crossing:
            raise KeyboardInterrupt
        done.append(path)
        write(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(rekey, "write_atomically", killed)
        patch.setattr(passphrase, "write_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            passphrase.change(made, NEW)
    written = passphrase.change(made, NEW)

    assert len(done) + len(written) == 3
    assert [opens(path, NEW) for path in paths(made)] == [True] * 3
    assert material.passphrase_of(made) == NEW


def test_the_new_one_is_read_from_a_file_or_a_variable(made, tmp_path, monkeypatch):
    monkeypatch.setenv("NEW_PASSPHRASE", NEW)

    assert passphrase.new_passphrase(made, None, "NEW_PASSPHRASE") == NEW
    assert passphrase.new_passphrase(made, write_private(tmp_path / "new", NEW + "\n"), None) == NEW


@pytest.mark.parametrize(("file", "variable"), [(False, None), (True, "NEW_PASSPHRASE")])
def test_one_source_and_no_more_is_to_be_named(made, tmp_path, file, variable):
    with pytest.raises(UsageError, match="give either --new-file or --new-env"):
        passphrase.new_passphrase(made, tmp_path / "passphrase" if file else None, variable)


def test_the_place_of_the_old_one_is_not_that_of_the_new_one(made, tmp_path):
    with pytest.raises(UsageError, match="the old passphrase is read from there"):
        passphrase.new_passphrase(made, tmp_path / "passphrase", None)


def test_a_weak_one_is_refused_and_not_repeated(made, monkeypatch):
    monkeypatch.setenv("NEW_PASSPHRASE", "hunter2")

    with pytest.raises(KeyringError, match="shorter than 16 characters") as caught:
        passphrase.new_passphrase(made, None, "NEW_PASSPHRASE")

    assert "hunter2" not in str(caught.value)


def test_who_keeps_it_in_a_variable_is_told_to_set_it(tmp_path, monkeypatch):
    monkeypatch.setenv("OLD_PASSPHRASE", PASSPHRASE)
    fleet = mail_fleet(keys={"directory": "keys", "passphrase": {"env": "OLD_PASSPHRASE"}})
    project = sound_project(tmp_path, host_data(fleet=fleet))

    passphrase.change(project, NEW)

    assert passphrase.left_to_do(project) == "now set OLD_PASSPHRASE to the new passphrase, wherever postwright runs"
    with pytest.raises(UsageError, match="put the new one into another"):
        passphrase.new_passphrase(project, None, "OLD_PASSPHRASE")
