"""Packet filter, bans and fail2ban as the inventory asks for them."""

import subprocess
from dataclasses import replace

import pytest
from support import context, host_data, mail_fleet, mail_host, problems, project

from postwright import material
from postwright.services import bans, fail2ban
from postwright.services.bundle import bundle

RULES = "/etc/postwright/firewall.nft"
JAILS = "/etc/fail2ban/jail.d/postwright.local"


def files(base, release="13", host="mx1", **fleet):
    """The texts of a host of the full fleet, changed."""
    made = context(base, host=host, release=release)
    changed = replace(made, fleet=made.fleet.model_copy(update=fleet))
    return {file.path: file.content.decode() for file in bundle(changed).files}


def firewall(base, **changes):
    return context(base).fleet.firewall.model_copy(update=changes)


def section(text, jail):
    return text.partition(f"\n[{jail}]\n")[2].partition("\n[")[0]


def test_only_postfix_may_connect_to_port_25_of_others_unless_that_is_switched_off(tmp_path):
    rules = files(tmp_path)[RULES]
    without = files(tmp_path, firewall=firewall(tmp_path, egress=False))[RULES]

    assert "tcp dport 25 meta skuid != postfix reject with tcp reset" in rules
    assert "hook forward" in rules
    assert "skuid" not in without
    assert "hook forward" not in without


def test_new_rules_leave_the_table_of_bans_alone(tmp_path):
    made = files(tmp_path)

    assert "postwright_bans" not in made[RULES]
    assert not any(line.startswith("delete") for line in made[bans.RULES].splitlines())


def test_a_ban_closes_the_ports_of_its_service_and_never_port_25(tmp_path):
    rules = files(tmp_path)[bans.RULES]

    assert "ip saddr @ssh_v4 tcp dport { 22, 2222 } reject" in rules
    assert "ip6 saddr @login_v6 tcp dport { 465, 587 } reject" in rules
    assert " 25" not in rules


def test_without_bans_nothing_of_them_is_on_a_host(tmp_path):
    made = files(tmp_path, firewall=firewall(tmp_path, bans=False), fail2ban=None)

    assert not any("bans" in path or "fail2ban" in path or "ban-exempt" in path for path in made)


def test_fail2ban_watches_what_is_open_to_everybody(tmp_path):
    narrow, wide = files(tmp_path)[JAILS], files(tmp_path, firewall=firewall(tmp_path, ssh_from=()))[JAILS]

    assert "enabled = false" in section(narrow, "sshd")
    assert "enabled = true" in section(narrow, "postfix-sasl")
    assert "enabled = true" in section(wide, "sshd")


def test_a_host_that_nobody_can_guess_at_has_no_fail2ban(tmp_path):
    assert JAILS not in files(tmp_path, host="mx2")
    assert JAILS in files(tmp_path, host="mx2", firewall=firewall(tmp_path, ssh_from=()))


@pytest.mark.parametrize(("release", "unit"), [("12", "postfix@-.service"), ("13", "postfix.service")])
def test_failed_logins_are_looked_for_where_postfix_logs_them(tmp_path, release, unit):
    assert f"journalmatch = _SYSTEMD_UNIT={unit}\n" in files(tmp_path, release)[JAILS]


def test_the_fleet_and_the_networks_it_trusts_are_never_banned(tmp_path):
    ignored = fail2ban.ignored(context(tmp_path))

    assert {
        "127.0.0.0/8",
        "::1/128",
        "198.51.100.0/24",
        "10.1.0.0/16",
        "192.0.2.10",
        "2001:db8::10",
        "192.0.2.20",
    } <= set(ignored)
    assert f"ignoreip = {' '.join(ignored)}\n" in files(tmp_path)[JAILS]


@pytest.mark.parametrize("said", [None, False])
def test_fail2ban_can_be_switched_off(tmp_path, said):
    made = project(tmp_path, host_data(host=mail_host(), fleet=mail_fleet(fail2ban=said)))

    assert made.fleet.fail2ban is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"firewall": {"bans": False}}, "mail_fleet.firewall.bans: False, but fail2ban puts its bans there"),
        (
            {"fail2ban": {"ban": "2h", "longest": "1h"}},
            "mail_fleet.fail2ban.longest: 1h is shorter than the first ban, 2h",
        ),
        ({"fail2ban": {"ignore": ["::/0"]}}, "mail_fleet.fail2ban.ignore: ::/0 is every address"),
        ({"firewall": {"ssh_from": ["0.0.0.0/0"]}}, "mail_fleet.firewall.ssh_from: 0.0.0.0/0 is everybody"),
        ({"fail2ban": {"ssh_failures": 1}}, "mail_fleet.fail2ban.ssh_failures: "),
        ({"fail2ban": {"within": "5s"}}, "mail_fleet.fail2ban.within: '5s' is too short; 1m is the least"),
        ({"fail2ban": {"bantime": "1h"}}, "mail_fleet.fail2ban.bantime: unknown key"),
    ],
)
def test_what_could_not_work_is_refused_with_its_key_path(tmp_path, changes, expected):
    (problem,) = problems(tmp_path, host_data(fleet=mail_fleet(**changes)))

    assert problem.startswith(expected)


def test_ssh_for_everybody_is_noted(tmp_path):
    said = [
        material._open_to_all(project(tmp_path, host_data(fleet=mail_fleet(firewall={"ssh_from": networks}))).fleet)
        for networks in ([], ["192.0.2.0/24"])
    ]

    assert ["anybody may try to log in by SSH" in note for notes in said for note in notes] == [True]


@pytest.mark.parametrize(
    ("line", "exempt"),
    [
        ("Accepted publickey for root from 192.0.2.7 port 50022 ssh2: ED25519 SHA256:abc", True),
        ("Accepted keyboard-interactive/pam for op from 192.0.2.7 port 1 ssh2", True),
        ("Accepted publickey for root from 192.0.2.77 port 50022 ssh2", False),
        ("Invalid user Accepted from 192.0.2.7 port 4", False),
        ("Failed password for invalid user Accepted publickey for x from 192.0.2.7 port 4 ssh2", False),
    ],
)
def test_nobody_is_spared_a_ban_but_who_has_logged_in(tmp_path, line, exempt):
    """A stranger chooses the name he tries, and sshd writes it into its line."""
    journal = tmp_path / "journalctl"
    journal.write_text(f"#!/bin/sh\necho '{line}'\n")
    journal.chmod(0o755)
    program = files(tmp_path)["/etc/postwright/ban-exempt"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    done = subprocess.run(["sh", "-c", program, "ban-exempt", "192.0.2.7"], env=environment, check=False)

    assert (done.returncode == 0) == exempt
