"""A keyring comes back from its archive as it was, or nothing is written; and never in place of one that knows more."""

import gzip
import io
import json
import os
import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from support import PASSPHRASE

from postwright.errors import KeyringError, UsageError
from postwright.keys import archive
from postwright.keys.key import Key
from postwright.keys.keyring import Keyring

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
NAME, OTHER = "example.com", "example.org"


def draft(selector="pw20261122"):
    return Key(selector, "generated", "rsa", 1024, "", None, {"generated": NOW})


@pytest.fixture
def ring(tmp_path):
    made = Keyring(tmp_path / "keys")
    made.create([(NAME, draft()), (OTHER, draft())], PASSPHRASE)
    return made


@pytest.fixture
def packed(ring, tmp_path):
    """An archive of the keyring as it was made."""
    path = tmp_path / "backup.tar.gz"
    archive.write_new(path, archive.pack(archive.files(ring, PASSPHRASE)))
    return path


def restored(path, ring, passphrase=PASSPHRASE):
    content = archive.unpack(path)
    with archive.opened(content, passphrase, path) as archived:
        return archive.lost(ring, archived), archive.restore(content, ring.directory)


def everything(ring):
    return {str(path.relative_to(ring.directory)): path.read_bytes() for path in ring.directory.glob("*/*.*")}


def test_a_lost_keyring_comes_back_as_it_was(ring, packed, tmp_path):
    empty = Keyring(tmp_path / "new")

    lost, written = restored(packed, empty)

    assert lost == ()
    assert everything(empty) == everything(ring)
    assert [name.endswith(".pem") for name in written] == [True, True, False, False]
    assert empty.pem(NAME, "pw20261122").stat().st_mode & 0o777 == 0o600
    assert empty.private_key(NAME, empty.keys(NAME)[0], PASSPHRASE)


def test_equal_keyrings_make_equal_bytes(ring):
    first = archive.pack(archive.files(ring, PASSPHRASE))
    for path in ring.directory.glob("*/*"):
        os.utime(path, (0, 0))

    assert archive.pack(archive.files(ring, PASSPHRASE)) == first


def test_an_archive_is_readable_by_its_owner_only_from_its_first_byte(packed, tmp_path, monkeypatch):
    modes = []
    original = os.open

    def spy(path, flags, mode=0o777, **more):
        handle = original(path, flags, mode, **more)
        if flags & os.O_CREAT:
            modes.append(os.fstat(handle).st_mode & 0o777)
        return handle

    monkeypatch.setattr(os, "open", spy)
    archive.write_new(tmp_path / "again.tar.gz", packed.read_bytes())

    assert modes == [0o600]
    assert packed.stat().st_mode & 0o777 == 0o600


def test_an_archive_that_is_there_is_never_overwritten(packed, tmp_path):
    before = packed.read_bytes()

    with pytest.raises(KeyringError, match=r"backup\.tar\.gz: is there already"):
        archive.write_new(packed, b"other")

    assert packed.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_place_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(UsageError, match="cannot write"):
        archive.write_new(tmp_path / "file/backup.tar.gz", b"x")


def test_what_no_lifecycle_file_knows_and_what_is_deleted_stays_out(ring):
    ring.write(NAME, (replace(ring.keys(NAME)[0]).to("deleted", LATER),))
    (ring.directory / OTHER / "left.pem").write_bytes(b"x")

    assert sorted(archive.files(ring, PASSPHRASE)) == [
        "example.com/lifecycle.json",
        "example.org/lifecycle.json",
        "example.org/pw20261122.pem",
    ]


def test_a_key_whose_private_half_is_lost_needs_no_file(ring):
    ring.write(NAME, (replace(ring.keys(NAME)[0], here=False),))
    ring.pem(NAME, "pw20261122").unlink()

    assert "example.com/lifecycle.json" in archive.files(ring, PASSPHRASE)


def test_every_key_that_cannot_be_opened_is_told_and_nothing_is_packed(ring):
    ring.pem(NAME, "pw20261122").unlink()
    ring.pem(OTHER, "pw20261122").write_text("x")

    with pytest.raises(KeyringError) as caught:
        archive.files(ring, PASSPHRASE)

    assert "example.com/pw20261122.pem" in str(caught.value)
    assert "example.org/pw20261122.pem" in str(caught.value)


def test_another_key_under_the_name_of_one_is_not_packed(ring):
    ring.pem(NAME, "pw20261122").write_bytes(ring.pem(OTHER, "pw20261122").read_bytes())

    with pytest.raises(KeyringError, match="not the key"):
        archive.files(ring, PASSPHRASE)


def test_an_archive_of_another_passphrase_is_refused_by_its_name_and_nothing_is_written(packed, tmp_path):
    empty = Keyring(tmp_path / "new")

    with pytest.raises(KeyringError, match=r"backup\.tar\.gz: example\.com/pw20261122\.pem: the passphrase") as caught:
        restored(packed, empty, "another passphrase")

    assert "passphrase of the day it was made" in str(caught.value)
    assert not empty.directory.exists()


def tampered(members):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as made:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue())


def with_manifest(content):
    files = {name: sha256(text).hexdigest() for name, text in content.items()}
    return {"manifest.json": json.dumps({"format": 1, "files": files}).encode(), **content}


@pytest.mark.parametrize(
    "name",
    ["../x.pem", "/etc/passwd", "example.com/../../x.pem", "example.com/x.txt", "x.pem", "example.com/a/x.pem",
     "example.com/.pem", "EXAMPLE.com/x.pem"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    path = tmp_path / "backup.tar.gz"
    path.write_bytes(tampered(with_manifest({name: b"x"})))

    with pytest.raises(KeyringError, match="does not belong there"):
        archive.unpack(path)


def test_a_link_is_refused(tmp_path):
    path, raw = tmp_path / "backup.tar.gz", io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as made:
        entry = tarfile.TarInfo("example.com/x.pem")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/shadow"
        made.addfile(entry)
    path.write_bytes(gzip.compress(raw.getvalue()))

    with pytest.raises(KeyringError, match="does not belong there"):
        archive.unpack(path)


def test_a_changed_a_missing_and_an_added_file_are_refused(packed, tmp_path):
    whole = archive.unpack(packed)
    name = next(name for name in whole if name.endswith(".pem"))
    sealed = with_manifest(whole)
    without = {key: text for key, text in sealed.items() if key != name}
    path = tmp_path / "tampered.tar.gz"

    for members in ({**sealed, name: b"x"}, without, {**sealed, "example.com/x.pem": b"x"}):
        path.write_bytes(tampered(members))
        with pytest.raises(KeyringError, match="not those its manifest lists"):
            archive.unpack(path)


def test_a_file_no_lifecycle_file_knows_is_refused_though_its_digest_is_right(packed, tmp_path):
    path = tmp_path / "tampered.tar.gz"
    path.write_bytes(tampered(with_manifest({**archive.unpack(packed), "example.com/x.pem": b"x"})))

    with pytest.raises(KeyringError, match=r"no lifecycle file knows example\.com/x\.pem"):
        restored(path, Keyring(tmp_path / "new"))


def test_an_archive_that_is_cut_short_anywhere_is_refused_and_nothing_else_is_raised(packed, tmp_path):
    whole, path = packed.read_bytes(), tmp_path / "cut.tar.gz"

    for length in range(0, len(whole) - 1, 41):
        path.write_bytes(whole[:length])
        with pytest.raises(KeyringError, match=r"cut\.tar\.gz"):
            archive.unpack(path)


def test_a_keyring_that_knows_more_is_told_key_by_key(ring, packed):
    moved = ring.keys(NAME)[0].to("published", LATER, usable=LATER)
    ring.write(NAME, (moved,))
    ring.create([(OTHER, draft("pw20261201"))], PASSPHRASE)
    content = archive.unpack(packed)

    with archive.opened(content, PASSPHRASE, packed) as archived:
        lost = [str(it) for it in archive.lost(ring, archived)]

    assert lost == [
        "example.com: pw20261122 is published, and generated in the archive",
        "example.org: pw20261201 (generated) is not in the archive",
    ]


def test_a_key_that_went_back_in_state_has_still_gone_on(ring, tmp_path):
    """Retiring keys can be signed with again; the archive from before would retire them too early."""
    key = ring.keys(NAME)[0]
    for state in ("published", "confirmed", "active", "retiring"):
        key = key.to(state, NOW)
    ring.write(NAME, (key,))
    path = tmp_path / "retiring.tar.gz"
    archive.write_new(path, archive.pack(archive.files(ring, PASSPHRASE)))
    ring.write(NAME, (key.to("confirmed", LATER),))

    with archive.opened(archive.unpack(path), PASSPHRASE, path) as archived:
        lost = archive.lost(ring, archived)

    assert [(it.selector, it.what) for it in lost] == [("pw20261122", "is confirmed, and retiring in the archive")]


def test_a_damaged_lifecycle_file_counts_as_knowing_more(ring, packed):
    ring.lifecycle(NAME).write_text("{")

    with archive.opened(archive.unpack(packed), PASSPHRASE, packed) as archived:
        lost = archive.lost(ring, archived)

    assert [(it.domain, it.selector) for it in lost] == [(NAME, "lifecycle.json")]


def test_a_domain_the_archive_does_not_have_is_left_as_it_is(ring, packed):
    ring.create([("shop.example", draft())], PASSPHRASE)

    assert restored(packed, ring) == ((), [])
    assert ring.keys("shop.example")


@pytest.mark.parametrize("crossing", range(4))
def test_a_restore_that_was_killed_is_completed_by_the_next(ring, packed, tmp_path, monkeypatch, crossing):
    empty = Keyring(tmp_path / "new")
    content, write = archive.unpack(packed), archive.write_atomically
    done = []

    def killed(path, *rest):
        if len(done) == crossing:
            raise KeyboardInterrupt
        done.append(path)
        write(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(archive, "write_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            archive.restore(content, empty.directory)
    lost, written = restored(packed, empty)

    assert lost == ()
    assert len(written) == len(content) - crossing
    assert everything(empty) == everything(ring)
