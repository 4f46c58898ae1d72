"""A host that is not fit is told why, all at once and with what to do, before anything is touched."""

import json
import time

import pytest
from support import host_data, mail_fleet, mail_host, project

from postwright.hosts.preflight import problems

NOW = 1_800_000_000.0
SSHD = {"22": ["sshd (pid 1)"]}


@pytest.fixture
def fleet(tmp_path):
    return project(tmp_path).fleet


def seen(listeners=SSHD, **changes):
    system = {
        "id": "debian",
        "release": "13",
        "pretty": "Debian GNU/Linux 13 (trixie)",
        "root": True,
        "systemd": True,
        "free": {"/etc": 10**10, "/var": 10**10},
        "clock": NOW,
        "applying": None,
    }
    return {"system": system | changes, "listeners": listeners}


def told(fleet, answer):
    return list(problems(fleet.hosts[0], fleet, answer, NOW))


@pytest.mark.parametrize("release", ["12", "13"])
def test_a_fresh_debian_is_fit(fleet, release):
    assert told(fleet, seen(release=release)) == []


def test_a_host_we_made_is_fit(fleet):
    assert told(fleet, seen(SSHD | {port: ["master (pid 7)"] for port in ("25", "465", "587")})) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"id": "ubuntu", "release": "24.04", "pretty": "Ubuntu 24.04"},
            "runs Ubuntu 24.04; postwright builds on Debian 12 and 13",
        ),
        ({"release": "11", "pretty": "Debian 11"}, "runs Debian 11; postwright builds on Debian 12 and 13"),
        ({"id": "", "pretty": ""}, "runs an unknown system; postwright builds on Debian 12 and 13"),
        ({"root": False}, "root is not root there; connect as root or set _sudo=True in its inventory data"),
        ({"systemd": False}, "systemd is not its PID 1; services could not be supervised"),
        (
            {"free": {"/etc": 10**10, "/var": 12_345_678}},
            "disk full: /var has 12 MB free, 200 MB are needed; make room",
        ),
        ({"clock": NOW + 61}, "its clock is +61 s off this machine's; set it right, or signatures and TSIG will fail"),
        (
            {"clock": NOW - 400},
            "its clock is -400 s off this machine's; set it right, or signatures and TSIG will fail",
        ),
        (
            {"applying": ""},
            "another apply is at work on it: somebody who left no name; wait for it to end, then run again",
        ),
    ],
)
def test_what_is_not_fit_is_told_with_what_to_do(fleet, changes, expected):
    assert told(fleet, seen(**changes)) == [expected]


def test_a_way_back_is_not_judged_by_what_todays_inventory_asks_for(tmp_path):
    hardening = {"ssh": {"second_factor": "totp"}}
    acme = {"contact": "ops@example.net"}
    data = host_data(
        host=mail_host(tls="acme"),
        fleet=mail_fleet(hardening=hardening, acme=acme, firewall={"ssh_from": ["192.0.2.0/24"]}),
    )
    fleet = project(tmp_path, data).fleet
    answer = seen({"2222": ["sshd (pid 1)"], "80": ["apache2 (pid 9)"]}, release="12") | {"login": "password"}
    foreign = {"foreign": {"nginx": ["/etc/nginx/nginx.conf"]}}

    assert len(told(fleet, answer | foreign)) == 5
    assert list(problems(fleet.hosts[0], fleet, answer | foreign, NOW, returns=True)) == []


def test_a_clock_that_is_a_little_off_is_fine(fleet):
    assert told(fleet, seen(clock=NOW + 59)) == []


def test_who_is_at_work_on_the_host_is_named(fleet):
    owner = json.dumps({"user": "ann", "machine": "build1", "pid": 7, "since": int(time.time())})
    (problem,) = told(fleet, seen(applying=owner))
    assert problem.startswith("another apply is at work on it: ann on build1, pid 7, for 0:00:")


@pytest.mark.parametrize("port", ["25", "465", "587"])
def test_a_program_on_a_mail_port_is_named(fleet, port):
    assert told(fleet, seen(SSHD | {port: ["exim4 (pid 9)"]})) == [
        f"port {port} is taken by exim4 (pid 9); stop and disable that program, then run again"
    ]


def test_postfix_children_that_share_its_ports_are_no_other_program(fleet):
    assert told(fleet, seen(SSHD | {"25": ["master (pid 7)", "smtpd (pid 9)"]})) == []


def test_programs_on_other_ports_are_nobodys_business(fleet):
    assert told(fleet, seen(SSHD | {"80": ["nginx (pid 9)"]})) == []


def test_a_firewall_that_would_shut_out_sshd_is_told_before_it_stands(fleet):
    assert told(fleet, seen({"2222": ["sshd (pid 1)"]})) == [
        "sshd listens on 2222, which mail_fleet.firewall.ssh_ports does not open; name it there"
    ]


def test_an_sshd_on_one_port_that_is_opened_is_enough(fleet):
    assert told(fleet, seen({"22": ["sshd (pid 1)"], "2222": ["sshd (pid 1)"]})) == []


def test_all_that_is_not_fit_is_told_at_once(fleet):
    answer = seen(
        {"22": ["exim4 (pid 9)"], "25": ["exim4 (pid 9)"]}, systemd=False, clock=0, free={"/etc": 0, "/var": 0}
    )
    assert len(told(fleet, answer)) == 5
