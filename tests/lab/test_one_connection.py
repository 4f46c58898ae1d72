"""All a command asks of a host, the checks among it, goes over one SSH connection; a host that dies is "unknown" and nobody hangs."""

import re

import pytest
from operators import lab_operator, leave

pytestmark = pytest.mark.lab

LAB, HOST = "lab6", "mx3"
LOGIN = re.compile(r"Accepted publickey for root")


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    made = lab_operator(tmp_path_factory.mktemp("operator"), LAB, HOST)
    made.run("apply", "--yes", "--no-verify")
    yield made
    leave(made)


def logins(operator, *arguments):
    """How many logins sshd tells of while a command runs, which must end well."""
    cursor = operator.on_host("journalctl -n 0 --show-cursor").stdout.strip().rpartition("cursor: ")[2]
    operator.run(*arguments)
    told = operator.on_host(f"journalctl -t sshd -t sshd-session --after-cursor '{cursor}' -o cat").stdout
    return len(LOGIN.findall(told))


def test_all_checks_cost_one_login(operator):
    assert logins(operator, "verify") == 1


def test_a_change_its_proof_and_all_checks_cost_one_login(operator):
    operator.on_host("echo '# a hand was here' >>/etc/postfix/main.cf")

    assert logins(operator, "apply", "--yes") == 1


def test_new_rules_of_the_packet_filter_cost_one_more_which_confirms_them(operator):
    other = operator.changed("opened", 'fleet["firewall"] = {"extra_tcp": (8025,)}')

    assert logins(other, "apply", "--yes") == 2


def test_a_host_that_dies_is_unknown_and_the_checks_end(operator):
    started = operator.start("-v", "--json", "verify")
    next(line for line in started.stderr if f"{HOST}: " in line)
    operator.cut_power()
    started.communicate(timeout=200)

    found = operator.json("verify", check=False)

    assert started.returncode == 1
    assert (found["all_ok"], found["failed"]) == (False, 0)
    units = {it["outcome"] for it in found["checks"] if it["promise"].startswith("Service is enabled")}
    assert units == {"unknown"}
    lost = {it["reason"] for it in found["checks"] if "cannot connect to root@" in it["reason"]}
    assert len({it.partition(":")[0] for it in lost}) == 1
