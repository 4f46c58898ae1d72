"""A secret is read from where the inventory says, and no error repeats it."""

import sys
from pathlib import Path

import pytest
from support import write_private

from postwright import secret
from postwright.errors import UsageError
from postwright.model import SecretSource

PURPOSE = "mail_fleet.keys.passphrase"


def read(base, **source):
    return secret.read(SecretSource(**source), base, PURPOSE)


def refusal(base, **source):
    with pytest.raises(UsageError) as caught:
        read(base, **source)
    assert str(caught.value).startswith(f"{PURPOSE}: ")
    assert caught.value.exit_status == 2
    return str(caught.value)


class Ring:
    """The part of the keyring package that is used."""

    class errors:  # noqa: N801 - its name there
        class KeyringError(Exception):
            pass

    def __init__(self, answer):
        self.answer = answer

    def get_password(self, service, user):
        assert (service, user) == ("postwright", "fleet")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_file_is_read_without_its_final_line_end(tmp_path):
    write_private(tmp_path / "s", "  hunter2 \r\n")
    assert read(tmp_path, file="s") == "  hunter2 "


def test_a_file_in_the_operators_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_private(tmp_path / "s", "hunter2")
    assert read(Path("/nowhere"), file="~/s") == "hunter2"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666])
def test_a_file_others_can_read_is_refused(tmp_path, mode):
    write_private(tmp_path / "s", "hunter2").chmod(mode)
    text = refusal(tmp_path, file="s")
    assert f"has mode {mode:04o}, others can read it; run: chmod 600 {tmp_path / 's'}" in text
    assert "hunter2" not in text


def test_a_file_that_is_missing_empty_or_no_text_is_told(tmp_path):
    assert "cannot read" in refusal(tmp_path, file="nothing")
    write_private(tmp_path / "empty", "\n")
    assert "file empty is empty; put the secret there" in refusal(tmp_path, file="empty")
    write_private(tmp_path / "binary", "").write_bytes(b"\xff\xfe")
    assert "not UTF-8 text" in refusal(tmp_path, file="binary")
    (tmp_path / "folder").mkdir(mode=0o700)
    assert "Is a directory" in refusal(tmp_path, file="folder")


def test_a_variable_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("POSTWRIGHT_SECRET", "hunter2")
    assert read(tmp_path, env="POSTWRIGHT_SECRET") == "hunter2"


def test_a_variable_that_is_not_set_or_empty_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("POSTWRIGHT_SECRET", raising=False)
    assert "the variable POSTWRIGHT_SECRET is not set; export it" in refusal(tmp_path, env="POSTWRIGHT_SECRET")
    monkeypatch.setenv("POSTWRIGHT_SECRET", "")
    assert "variable POSTWRIGHT_SECRET is empty" in refusal(tmp_path, env="POSTWRIGHT_SECRET")


def test_the_systems_keyring_is_asked(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", Ring("hunter2"))
    assert read(tmp_path, keyring="postwright/fleet") == "hunter2"


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "pip install 'postwright[keyring]'" in refusal(tmp_path, keyring="postwright/fleet")


def test_an_entry_that_is_missing_or_a_keyring_that_is_locked_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", Ring(None))
    assert "run: keyring set postwright fleet" in refusal(tmp_path, keyring="postwright/fleet")
    monkeypatch.setitem(sys.modules, "keyring", Ring(Ring.errors.KeyringError("locked")))
    assert "the system keyring cannot be used: locked" in refusal(tmp_path, keyring="postwright/fleet")
