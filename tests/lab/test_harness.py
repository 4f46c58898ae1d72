"""The tools that other tests of this folder are made of can fail: what they are to notice is made to happen, for real."""

import time
from pathlib import Path

import pytest
from inbox import Inbox, arrived, assert_all_signed, by_selector, unsound
from mailqueue import cut_off, flush, hold, queued, reconnect, release, wait_until_queued
from operators import project
from stale_server import StaleServer
from traffic import KEPT, LOCAL, NEW, Traffic

from postwright.lab import mail, state
from postwright.lab.verdict import Signature, Verdict

pytestmark = pytest.mark.lab

LAB, HOST = "lab3", "mx3"
SELF = ("apply", "--yes", "--no-verify")
GOOD = Signature("pass", "shop.test", "s1")
REPORTS = 'fleet["domains"][0]["tls_reports"] = ["tls@shop.test"]'


@pytest.fixture(scope="module")
def first_runs(operator):
    """The first apply, killed three times and then not; and whether its first file was there each time."""
    first = operator.folder / "inventories/.postwright/.gitignore"
    runs = [(operator.killed_at(number, *SELF), first.exists()) for number in (1, 2, 3, 0)]
    return [run for run, _ in runs], [there for _, there in runs]


@pytest.fixture
def ready(operator, first_runs):
    """The operator, once the host signs."""
    assert first_runs[0][-1].status == 0, first_runs[0][-1].stderr
    return operator


def what(line):
    """Side and text of a crossing."""
    _, side, text = line.split("\t")
    return side, text


def test_a_run_dies_at_the_crossing_that_was_asked_for_and_the_next_apply_heals(operator, first_runs):
    """The first before a file comes into place; the second after what was left of it is cleared away."""
    folder = operator.folder / "inventories/.postwright"
    (*ended, whole), there = first_runs

    assert [(it.killed, len(it.crossings)) for it in ended] == [(True, 1), (True, 2), (True, 3)]
    assert [what(it.crossings[-1]) for it in ended] == [
        ("before", f"rename {folder}/.gitignore"),
        ("after", f"remove {folder}/..gitignore.new"),
        ("before", f"rename {folder}/hosts.json"),
    ]
    assert there == [False, False, True, True]
    assert (whole.killed, whole.status) == (False, 0), whole.stderr
    assert operator.json("plan")["empty"]
    texts = {text for side, text in map(what, whole.crossings) if side != "at"}
    for kind in ("rename", "touch", "remove", "update shop.test.", "hosts: apply", "hosts: run_script prove"):
        assert any(text.startswith(kind) for text in texts), kind


def test_the_child_that_speaks_to_hosts_dies_with_the_run(ready):
    """At its first word about what it does on a host."""
    ready.on_host("echo '# a hand was here' >>/etc/postfix/main.cf")
    ended = ready.killed_at(r"at\tstep ", *SELF)

    assert ended.killed
    assert what(ended.crossings[-1])[0] == "at"
    wait_until(lambda: not at_work_in(ready.folder))


def at_work_in(folder):
    """The processes that were started in a folder, besides the lab's hosts."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            program = (process / "cmdline").read_bytes()
            if (process / "cwd").readlink() == folder and b"nspawn" not in program:
                found.append(program)
        except OSError:
            continue
    return found


def test_a_run_that_stands_still_goes_on_when_it_may(ready):
    unproven = ready.folder / "inventories/.postwright/unproven"
    unproven.touch()
    with ready.paused_at(1, *SELF) as ended:
        stopped = unproven.exists(), list(ended)

    assert stopped == (True, [])
    assert ended[0].status == 0
    assert not unproven.exists()


def wait_until(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError


@pytest.mark.parametrize(
    ("dkim", "dmarc", "words"),
    [
        ((), "pass", "not signed"),
        ((Signature("none"),), "pass", "not signed"),
        ((GOOD, Signature("fail", "shop.test", "s2")), "pass", "dkim=fail"),
        ((Signature("permerror", "shop.test", "s1"),), "pass", "dkim=permerror"),
        ((Signature("pass", "other.test", "s1"),), "pass", "signed for other.test"),
        ((GOOD,), "fail", "dmarc=fail"),
    ],
)
def test_every_fault_of_a_message_is_seen(dkim, dmarc, words):
    verdicts = {"good": Verdict("pass", "pass", (GOOD,), "", ""), "bad": Verdict("pass", dmarc, dkim, "", "")}

    faults = unsound(verdicts, "shop.test")
    assert all(fault.startswith("bad: ") for fault in faults)
    assert any(words in fault for fault in faults)


def test_messages_by_every_way_are_signed_and_come_once(ready):
    with Traffic(LAB, (HOST,), per_second=20, local=2, senders=("a@shop.test", "b@shop.test")) as traffic:
        traffic.wait_for(10)
    inbox = Inbox(LAB)
    verdicts = inbox.arrived(traffic.tokens)

    assert_all_signed(verdicts, traffic.domains)
    assert {taken.kind for taken in traffic.accepted} == {NEW, KEPT, LOCAL}
    assert {taken.sender for taken in traffic.accepted} == {"a@shop.test", "b@shop.test"}
    assert by_selector(verdicts, traffic.sources).total() == len(traffic.accepted)
    assert (traffic.deferred, inbox.duplicates(traffic.tokens)) == ([], {})
    assert ready.host == HOST


def test_unsigned_messages_are_noticed(ready):
    ready.on_host("cd /etc/postwright/dkim && cp -p SigningTable /tmp/ && sed -i '/shop.test/d' SigningTable")
    ready.on_host("systemctl reload opendkim")
    wait_until(lambda: not signed())
    with Traffic(LAB, (HOST,), per_second=20) as traffic:
        traffic.wait_for(3)
    ready.on_host("cp -p /tmp/SigningTable /etc/postwright/dkim/ && systemctl reload opendkim")
    wait_until(signed)
    verdicts = arrived(LAB, traffic.tokens)

    assert {line.partition(": ")[0] for line in unsound(verdicts, "shop.test") if "not signed" in line} == set(verdicts)
    with pytest.raises(AssertionError, match="not signed"):
        assert_all_signed(verdicts)


def signed():
    """Whether a message sent now is signed; the signer takes up a change a moment after it was told to."""
    return not unsound(arrived(LAB, [mail.send(state.load(LAB), host=HOST)]), "shop.test")


@pytest.mark.usefixtures("ready")
def test_a_message_that_comes_twice_is_noticed():
    described = state.load(LAB)
    message = mail.compose(described, "0123456789abcdef")
    for _ in range(2):
        mail.send(described, message, host=HOST)
    inbox = Inbox(LAB)
    inbox.arrived(["0123456789abcdef"])

    wait_until(lambda: inbox.look() or inbox.duplicates(["0123456789abcdef"]) == {"0123456789abcdef": 2})


def test_held_messages_stay_until_they_are_released_and_a_lost_one_is_noticed(ready):
    cut_off(LAB, HOST)
    with Traffic(LAB, (HOST,), per_second=20) as traffic:
        traffic.wait_for(4)
    wait_until_queued(LAB, HOST, "deferred", len(traffic.accepted))
    hold(LAB, HOST)
    held = queued(LAB, HOST)
    reconnect(LAB, HOST)
    flush(LAB, HOST)
    ready.on_host('postsuper -d $(postqueue -j | head -n1 | sed \'s/.*"queue_id": "\\([^"]*\\)".*/\\1/\')')
    kept = queued(LAB, HOST)
    release(LAB, HOST)
    with pytest.raises(AssertionError, match=f"1 of {len(traffic.accepted)} messages did not reach"):
        arrived(LAB, traffic.tokens, timeout=3)
    inbox = Inbox(LAB)
    inbox.look()

    assert held == {"hold": len(traffic.accepted)}
    assert kept == {"hold": len(traffic.accepted) - 1}
    assert sum(token in inbox.found for token in traffic.tokens) == len(traffic.accepted) - 1


def test_a_message_that_is_not_taken_for_now_is_counted_and_tried_again(ready):
    with Traffic(LAB, (HOST,), per_second=20) as traffic:
        ready.on_host("chmod 0 /var/spool/postfix/opendkim/opendkim.sock")
        traffic.wait_until_deferred()
        ready.on_host("chmod 770 /var/spool/postfix/opendkim/opendkim.sock")
        traffic.wait_for(2)
        ready.on_host("systemctl stop postfix")
        traffic.wait_until_deferred(2)
        ready.on_host("systemctl start postfix")
        traffic.wait_for(2)

    texts = [event.text for event in traffic.deferred]
    assert any(text.startswith("45") for text in texts)
    assert any("refused" in text for text in texts)
    assert {event.token for event in traffic.deferred} <= set(traffic.tokens)
    assert_all_signed(arrived(LAB, traffic.tokens))


def test_a_message_that_is_refused_for_good_fails_the_traffic(ready):
    with (
        pytest.raises(AssertionError, match="was refused: 5"),
        Traffic(LAB, (HOST,), senders=("x@other.test",)) as traffic,
    ):
        wait_until(lambda: traffic.refused)
    assert ready.host == HOST


def test_a_host_whose_power_is_cut_is_gone_and_what_it_took_still_comes(ready):
    with Traffic(LAB, (HOST,), per_second=20, seconds=3) as traffic:
        traffic.wait_for(3)
        ready.cut_power()
        traffic.wait_until_deferred()
        ready.boot()
        traffic.wait_for(3)
    flush(LAB, HOST)

    assert_all_signed(arrived(LAB, traffic.tokens))


def test_a_broken_reload_fails_until_it_is_mended(ready):
    ready.break_reload()
    broken = ready.on_host("systemctl reload opendkim", check=False).returncode
    running = ready.on_host("systemctl is-active opendkim").stdout.strip()
    ready.mend_reload()

    assert (broken, running) == (1, "active")
    assert ready.on_host("systemctl reload opendkim").returncode == 0


def test_a_server_that_falls_behind_is_noticed_and_can_be_silent(ready):
    with StaleServer(LAB) as second:
        rich = ready.changed("two-servers", f"{second.code}\n{REPORTS}")
        second.freeze()
        stale = rich.killed_at(0, *SELF, seconds_to_be_seen=0)
        second.stop()
        silent = second.serials(5353)
        second.follow()
        seen = rich.killed_at(0, *SELF, seconds_to_be_seen=10)
        serials = second.serials(53), second.serials(5353)

    assert stale.status == 1
    assert f"_smtp._tls.shop.test TXT at {second.servers[1]}: missing (it answers nothing)" in stale.stderr
    assert "hosts were not touched" in stale.stderr
    assert seen.status == 0, seen.stderr
    assert serials[0] == serials[1]
    assert silent == second.serials(5353) == [None]


def test_an_inventory_may_have_two_hosts(ready):
    """Each with its own addresses and certificate; the second is empty yet."""
    ready.run("lab", "up", "--host", "mx1")
    two = project(ready.folder.parent / "two", LAB, HOST, "mx1")
    plan = two.json("plan")

    files = {host["host"]: {it["path"]: it["what"] for it in host["files"]} for host in plan["hosts"]}
    assert files["mx1"]["/etc/postfix/main.cf"] == "new"
    assert two.on_host("hostname", host="mx1").stdout == "mx1\n"
    pointed = {
        name for zone in plan["dns"]["zones"] for it in zone["additive"] for name in it["new"] if it["type"] == "PTR"
    }
    assert pointed == {"mx1.shop.test."}
