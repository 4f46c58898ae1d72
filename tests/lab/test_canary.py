"""With two hosts a change reaches one first, and the other only when that one is proven; and a host can be drained."""

import contextlib
import smtplib

import pytest
from operators import lab_operator, leave

from postwright.lab import box, mail, state

pytestmark = pytest.mark.lab

LAB, FIRST, OTHER = "lab2", "mx1", "mx3"
BROKEN = "/run/systemd/system/postfix.service.d"


@pytest.fixture(scope="module")
def operator(tmp_path_factory):
    made = lab_operator(tmp_path_factory.mktemp("operator"), LAB, FIRST, OTHER)
    made.run("apply", "--yes", "--no-verify")
    yield made
    leave(made)


def size(operator, host):
    return operator.on_host("postconf -h message_size_limit", host=host).stdout.strip()


def order(done):
    """The hosts in the order they were worked on, from the lines of progress."""
    lines = [line.removeprefix("  ").partition(":")[0] for line in done.stderr.splitlines() if line.startswith("  ")]
    return list(dict.fromkeys(lines))


def test_a_failure_on_the_first_host_stops_before_the_second_and_says_who_has_which_state(operator):
    other = operator.changed("bigger", 'fleet["policies"] = {"message_size": 90000}')
    operator.on_host(
        f"mkdir -p {BROKEN} && printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' >{BROKEN}/z.conf", host=FIRST
    )
    done = other.run("apply", "--yes", "--no-verify", check=False)
    operator.on_host(f"rm {BROKEN}/z.conf; systemctl daemon-reload", host=FIRST)

    assert done.returncode == 1
    assert f"begun and not proven: {FIRST}; still with the old state: {OTHER}" in done.stderr
    assert (size(operator, FIRST), size(operator, OTHER)) == ("90000", "26214400")

    mended = other.run("-v", "apply", "--yes", "--no-verify", "--canary", OTHER)

    assert order(mended) == [OTHER, FIRST]
    assert {size(operator, host) for host in operator.hosts} == {"90000"}


def test_a_rotation_that_stops_between_two_hosts_leaves_both_signing_and_is_gone_on_with(operator):
    (old,) = [it["selector"] for it in operator.json("keys", "list") if it["state"] == "active"]
    operator.break_reload(host=OTHER)
    stopped = operator.run("keys", "rotate", "--settle", "--yes", "--no-verify", check=False)
    states = {it["selector"]: it["state"] for it in operator.json("keys", "list")}
    between = {host: mail.exchange(name=LAB, host=host) for host in operator.hosts}
    operator.mend_reload(host=OTHER)
    operator.run("apply", "--yes", "--no-verify")
    after = {host: mail.exchange(name=LAB, host=host) for host in operator.hosts}

    (new,) = states.keys() - {old}
    assert stopped.returncode == 1
    assert f"with the new state, proven: {FIRST}" in stopped.stderr
    assert states == {old: "active", new: "confirmed"}
    assert {host: (it.dkim_passed, it.dkim[0].selector) for host, it in between.items()} == {
        FIRST: (True, new),
        OTHER: (True, old),
    }
    assert {(it.dkim_passed, it.dkim[0].selector) for it in after.values()} == {(True, new)}
    assert {it["selector"]: it["state"] for it in operator.json("keys", "list")} == {old: "retiring", new: "active"}


def open_ports(host):
    address = state.load(LAB).hosts[host].ipv4
    found = set()
    for port in (25, 465, 587):
        with contextlib.suppress(OSError), smtplib.socket.create_connection((address, port), timeout=5):
            found.add(port)
    return found


def test_a_drained_host_takes_nothing_in_and_tells_what_its_queue_still_holds(operator):
    # Nobody has that address, so the message waits.
    stuck = "printf 'From: a@shop.test\\nSubject: x\\n\\nx\\n' | sendmail -f a@shop.test nobody@[10.78.2.99]"
    operator.on_host(stuck, host=OTHER)
    done = operator.run("apply", "--drain", OTHER, "--drain-wait", "3s", "--yes", "--no-verify", check=False)
    local = operator.on_host(
        "python3 -c \"import smtplib; s = smtplib.SMTP('127.0.0.1'); s.helo(); s.mail('a@shop.test'); print(s.rcpt('b@bigmail.test')[0])\"",
        host=OTHER,
    )

    assert open_ports(OTHER) == set()
    assert open_ports(FIRST) == {25, 465, 587}
    assert local.stdout.strip() == "450"
    assert f"proven: {OTHER} signs shop.test" in done.stdout
    assert done.returncode == 1
    assert f"host {OTHER}: in its queue are 1 " in done.stdout


def test_it_stays_drained_over_applies_and_a_reboot_and_its_checks_say_so(operator):
    box.stop_host(LAB, OTHER)
    box.start_host(LAB, OTHER)
    plan = operator.run("plan")
    results = operator.json("verify", "-k", OTHER, check=False)
    skipped = [it for it in results["checks"] if it["outcome"] == "skipped"]

    assert f"host {OTHER} is drained" in plan.stdout
    assert "Nothing to do" in plan.stdout
    assert open_ports(OTHER) == set()
    assert results["failed"] == 0
    assert len(skipped) >= 10
    assert all("is drained" in it["reason"] for it in skipped)


def test_undrained_it_takes_mail_in_again(operator):
    operator.run("apply", "--undrain", OTHER, "--yes", "--no-verify")

    assert open_ports(OTHER) == {25, 465, 587}
    assert mail.exchange(name=LAB, host=OTHER).good
    assert operator.json("plan")["empty"]


def test_a_host_that_is_down_stops_nothing_on_the_others_but_what_every_host_must_know_of(operator):
    before = [(it["selector"], it["state"]) for it in operator.json("keys", "list")]
    box.stop_host(LAB, OTHER)
    operator.on_host("echo '# a hand was here' >>/etc/postfix/main.cf", host=FIRST)
    planned = operator.run("plan", check=False)
    done = operator.run("apply", "--yes", "--no-verify", check=False)
    rotated = operator.run("keys", "rotate", "--yes", "--no-verify", check=False)
    mended = operator.on_host("tail -n 1 /etc/postfix/main.cf", host=FIRST).stdout
    keys = [(it["selector"], it["state"]) for it in operator.json("keys", "list")]
    box.start_host(LAB, OTHER)
    operator.run("apply", "--yes", "--no-verify")

    assert (planned.returncode, done.returncode, rotated.returncode) == (1, 1, 1)
    assert "/etc/postfix/main.cf" in planned.stdout
    assert all(f"host {OTHER}: cannot connect to root@" in it.stderr for it in (done, rotated))
    assert f"unknown: host {OTHER}: cannot connect to root@" in planned.stdout
    assert "a hand was here" not in mended
    assert "keys or DNS are to change, and every host must know of that" in rotated.stderr
    assert keys == before
