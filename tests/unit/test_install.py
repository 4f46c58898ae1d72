"""Installing packages goes on from wherever an earlier run of dpkg was cut off."""

import pytest

from postwright.hosts.remote import install

LOCKED = "dpkg: error: dpkg frontend lock was locked by another process with pid 4711"
# Locked for its first two callers; it notes each.
DPKG = """#!/bin/sh
echo "$*" >>{calls}
test $(wc -l <{calls}) -gt 2 || {{ echo {locked!r} >&2; exit 2; }}
"""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """The file in which a dpkg that is locked at first notes how it was called."""
    program, noted = tmp_path / "dpkg", tmp_path / "calls"
    program.write_text(DPKG.format(calls=noted, locked=LOCKED))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(install.time, "sleep", lambda _seconds: None)
    return noted


def test_what_was_cut_off_is_finished_once_nobody_else_holds_dpkg_s_lock(calls):
    install.finish()

    assert calls.read_text().splitlines() == ["--force-confold --configure -a"] * 3
