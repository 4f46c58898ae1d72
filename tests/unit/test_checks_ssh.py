"""Why a host gives no answer is said with its name, where it was looked for, and what to do."""

import pytest
from support import host_data, project
from testinfra.backend.base import CommandResult
from testinfra.backend.ssh import SshBackend

from postwright.checks.ssh import connected, problem
from postwright.checks.unknown import UnknownError


@pytest.fixture
def host(tmp_path):
    return project(tmp_path, host_data(ssh_user="op")).fleet.hosts[0]


@pytest.mark.parametrize(
    ("status", "stderr", "expected"),
    [
        (
            255,
            "ssh: connect to host 192.0.2.10 port 22: No route to host\n",
            "22: No route to host; check that it is up",
        ),
        (255, "op@192.0.2.10: Permission denied (publickey).\n", "22: Permission denied (publickey); the host refused"),
        (255, "@@@\nHost key verification failed.\n", "22: Host key verification failed; its host key is not"),
        (255, "", "ssh ended without a word"),
        (1, "sudo: a password is required\n", "no command can be run there: sudo: a password is required; check"),
    ],
)
def test_a_problem_names_host_cause_and_remedy(host, status, stderr, expected):
    found = problem(host, status, stderr)

    assert found.startswith("host mx1: ")
    assert expected in found


def test_a_host_that_answers_is_no_problem(host):
    assert problem(host, 0, "Warning: a new key was added\n") == ""


class Line:
    """In place of ssh: ``answers`` commands or does not, and counts how often it was asked."""

    def __init__(self, monkeypatch, answers):
        self.answers, self.asked = answers, []
        monkeypatch.setattr(SshBackend, "run_ssh", self.run)

    def run(self, command):
        self.asked.append(command)
        if not self.answers or command == "exit 255":
            raise RuntimeError(CommandResult(None, 255, b"", "", "ssh: connect to host x: timed out"))
        return CommandResult(None, 0, b"", "fine", "")


def test_a_dead_host_is_tried_once(host, monkeypatch):
    line, reached = Line(monkeypatch, answers=False), connected(host, "/nowhere")
    reached.backend.probe()

    for _ in range(3):
        with pytest.raises(UnknownError, match="host mx1: cannot connect to op@"):
            reached.run("uptime")
    assert line.asked == ["true"]


def test_a_host_that_dies_in_between_is_noticed_once(host, monkeypatch):
    line, reached = Line(monkeypatch, answers=True), connected(host, "/nowhere")
    assert reached.run("uptime").stdout == "fine"
    line.answers = False

    for _ in range(3):
        with pytest.raises(UnknownError, match="timed out"):
            reached.run("uptime")
    assert line.asked == ["uptime", "uptime", "true"]


def test_a_command_that_itself_ends_with_255_has_answered(host, monkeypatch):
    Line(monkeypatch, answers=True)
    reached = connected(host, "/nowhere")

    assert reached.run("exit 255").rc == 255
    assert reached.run("uptime").rc == 0
