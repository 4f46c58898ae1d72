"""Several agents are asked at once: who cannot be asked is named, the others answer, nothing is done twice."""

import pytest
from warmup_agents import status

from postwright.errors import DeployError
from postwright.warmup import asking

STATUS = [{"do": "status"}]
RELEASE = [{"do": "release", "address": "192.0.2.10", "provider": "google", "count": 5}]
LOST = "host mx2: cannot connect to root@mx2:22: timed out; check address, port and firewall\nno host was changed"
BROKE = "host mx2: pacing: bash: python3: command not found"


@pytest.fixture
def hosts(monkeypatch):
    """Replaces what reaches hosts: answers with what ``says`` has of them, fails first with each of ``fails``."""

    class Hosts:
        def __init__(self):
            self.fails, self.says, self.calls = [], {}, []

        def run_script(self, _project, script, requests):
            assert script == "pacing"
            self.calls.append(set(requests))
            if self.fails:
                raise DeployError(self.fails.pop(0))
            return {host: self.says.get(host, good(host)) for host in requests}

    made = Hosts()
    monkeypatch.setattr(asking.runner, "run_script", made.run_script)
    return made


def good(host):
    return {"answers": [status(host, [])], "failed": "", "unsure": False}


def of(requests, *names):
    return dict.fromkeys(names or ("mx1", "mx2", "mx3"), requests)


def test_every_host_is_asked_in_one_go(hosts):
    found = asking.ask(None, of(STATUS))

    assert [them[0]["host"] for them in found.answers.values()] == ["mx1", "mx2", "mx3"]
    assert found.failed == {}
    assert hosts.calls == [{"mx1", "mx2", "mx3"}]


@pytest.mark.parametrize("requests", [{}, {"mx1": []}])
def test_where_nothing_is_asked_no_host_is_reached(hosts, requests):
    assert asking.ask(None, requests).answers == {}
    assert hosts.calls == []


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_host_that_cannot_be_reached_is_named_and_the_others_answer(hosts, repeatable):
    hosts.fails = [LOST]
    found = asking.ask(None, of(STATUS), repeatable=repeatable)

    assert found.failed == {"mx2": "cannot connect to root@mx2:22: timed out; check address, port and firewall"}
    assert list(found.answers) == ["mx1", "mx3"]


def test_a_host_whose_name_begins_another_is_not_blamed_for_it(hosts):
    hosts.fails = [LOST.replace("mx2", "mx10")]
    found = asking.ask(None, of(STATUS, "mx1", "mx10"))

    assert list(found.failed) == ["mx10"]
    assert list(found.answers) == ["mx1"]


def test_all_hosts_may_be_out_of_reach(hosts):
    hosts.fails = [LOST, LOST.replace("mx2", "mx1"), LOST.replace("mx2", "mx3")]
    found = asking.ask(None, of(STATUS))

    assert sorted(found.failed) == ["mx1", "mx2", "mx3"]
    assert found.answers == {}


def test_all_that_is_said_of_a_host_is_told(hosts):
    hosts.fails = ["host mx2: pacing: Traceback\n  OSError: disk full\nhost mx9: other"]
    found = asking.ask(None, of(STATUS))

    assert found.failed == {"mx2": "pacing: Traceback OSError: disk full"}


def test_an_error_that_names_no_host_is_told_of_all(hosts):
    hosts.fails = ["the process that speaks to hosts ended with status 1 and no answer"]
    found = asking.ask(None, of(STATUS))

    assert dict.fromkeys(
        ("mx1", "mx2", "mx3"), "the process that speaks to hosts ended with status 1 and no answer"
    ) == (found.failed)
    assert len(hosts.calls) == 1


def test_a_release_is_never_sent_twice(hosts):
    """The scripts of the others may have run before one host's failed."""
    hosts.fails = [BROKE]
    found = asking.ask(None, of(RELEASE), repeatable=False)

    assert hosts.calls == [{"mx1", "mx2", "mx3"}]
    assert found.failed["mx2"] == "pacing: bash: python3: command not found"
    assert "whether it was done is not known; look with `postwright warmup status -v`" in found.failed["mx1"]
    assert sorted(found.failed) == ["mx1", "mx2", "mx3"]


def test_what_can_be_done_twice_is_asked_again_of_the_others(hosts):
    hosts.fails = [BROKE]
    found = asking.ask(None, of(STATUS))

    assert hosts.calls == [{"mx1", "mx2", "mx3"}, {"mx1", "mx3"}]
    assert list(found.answers) == ["mx1", "mx3"]


def test_an_agent_that_is_down_is_a_host_that_failed(hosts):
    hosts.says = {"mx1": {"answers": [], "failed": "the pacing agent does not listen", "unsure": False}}
    found = asking.ask(None, of(STATUS, "mx1"))

    assert found.failed == {"mx1": "the pacing agent does not listen"}
    assert found.answers == {}


def test_what_an_agent_refused_is_told_once(hosts):
    hosts.says = {"mx1": {"answers": [{"error": "no such lane"}, {"error": "no such lane"}], "failed": ""}}

    assert asking.ask(None, of(RELEASE, "mx1")).failed == {"mx1": "no such lane"}


def test_of_several_orders_those_that_landed_are_known(hosts):
    half = {"answers": [{"changed": ["a"]}], "failed": "the pacing agent hung up", "unsure": True}
    hosts.says = {"mx1": half}
    found = asking.ask(None, of(RELEASE * 2, "mx1"), repeatable=False)

    assert found.answers == {"mx1": [{"changed": ["a"]}]}
    assert found.failed["mx1"].startswith("the pacing agent hung up; whether it was done is not known")


@pytest.mark.parametrize("answer", [None, [], "x", 5])
def test_an_answer_that_is_none_is_told(hosts, answer):
    hosts.says = {"mx1": answer}

    assert asking.ask(None, of(STATUS, "mx1")).failed == {"mx1": "gave no answer; run again with -vv"}


def test_what_a_host_says_cannot_steer_a_terminal(hosts):
    hosts.says = {"mx1": {"answers": [], "failed": "\x1b[2J\x07 gone"}}

    assert asking.ask(None, of(STATUS, "mx1")).failed == {"mx1": "\\x1b[2J\\x07 gone"}
