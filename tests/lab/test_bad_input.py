"""What an operator gets wrong, on real hosts: one clear error that names the place, and nothing touched."""

import os
import signal
import time

import pytest

from postwright.lab import box, mail

pytestmark = pytest.mark.lab

LAB = "lab8"
HOST = "mx3"


@pytest.fixture
def untouched(operator):
    """The host is the same after the test as before it."""
    watch = "find /etc /usr/sbin/policy-rc.d -newer /etc/hostname ! -type d 2>/dev/null | sort; dpkg -l | grep -c ^ii"
    before = operator.on_host(watch).stdout
    yield
    assert operator.on_host(watch).stdout == before


def refused(operator, *words, status=1):
    """The apply fails with this status, and its error holds all the words."""
    done = operator.run("apply", "--yes", check=False)
    assert done.returncode == status, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("untouched")
def test_a_wrong_tsig_secret_is_named_with_its_server(operator):
    wrong = operator.folder.parent / "wrong-tsig"
    wrong.write_text("d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmc=\n")
    wrong.chmod(0o600)
    other = operator.changed("tsig", f'fleet["providers"]["ns"]["secret"] = {{"file": {str(wrong)!r}}}')

    refused(other, "zone shop.test", "10.78.8.53", "TSIG")


@pytest.mark.usefixtures("untouched")
def test_a_zone_the_server_does_not_serve_is_named(operator):
    code = 'fleet["zones"].append({"name": "other.test", "provider": "ns"}); fleet["domains"].append({"name": "other.test"})'

    refused(operator.changed("zone", code), "other.test", "10.78.8.53")


@pytest.mark.usefixtures("untouched")
def test_an_unreachable_host_is_named_with_its_address(operator):
    refused(
        operator.changed("away", 'host["ssh_hostname"] = "10.78.8.99"'),
        "host mx3",
        "10.78.8.99",
        "address, port and firewall",
    )


@pytest.mark.usefixtures("untouched")
def test_a_refused_key_is_said_to_be_refused(operator):
    key = operator.folder.parent / "other-key"
    os.system(f"ssh-keygen -q -t ed25519 -N '' -f {key}")  # noqa: S605 - a path of pytest's own

    refused(operator.changed("key", f'host["ssh_key"] = {str(key)!r}'), "host mx3", "refused the key")


@pytest.mark.usefixtures("untouched")
def test_an_unknown_host_key_stops_the_run(operator):
    known = operator.folder.parent / "known"
    known.write_text("10.78.8.13 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMvdZ3BFAbFvTbzHyPW7FrB4bDJHIcWx3FqkaaP6MXVT\n")

    refused(operator.changed("hostkey", f'host["ssh_known_hosts_file"] = {str(known)!r}'), "host mx3", "ost key")


def test_a_system_that_is_not_debian_12_or_13_is_refused(operator):
    operator.on_host(
        "cp -a --remove-destination $(readlink -f /etc/os-release) /tmp/real; sed 's/^ID=.*/ID=ubuntu/; s/^PRETTY_NAME=.*/PRETTY_NAME=\"Ubuntu 24.04\"/' /tmp/real >/tmp/fake; mount --bind /tmp/fake $(readlink -f /etc/os-release)"
    )
    try:
        refused(operator, "host mx3", "Ubuntu 24.04", "Debian 12 and 13")
    finally:
        operator.on_host("umount $(readlink -f /etc/os-release)")


def test_a_user_without_root_and_sudo_is_told_so(operator):
    operator.on_host(
        "useradd -m -s /bin/bash ops && mkdir -m 700 ~ops/.ssh && cp ~root/.ssh/authorized_keys ~ops/.ssh/ && chown -R ops ~ops/.ssh"
    )

    refused(operator.changed("ops", 'host["ssh_user"] = "ops"'), "host mx3", "ops is not root", "_sudo")
    operator.on_host("userdel -r ops 2>/dev/null")


def test_a_full_disk_is_found_before_anything_is_installed(operator):
    operator.on_host(
        "mkdir /tmp/var && mount -t tmpfs -o size=$(($(du -sm /var | cut -f1) + 120))m tmpfs /tmp/var && cp -a /var/. /tmp/var/ && mount --bind /tmp/var /var"
    )
    try:
        refused(operator, "host mx3", "disk full: /var", "make room")
    finally:
        operator.on_host("umount /var; umount /tmp/var; rmdir /tmp/var")


def test_a_program_on_port_25_is_named(operator):
    operator.on_host(
        "systemd-run --quiet --unit=squatter python3 -c \"import socket,time; s=socket.create_server(('',25)); time.sleep(600)\""
    )
    operator.on_host("for i in $(seq 50); do ss -Hltn sport = :25 | grep -q . && exit 0; sleep 0.1; done; exit 1")
    try:
        refused(operator, "host mx3", "port 25 is taken by python3 (pid", "stop and disable")
    finally:
        operator.on_host("systemctl stop squatter")


def test_two_applies_of_one_project_exclude_each_other_and_the_second_names_the_first(operator):
    first = operator.start("apply", "--yes", "--no-verify")
    wait_for(first, "• reading DNS")
    try:
        refused(operator, "another apply is at work", f"pid {first.pid}", "run again")
    finally:
        os.killpg(first.pid, signal.SIGINT)
        first.wait(timeout=60)


def test_two_operators_exclude_each_other_on_the_host(operator):
    box.reset(LAB, HOST)  # so that the first has work to do for some seconds
    other = operator.changed("second-operator", "")
    first = operator.start("apply", "--yes", "--no-verify")
    wait_for(first, "• hosts")
    held = "for i in $(seq 200); do [ -s /run/postwright/apply.owner ] && exit 0; sleep 0.05; done; exit 1"
    try:
        operator.on_host(held)
        refused(other, "host mx3", "another apply is at work on it", "pid")
    finally:
        os.killpg(first.pid, signal.SIGINT)
        first.wait(timeout=60)


def test_an_interrupted_apply_says_what_landed_and_the_next_completes_it(operator):
    running = operator.start("apply", "--yes", "--no-verify")
    wait_for(running, "• hosts")
    time.sleep(1)  # somewhere inside; where does not matter
    os.killpg(running.pid, signal.SIGINT)
    words = running.stderr.read()

    assert running.wait(timeout=60) == 1
    assert "interrupted; landed so far:" in words
    operator.run("apply", "--yes", "--no-verify")
    assert operator.json("plan")["empty"]
    assert mail.exchange(name=LAB, host=HOST).good


def test_a_sudo_user_can_do_all_that_root_can(operator):
    box.reset(LAB, HOST)
    operator.on_host(
        "apt-get update -qq && apt-get install -qqy --no-install-recommends sudo && useradd -m -s /bin/bash ops && mkdir -m 700 ~ops/.ssh && cp ~root/.ssh/authorized_keys ~ops/.ssh/ && chown -R ops ~ops/.ssh && echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops"
    )
    ops = operator.changed("sudo", 'host["ssh_user"] = "ops"; host["_sudo"] = True')
    ops.run("apply", "--yes", "--no-verify")

    assert ops.json("plan")["empty"]
    assert ops.json("verify")["all_ok"]
    assert operator.on_host("find /tmp -user ops -name '*pyinfra*'").stdout == ""


def wait_for(process, *phases):
    """Read the progress of a command until the last of these phases begins."""
    waited = list(phases)
    for line in process.stderr:
        if waited and waited[0] in line:
            waited.pop(0)
        if not waited:
            return
    raise AssertionError(f"ended before {waited}")
