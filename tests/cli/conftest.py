"""A directory with a project in it, as `init` makes it, and a way to run commands there."""

import json
from functools import cache

import pytest
from click.testing import CliRunner

from postwright.cli.main import cli
from postwright.hosts import runner


def run(*arguments):
    """Run a command in this process; the child that executes inventories is a real one."""
    return CliRunner().invoke(cli, [str(it) for it in arguments], prog_name="postwright", catch_exceptions=False)


def run_json(*arguments):
    """Exit status and the one JSON document on stdout; a test fails if there is anything else."""
    result = run("--json", *arguments)
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    base = tmp_path_factory.mktemp("project")
    arguments = ("--directory", base, "--address", "198.51.100.7", "--postmaster", "ops@elsewhere.example")
    assert run("init", "shop.example", *arguments).exit_code == 0
    return base


@pytest.fixture(scope="session")
def read_once():
    """Executes an inventory in the child process, as always, but the same file only once."""
    return cache(runner.read_project)


@pytest.fixture
def project(made, read_once, monkeypatch):
    """The current directory is a sound project; it is shared, so tests change nothing in it."""
    monkeypatch.chdir(made)
    monkeypatch.setattr(runner, "read_project", read_once)
    monkeypatch.delenv("POSTWRIGHT_INVENTORY", raising=False)
    return made


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """The current directory is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTWRIGHT_INVENTORY", raising=False)
    return tmp_path


@pytest.fixture
def commands():
    return run, run_json
