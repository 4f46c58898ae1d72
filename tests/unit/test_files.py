"""A file of the project is whole or as it was, and one with a secret is private from its first byte."""

import os
from pathlib import Path

import pytest

from postwright.errors import UsageError
from postwright.files import content, located, write_atomically


@pytest.fixture
def no_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("no_umask")
def test_a_private_file_is_private_when_it_is_made_and_not_only_afterwards(tmp_path, monkeypatch):
    modes = []
    original = os.open

    def spy(path, flags, mode=0o777, **more):
        handle = original(path, flags, mode, **more)
        if flags & os.O_CREAT:
            modes.append(os.fstat(handle).st_mode & 0o777)
        return handle

    monkeypatch.setattr(os, "open", spy)
    write_atomically(tmp_path / "secret", b"x", 0o600)
    assert modes == [0o600]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        UsageError, match=r"cannot write .*file: No space left on device; what was there is still there"
    ):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_content_is_on_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("sync"), fsync(handle)))
    monkeypatch.setattr(Path, "replace", lambda self, target: (order.append("rename"), replace(self, target))[1])
    write_atomically(tmp_path / "file", b"x")
    assert order == ["sync", "rename", "sync"]


def test_what_a_killed_run_left_is_not_in_the_way(tmp_path):
    (tmp_path / ".file.new").write_bytes(b"half")
    write_atomically(tmp_path / "file", b"whole", 0o600)
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "folder").write_bytes(b"")
    with pytest.raises(UsageError, match=r"cannot write .*folder/file"):
        write_atomically(tmp_path / "folder" / "file", b"x")


def test_missing_folders_are_made(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "file", b"x")
    assert content(tmp_path / "a" / "b" / "file") == b"x"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*nothing: No such file"):
        content(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a/b", "/base/a/b"), ("../a", "/base/../a"), ("/a", "/a"), ("~/a", "/home/op/a"), ("~nobody-here/a", "/base/~nobody-here/a")],
)  # fmt: skip
def test_paths_start_from_the_inventory_and_know_the_operators_home(monkeypatch, path, expected):
    monkeypatch.setenv("HOME", "/home/op")
    assert located(Path("/base"), Path(path)) == Path(expected)
