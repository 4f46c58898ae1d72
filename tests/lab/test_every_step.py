"""Every operation of the deploy is a point to be killed at; every service's checker stops a bad file of it; all outlive a power cut.

Operations come from what is there; a new service without a mistake to be found in ``spoiling.py`` fails here by its name.
"""

import json
import os
import re
import shutil
import time
from pathlib import Path

import fullhost
import pytest
from fullhost import NOT_HERE
from inbox import arrived
from operators import kill
from spoiling import MISTAKES, complaints
from spoiling import runs as in_runs
from traffic import Traffic

import postwright
from postwright.lab import mail
from postwright.services import SERVICES

pytestmark = pytest.mark.lab

LAB, HOST = "lab2", "mx3"
# Seconds into each operation at which it is killed as well, each from a disturbed host and healed; `make prove-kills`.
MIDDLES = [float(it) for it in os.environ.get("POSTWRIGHT_KILL_MIDDLES", "").split()]
# What has none: single settings that are looked at once they are in effect, and files of programs that have no such command.
# With ACME the pair of certificate and key is no file of ours (test_tls_keys.py).
WITHOUT_CHECK = {"codes", "kernel", "apparmor", "tls"}
AT_ONCE = 5  # runs for the first mistake of each service
BREAKS = """

import json as _json
import os as _os
from dataclasses import replace as _replace

_mistakes = _json.loads(_os.environ["MISTAKES"])


def _spoilt(service):
    path, added = _mistakes[service.name]

    def files(context):
        found = service.files(context)
        assert [it for it in found if it.path == path], path
        return tuple(_replace(it, content=it.content + added.encode()) if it.path == path else it for it in found)

    return _replace(service, files=files)


SERVICES = tuple(_spoilt(it) if it.name in _mistakes else it for it in SERVICES)
"""


@pytest.fixture(scope="module")
def whole(operator):
    """A project whose host has every service there is, applied; and the operations that took, in their order."""
    fullhost.trust_acme(LAB)
    made = operator.changed("whole", fullhost.ON_TRIXIE)
    ended = made.killed_at(0, "apply", "--yes", "--no-verify", "--settle")
    assert ended.status == 0, ended.stderr
    steps = [line.partition("\tat\tstep ")[2] for line in ended.crossings if "\tat\tstep " in line]
    return made, list(dict.fromkeys(steps))


def runs(operator):
    """Unit → which start of it runs; of those that can run here."""
    listed = operator.on_host(
        "cd /etc/systemd/system && for it in $(ls -d *.d/postwright-stamp.conf | sed 's/[.]d.*//'); do"
        " echo $it $(systemctl show -p ActiveState,InvocationID --value $it); done"
    ).stdout
    rows = (line.split() for line in listed.splitlines())
    return {row[0]: row[-1] for row in rows if "active" in row[1:]}


def disturb(operator):
    """Everything has to be done anew: of each service the first file is gone, and the stamp."""
    operator.on_host(
        'for it in /etc/postwright/stamps/*; do rm -f "$(head -1 $it)"; done; rm -f /run/postwright/*.stamp'
    )


def assert_healed(operator, before):
    landed = operator.json("apply", "--yes", "--no-verify")
    plan = operator.json("plan")
    after = runs(operator)

    assert landed["proven"]
    assert plan["empty"], plan
    assert before.keys() == after.keys()
    assert {unit for unit in before if before[unit] == after[unit]} == set(), "these were not restarted"
    assert (
        operator.on_host("ls /var/lib/postwright/stage-* /usr/sbin/policy-rc.d 2>/dev/null", check=False).stdout == ""
    )


def test_runs_that_are_killed_one_operation_later_each_time_end_in_a_host_that_is_whole(whole):
    """Each goes on from what the one before left, and dies when it begins the next operation.

    But the last, which would find nothing to remove: a host on which nothing is left to do is not touched any more.
    """
    operator, steps = whole
    before = runs(operator)
    disturb(operator)

    for step in steps[:-1]:
        ended = operator.killed_at(rf"at\tstep {re.escape(step)}$", "apply", "--yes", "--no-verify")
        assert ended.killed, f"{step}: {ended.stderr}"
    ended = operator.killed_at(r"before\thosts: run_script prove", "apply", "--yes", "--no-verify")

    assert steps[-1].endswith("remove what is no longer wanted")
    assert len(steps) >= sum(1 for it in SERVICES if it.unit and it.name not in NOT_HERE), steps
    assert ended.killed
    assert_healed(operator, before)
    assert mail.exchange(name=LAB, host=HOST).good


@pytest.mark.skipif(not MIDDLES, reason="the long version: make prove-kills")
@pytest.mark.parametrize("seconds", MIDDLES)
def test_a_run_killed_inside_any_operation_is_healed_by_the_next(whole, seconds):
    operator, steps = whole
    for step in steps:
        before = runs(operator)
        disturb(operator)
        process = operator.start("-v", "apply", "--yes", "--no-verify")
        title = step.partition(" ")[2].removeprefix("mail host | ")
        for line in process.stderr:
            if title in line:
                break
        time.sleep(seconds)
        kill(process)
        assert_healed(operator, before)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A copy of the package, in which MISTAKES (service → path, what is added to that file) are made."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(
        Path(postwright.__file__).parent, folder / "postwright", ignore=shutil.ignore_patterns("__pycache__")
    )
    with (folder / "postwright/services/__init__.py").open("a") as file:
        file.write(BREAKS)
    return folder


def test_every_service_has_a_checker_but_those_we_know_of():
    assert {it.name for it in SERVICES if not it.checks} | {"tls"} == WITHOUT_CHECK
    assert {it.service for it in MISTAKES} == {it.name for it in SERVICES} - NOT_HERE - WITHOUT_CHECK


def test_a_mistake_in_a_file_of_any_service_is_told_by_its_own_checker_while_mail_flows(whole, broken, monkeypatch):
    operator, _ = whole
    before = runs(operator)
    sums = "find /etc -type f | sort | xargs sha256sum | sha256sum"
    files = operator.on_host(sums).stdout
    monkeypatch.setenv("PYTHONPATH", str(broken))
    wrong = []

    with Traffic(LAB, (HOST,)) as traffic:
        for those in in_runs(AT_ONCE):
            monkeypatch.setenv("MISTAKES", json.dumps({it.service: (it.path, it.added) for it in those}))
            done = operator.run("apply", "--yes", "--no-verify", check=False)
            said = complaints(done.stderr)
            wrong += [it for it in those if not re.search(it.said, said.pop(it.service, ""))] + [
                (it, said[it]) for it in said
            ]
            wrong += [done.stderr] if wrong or done.returncode != 1 else []
        traffic.wait_for(5)

    assert wrong == []
    assert traffic.deferred == []
    assert runs(operator) == before
    assert operator.on_host(sums).stdout == files
    arrived(LAB, traffic.tokens)


def test_after_a_power_cut_every_service_comes_back_and_nothing_is_due(whole):
    operator, _ = whole
    before = runs(operator)
    # Debian's own loader of audit rules, which no container may run: it would count as a unit that failed to come back.
    operator.on_host("systemctl mask -q audit-rules")
    operator.cut_power()
    operator.boot()
    failed = operator.on_host("systemctl --failed --plain --no-legend").stdout
    plan = operator.json("plan")
    after = runs(operator)

    assert failed == ""
    assert plan["empty"], plan
    assert before.keys() == after.keys()
    assert {unit for unit in before if before[unit] == after[unit]} == set(), "these were not started anew"
    assert mail.exchange(name=LAB, host=HOST).good
