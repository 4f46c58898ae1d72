"""One apply at a time on a project, and a holder that dies leaves no lock behind."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from postwright.errors import LockedError, PostwrightError, UsageError
from postwright.locks import describe, owner, project_lock

HOLDER = """
import sys, time
from pathlib import Path
from postwright.locks import project_lock
with project_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_holder_is_refused_and_told_who_has_it_and_for_how_long(tmp_path, holder):
    with pytest.raises(LockedError) as caught, project_lock(tmp_path):
        pass
    text = str(caught.value)
    assert f"another apply is at work: {json.loads(owner())['user']} on " in text
    assert f"pid {holder.pid}, for 0:00:" in text
    assert text.endswith("wait for it to end, then run again")


def test_the_one_who_is_refused_does_not_disturb_the_holder(tmp_path, holder):
    for _ in range(2):
        with pytest.raises(LockedError, match=f"pid {holder.pid}"), project_lock(tmp_path):
            pass


def test_the_lock_of_a_holder_that_is_killed_is_free(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with project_lock(tmp_path):
        assert json.loads((tmp_path / ".postwright" / "apply.lock").read_text())["pid"] == os.getpid()


def test_it_is_free_again_after_the_block_even_if_that_failed(tmp_path):
    with pytest.raises(PostwrightError, match="inside"), project_lock(tmp_path):
        raise PostwrightError("inside")
    with project_lock(tmp_path):
        pass


def test_git_does_not_see_the_lock(tmp_path):
    with project_lock(tmp_path):
        assert (tmp_path / ".postwright" / ".gitignore").read_text() == "*\n"


def test_a_project_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / ".postwright").write_text("")
    with pytest.raises(UsageError, match=r"cannot open .*apply\.lock"), project_lock(tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "{}", '{"user": "a", "machine": "b", "pid": 1, "since": "x"}',
                                  '{"user": "a", "machine": "b", "pid": 1, "since": -1e30}'])  # fmt: skip
def test_a_holder_who_left_no_readable_name_is_described_all_the_same(text):
    assert describe(text) == "somebody who left no name"


def test_a_holder_is_described_for_people():
    who = {"user": "ann", "machine": "build1", "pid": 7, "since": int(time.time()) - 3723}
    assert describe(json.dumps(who)).startswith("ann on build1, pid 7, for 1:02:")
