"""The TLS key of an ACME host is made once, kept encrypted, known to DNS beforehand, and part of the keyring."""

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import serialization
from support import PASSPHRASE, host_data, mail_fleet, mail_host, signing_key, sound_project, write_private

from postwright import material
from postwright.errors import KeyringError, UsageError
from postwright.hosts.bundles import ready_bundle
from postwright.keys import archive, tls
from postwright.keys.keyring import Keyring
from postwright.keys.private import encrypted, load_private_key
from postwright.rotation import passphrase

DER = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
OTHER = "another passphrase of length"


@pytest.fixture
def ring(tmp_path):
    made = Keyring(tmp_path / "keys")
    signing_key(made, "example.com")
    tls.make(made.directory, "mx1", PASSPHRASE)
    return made


@pytest.fixture
def project(tmp_path):
    host = host_data(host=mail_host(tls="acme"), fleet=mail_fleet(acme={"contact": "ops@example.net"}))
    return sound_project(tmp_path, host)


def test_a_key_is_made_once_and_is_readable_by_nobody_without_the_passphrase(ring):
    path = tls.private_path(ring.directory, "mx1")
    before = path.read_bytes()

    tls.make(ring.directory, "mx1", PASSPHRASE)

    assert path.read_bytes() == before
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in before
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyringError, match=r"mx1\.pem: the passphrase does not open it"):
        tls.load(ring.directory, "mx1", OTHER)


def test_its_digest_is_that_of_its_public_key_and_needs_no_passphrase(ring):
    public = tls.load(ring.directory, "mx1", PASSPHRASE).public_key().public_bytes(*DER)

    assert tls.digest(ring.directory, "mx1") == sha256(public).hexdigest()
    assert tls.digest(ring.directory, "mx2") is None


def test_a_run_cut_short_between_the_halves_is_completed_with_the_same_key(ring):
    before = tls.digest(ring.directory, "mx1")
    tls.public_path(ring.directory, "mx1").unlink()
    assert not tls.is_made(ring.directory, "mx1")

    tls.make(ring.directory, "mx1", PASSPHRASE)

    assert tls.digest(ring.directory, "mx1") == before


def test_halves_that_do_not_belong_together_are_never_used(ring):
    tls.make(ring.directory, "mx2", PASSPHRASE)
    other = tls.public_path(ring.directory, "mx2").read_bytes()
    tls.public_path(ring.directory, "mx1").write_bytes(other)

    with pytest.raises(KeyringError, match=r"mx1\.pem: not the key .*mx1\.pub is the public half of"):
        tls.load(ring.directory, "mx1", PASSPHRASE)


def test_a_damaged_public_half_is_told_and_not_published(ring):
    tls.public_path(ring.directory, "mx1").write_text("nothing")

    with pytest.raises(KeyringError, match=r"mx1\.pub: not a public key"):
        tls.digest(ring.directory, "mx1")


def test_a_backup_holds_it_and_a_restore_brings_it_back(ring, tmp_path):
    content = archive.files(ring, PASSPHRASE)
    packed = tmp_path / "backup.tar.gz"
    packed.write_bytes(archive.pack(content))

    assert {"tls/mx1.pem", "tls/mx1.pub"} <= set(content)
    with archive.opened(archive.unpack(packed), PASSPHRASE, packed) as archived:
        assert archive.lost(ring, archived) == ()
        archive.restore(archive.unpack(packed), tmp_path / "new")
    assert tls.digest(tmp_path / "new", "mx1") == tls.digest(ring.directory, "mx1")
    assert tls.private_path(tmp_path / "new", "mx1").stat().st_mode & 0o777 == 0o600


def test_a_restore_that_would_replace_it_says_so(ring, tmp_path):
    packed = tmp_path / "backup.tar.gz"
    packed.write_bytes(archive.pack(archive.files(ring, PASSPHRASE)))
    tls.private_path(ring.directory, "mx1").unlink()
    tls.public_path(ring.directory, "mx1").unlink()
    tls.make(ring.directory, "mx1", PASSPHRASE)

    with archive.opened(archive.unpack(packed), PASSPHRASE, packed) as archived:
        assert [str(it) for it in archive.lost(ring, archived)] == ["tls: mx1 is another key than that of the archive"]


def test_a_private_half_that_is_lost_is_told_and_no_other_key_takes_its_place(ring):
    public = tls.public_path(ring.directory, "mx1")
    before = public.read_bytes()
    tls.private_path(ring.directory, "mx1").unlink()

    for asks in (tls.is_made, tls.digest, lambda *it: tls.make(*it, PASSPHRASE)):
        with pytest.raises(KeyringError, match=r"mx1.pem: missing, though mx1.pub is there; restore it"):
            asks(ring.directory, "mx1")
    with pytest.raises(KeyringError, match=r"mx1.pem: missing"):
        archive.files(ring, PASSPHRASE)
    assert public.read_bytes() == before


def test_a_restore_brings_back_a_private_half_that_is_lost_unforced(ring, tmp_path):
    packed = tmp_path / "backup.tar.gz"
    packed.write_bytes(archive.pack(archive.files(ring, PASSPHRASE)))
    tls.private_path(ring.directory, "mx1").unlink()

    with archive.opened(archive.unpack(packed), PASSPHRASE, packed) as archived:
        assert archive.lost(ring, archived) == ()


def test_another_passphrase_holds_for_it_too(project):
    material.make_tls_keys(project)
    directory = material.keyring_of(project).directory
    before = tls.digest(directory, "mx1")

    passphrase.change(project, OTHER)

    assert tls.load(directory, "mx1", OTHER)
    assert tls.digest(directory, "mx1") == before


def test_a_plan_foresees_the_digest_of_a_key_that_is_yet_to_be_made(project):
    assert material.certificate_digests(project) == {"mx1": "0" * 64}
    assert [host.name for host in material.hosts_without_key(project)] == ["mx1"]

    material.make_tls_keys(project)

    assert material.certificate_digests(project) == {"mx1": tls.digest(material.keyring_of(project).directory, "mx1")}
    assert material.hosts_without_key(project) == []


def test_a_host_is_not_made_without_its_key(project):
    signing_key(material.keyring_of(project), "example.com")

    with pytest.raises(UsageError, match="host mx1: no TLS key in the keyring yet; run `postwright apply`"):
        ready_bundle(project, project.fleet.hosts[0], "13", PASSPHRASE)


def test_the_host_gets_the_key_in_clear_and_no_certificate_of_the_operator(project):
    material.make_tls_keys(project)

    found = material.host_secrets(project, project.fleet.hosts[0], PASSPHRASE, [])

    assert found.certificate == b""
    assert b"BEGIN PRIVATE KEY" in found.private_key
    assert found.private_key.decode() not in repr(found)


def test_what_is_no_certificate_is_refused_as_authority(tmp_path):
    acme = {"contact": "ops@example.net", "authority": "tls.key"}
    made = sound_project(tmp_path, host_data(host=mail_host(tls="acme"), fleet=mail_fleet(acme=acme)))
    write_private(tmp_path / "tls.key", "x")

    with pytest.raises(UsageError, match=r"tls\.key: not a PEM certificate .*; put that of the authority there"):
        material.require_valid(made)


def test_a_key_that_was_encrypted_by_hand_is_a_key(ring):
    """The format is PKCS#8, so OpenSSL reads it and other keys can take its place."""
    path = tls.private_path(ring.directory, "mx1")
    path.write_bytes(encrypted(load_private_key(path, PASSPHRASE), OTHER))

    assert tls.load(ring.directory, "mx1", OTHER)
