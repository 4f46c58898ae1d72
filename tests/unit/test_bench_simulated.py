"""A simulated host of the benchmarks answers what one would that is as described, and nothing it cannot know."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from support import context

from postwright.hosts.plan import host_plan, look_request
from postwright.hosts.remote import command, package
from postwright.services.bundle import bundle

HOSTS = Path(__file__).parents[2] / "benchmarks/hosts"
ADDRESS = "192.0.2.10"


@pytest.fixture
def wanted(tmp_path):
    return bundle(context(tmp_path))


@pytest.fixture
def folder(tmp_path, wanted):
    place = tmp_path / "crowd"
    place.mkdir()
    (place / ADDRESS).write_text(json.dumps(runpy.run_path(str(HOSTS / "answers.py"))["table"](wanted)))
    return place


def told(folder, asked, stdin=""):
    environment = {"SSH_CONNECTION": f"192.0.2.9 40000 {ADDRESS} 22", "SSH_ORIGINAL_COMMAND": asked}
    argv = [sys.executable, "-I", "-S", str(HOSTS / "simulated.py"), str(folder)]
    return subprocess.run(argv, env=environment, input=stdin, capture_output=True, text=True, check=False)


def test_nothing_is_to_be_done_on_it(folder, wanted):
    request = look_request(wanted)

    seen = json.loads(told(folder, command("look", request)).stdout)

    assert host_plan(wanted, seen).changes == 0


def test_it_answers_the_same_to_a_script_on_standard_input(folder, wanted):
    request = look_request(wanted)

    by_argument = told(folder, command("look", request)).stdout

    assert told(folder, "python3 -", package("look", request)).stdout == by_argument


def test_its_lock_is_free(folder):
    assert told(folder, command("lock", {"owner": "somebody"})).stdout == "held\n"


def test_it_fails_where_something_would_be_changed(folder):
    done = told(folder, command("install", {"packages": ["postfix"]}))

    assert (done.returncode, done.stdout) == (1, "")
