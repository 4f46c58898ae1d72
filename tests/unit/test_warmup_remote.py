"""The script that hands requests to a host's agent: answers come back in order, and every failure as advice."""

import errno
import json
import socket
import threading
from contextlib import contextmanager

import pytest
from warmup_agents import Agent, lane, listening, sent

from postwright.hosts.remote import pacing

STATUS = {"do": "status"}
PAUSE = {"do": "pause", "address": None, "provider": None, "reason": "by hand", "until": None}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


@pytest.fixture
def asked(path, capsys):
    """Runs the script in this process; for what cannot be had from one that is sent."""

    def ask(*requests):
        pacing.main({"requests": requests, "socket": str(path)})
        return json.loads(capsys.readouterr().out)

    return ask


@contextmanager
def saying(path, *lines):
    """A server that reads a line and says these bytes, and then nothing more until the block ends."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        over = threading.Event()

        def serve():
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as stream:
                stream.readline()
                for line in lines:
                    connection.sendall(line)
                over.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        over.set()
        thread.join()


def test_requests_are_answered_in_their_order(path):
    agent = Agent("mx1", [lane(), lane(provider="yahoo")])

    with listening(agent, path):
        answer = sent([STATUS, PAUSE], path)

    assert answer["answers"][0]["host"] == "mx1"
    assert answer["answers"][1] == {"changed": ["v4-192-0-2-10-google", "v4-192-0-2-10-yahoo"]}
    assert (answer["failed"], answer["unsure"]) == ("", False)
    assert agent.asked == [STATUS, PAUSE]


def test_an_error_of_the_agent_is_an_answer(path):
    agent = Agent("mx1", [lane()])
    agent.refuses = {"pause": "there is no lane of that provider"}

    with listening(agent, path):
        answer = sent([PAUSE], path)

    assert answer["answers"] == [{"error": "there is no lane of that provider"}]
    assert answer["failed"] == ""


def test_a_status_of_thousands_of_lanes_arrives_whole(path):
    lanes = [lane(f"192.0.{third}.{fourth}") for third in range(20) for fourth in range(1, 250)]

    with listening(Agent("mx1", lanes), path):
        answer = sent([STATUS], path)

    assert answer["answers"][0]["lanes"] == lanes


def test_where_the_agent_hangs_up_it_is_not_known_whether_the_last_was_done(path):
    agent = Agent("mx1", [lane()])
    agent.hangs_up_on = ("pause",)

    with listening(agent, path):
        answer = sent([STATUS, PAUSE], path)

    assert [it["host"] for it in answer["answers"]] == ["mx1"]
    assert answer["unsure"]
    assert "hung up before it had answered" in answer["failed"]


@pytest.mark.parametrize("said", [b"[]\n", b"hello\n", b"\xff\xfe\n", b'{"half": \n'])
def test_what_is_no_json_object_is_told(path, asked, said):
    with saying(path, said):
        answer = asked(STATUS)

    assert answer["answers"] == []
    assert "which is no JSON object; run `postwright apply`" in answer["failed"]


def test_an_agent_that_never_answers_is_not_waited_for(path, asked, monkeypatch):
    monkeypatch.setattr(pacing, "PATIENCE", 0.05)

    with saying(path):
        answer = asked(PAUSE)

    assert "has not answered for 0.05 s; see `journalctl -u postwright-pacing.service -n 50`" in answer["failed"]
    assert answer["unsure"]


def test_a_host_that_is_not_set_up_says_who_does_that(asked, tmp_path, monkeypatch):
    monkeypatch.setattr(pacing, "CONFIGURATION", str(tmp_path / "none.json"))

    assert asked(STATUS) == {
        "answers": [],
        "failed": "mail is not paced here yet; run `postwright apply`",
        "unsure": False,
    }


def test_an_agent_that_does_not_run_is_told_with_where_to_look(path, asked, tmp_path, monkeypatch):
    (tmp_path / "pacing.json").touch()
    monkeypatch.setattr(pacing, "CONFIGURATION", str(tmp_path / "pacing.json"))

    answer = asked(STATUS)

    assert answer["failed"].startswith(f"the pacing agent does not listen on {path}: No such file or directory; ")
    assert "start it with `systemctl restart postwright-pacing.service`" in answer["failed"]
    assert not answer["unsure"]


def test_who_may_not_connect_is_told_to_become_root():
    text = pacing.advice("/run/x.sock", PermissionError(errno.EACCES, "Permission denied"))

    assert text == "may not connect to /run/x.sock; only root may: set _sudo for this host in the inventory"
