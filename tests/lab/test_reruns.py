"""A rerun costs one login and one look, and finds whatever was changed on the host in between."""

import random
import re

import pytest
from operators import lab_operator, leave

pytestmark = pytest.mark.lab

LAB, HOST = "lab2", "mx3"
MEMORY = ".postwright/hosts.json"
# What sshd writes of each login, and of each command within one.
LOGIN, SESSION = re.compile(r"Accepted \S+ for root"), re.compile(r"Starting session: ")
UNITS = ("unbound", "opendkim", "postfix", "dovecot", "fail2ban", "postwright-bans", "postwright-firewall")
# Those that are as they were if and only if they are the same again.
SNAPSHOT = (
    "xargs -a /etc/postwright/files stat -c '%n %a %U:%G %F'; xargs -a /etc/postwright/files sha256sum; "
    f"systemctl is-active {' '.join(UNITS)}; systemctl is-enabled {' '.join(UNITS)}; "
    "nft -s list table inet postwright; dpkg-query -W fail2ban"
)


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    made = lab_operator(tmp_path_factory.mktemp("operator"), LAB, HOST)
    made.run("apply", "--yes", "--no-verify")
    made.on_host(
        "printf 'LogLevel VERBOSE\\n' >/etc/ssh/sshd_config.d/10-lab.conf; systemctl reload ssh; "
        "until journalctl -u ssh -b | tail -3 | grep -q 'Server listening'; do sleep 0.1; done"
    )
    yield made
    leave(made)


def counted(operator, *arguments):
    """The logins and sessions that sshd tells of while a command runs."""
    cursor = operator.on_host("journalctl -n 0 --show-cursor").stdout.strip().rpartition("cursor: ")[2]
    operator.run(*arguments)
    told = operator.on_host(f"journalctl -t sshd -t sshd-session --after-cursor '{cursor}' -o cat").stdout
    return len(LOGIN.findall(told)), len(SESSION.findall(told))


@pytest.mark.parametrize("command", [("apply", "--yes"), ("plan",)])
def test_where_nothing_is_to_be_done_a_run_is_one_login_and_one_look(operator, command):
    assert counted(operator, *command) == (1, 1)


def test_where_nobody_remembers_the_host_it_is_no_more(operator):
    (operator.inventory.parent / MEMORY).unlink()

    assert counted(operator, "plan") == (1, 1)


def edited(chance, paths):
    return f"echo '# a hand was here' >>{chance.choice(paths)}"


def removed(chance, paths):
    return f"rm {chance.choice(paths)}"


def opened(chance, paths):
    return f"chmod 0666 {chance.choice(paths)}"


def given_away(chance, paths):
    return f"chown nobody {chance.choice(paths)}"


def stopped(chance, _paths):
    return f"systemctl stop {chance.choice(UNITS[:-1])}"


def disabled(chance, _paths):
    return f"systemctl disable --quiet {chance.choice(UNITS)}"


def rule(_chance, _paths):
    return "nft add rule inet postwright input tcp dport 9 accept"


def uninstalled(_chance, _paths):
    return "dpkg --remove --force-depends fail2ban"


DRIFTS = (edited, removed, opened, given_away, stopped, disabled, rule)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_was_changed_by_hand_is_found_with_or_without_memory_and_put_back(operator, seed):
    chance = random.Random(seed)
    paths = operator.on_host("cat /etc/postwright/files").stdout.split()
    before = operator.on_host(SNAPSHOT).stdout
    drifts = [*chance.sample(DRIFTS, 5), *([uninstalled] if seed == 0 else [])]
    done = [drift(chance, paths) for drift in drifts]
    for command in done:
        operator.on_host(command)
    remembered = operator.json("plan")
    (operator.inventory.parent / MEMORY).unlink()
    forgotten = operator.json("plan")
    operator.run("apply", "--yes", "--no-verify")

    assert not remembered["empty"], done
    assert remembered == forgotten, done
    assert operator.on_host(SNAPSHOT).stdout == before, done
    assert operator.json("plan")["empty"], done


def test_each_single_thing_that_is_changed_is_found(operator):
    """One at a time, so that none hides behind another."""
    chance = random.Random(7)
    for drift in DRIFTS:
        paths = operator.on_host("cat /etc/postwright/files").stdout.split()
        command = drift(chance, paths)
        operator.on_host(command)
        found = operator.json("plan")
        operator.run("apply", "--yes", "--no-verify")

        assert not found["empty"], command
        assert operator.json("plan")["empty"], command
