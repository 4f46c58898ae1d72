"""The keeper and the follower on a real host: real Postfix, real queue files, the real journal.

A lane leads to a sink on the host itself; what is held is held by what the sender is called.
"""

import base64
import io
import json
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from jinja2 import Template
from operators import lab_operator, leave

from postwright.lab import box, guest
from postwright.lab.layout import Layout

pytestmark = pytest.mark.lab

LAB, HOST = "lab2", "mx3"
LANE = "v4-192-0-2-10-google"
GATE = "gate:[127.0.0.1]:10026"
KEEPER = "postwright-pacing-keeper"
POSTWRIGHT = Path(__file__).parents[2] / "postwright"
POSTFIX = f"""
set -e
postconf -e myhostname=mx3.shop.test inet_interfaces=loopback-only enable_long_queue_ids=yes smtpd_tls_security_level=none \
  smtp_tls_security_level=none default_transport={LANE}:[127.0.0.1]:2525 {LANE}_destination_concurrency_limit=1 \
  'smtpd_restriction_classes=gated' 'gated=check_sender_access static:HOLD, check_sender_access static:{{FILTER {GATE}}}' \
  'smtpd_end_of_data_restrictions=check_sender_access inline:{{ {{hold@s.test=HOLD}}, {{gate@s.test=gated}} }}'
postconf -M '{LANE}/unix={LANE} unix - - y - - smtp -o syslog_name=postfix/{LANE}'
mkdir -p /etc/systemd/system/postfix.service.d
printf '[Service]\\nLogRateLimitIntervalSec=1s\\nLogRateLimitBurst=10000000\\n' >/etc/systemd/system/postfix.service.d/log.conf
systemctl daemon-reload
systemctl start postfix
systemd-run --quiet --unit=sink smtp-sink -u nobody 127.0.0.1:2525 1000
cat >/etc/systemd/system/{KEEPER}.service
printf '[Socket]\\nListenStream=/run/keeper.sock\\n' >/etc/systemd/system/{KEEPER}.socket
systemctl daemon-reload
systemctl start {KEEPER}.socket
"""
ASK = """
import asyncio, json, sys
from pacing.keeping import Keeper, KeeperError
async def main():
    keeper, verb, *ids = Keeper("/run/keeper.sock"), *json.load(sys.stdin)
    if verb == "held":
        return [name async for batch in keeper.held() for name in batch]
    found = await getattr(keeper, verb)(ids)
    return sorted(found) if isinstance(found, set) else found
print(json.dumps(asyncio.run(main())))
"""
# Notes what it is given and the cursor, on disk before it goes on; begins at the cursor of the last run.
FOLLOW = f"""
import asyncio, json, os, sys
from pacing.follow import Follower
notes = open("/root/notes", "a+")
notes.seek(0)
cursor = ([json.loads(line)["cursor"] for line in notes] or [None])[-1]
async def note(deliveries, cursor):
    print(json.dumps({{"cursor": cursor, "ids": [it.queue_id for it in deliveries if it.status == "sent"]}}), file=notes, flush=True)
asyncio.run(Follower(lambda: ["{LANE}", *(f"v4-192-0-2-{{n}}-other" for n in range(100))]).run(note, cursor))
"""

# All the journal has of the lane, and whether it is said to begin before now.
PAST = f"""
import asyncio, json, time
from pacing.follow import Follower
async def main():
    follower = Follower(lambda: ["{LANE}"])
    begins = await follower.begins()
    return [[it.queue_id for it in await follower.history(begins)], time.time() - 3600 < begins < time.time()]
print(json.dumps(asyncio.run(main())))
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A host with a running Postfix, the package, and the keeper behind its socket."""
    made = lab_operator(tmp_path_factory.mktemp("operator"), LAB, HOST)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for file in (POSTWRIGHT / "pacing").glob("*.py"):
            archive.add(file, f"pacing/{file.name}")
    text = base64.b64encode(packed.getvalue()).decode()
    box.run(LAB, HOST, "mkdir -p /opt/agent && base64 -d | tar -xzC /opt/agent", input=text)
    # With the sandbox a host has: what the keeper may not do there it may not do here.
    unit = Template((POSTWRIGHT / "templates/pacing/keeper.service.j2").read_text()).render(agent="/opt/agent")
    box.run(LAB, HOST, POSTFIX, input=unit)
    yield made
    leave(made)


@pytest.fixture(autouse=True)
def empty(host):
    """Each test begins with an empty queue and a Postfix that is idle."""
    host.on_host("postsuper -d ALL; find /var/spool/postfix/maildrop -type f -delete; rm -f /root/notes")


def ask(verb, *ids):
    """What the keeper answers to the agent's own client; of what was moved, done and gone."""
    told = box.run(LAB, HOST, ["env", "PYTHONPATH=/opt/agent", "python3", "-c", ASK], input=json.dumps([verb, *ids]))
    answer = json.loads(told.stdout)
    return answer[:2] if verb in ("release", "requeue", "hold") else answer


def send(host, sender, count):
    """Hand in so many messages; the ids in the order in which they came."""
    before = set(queue(host))
    host.on_host(f"smtp-source -f {sender} -t r@d.test -m {count} 127.0.0.1:25")
    arrived = sorted((it["arrival_time"], name) for name, it in queue(host).items() if name not in before)
    return sorted(name for _, name in arrived)  # long ids sort by time in ASCII order


def queue(host):
    shown = host.on_host("postqueue -j").stdout.splitlines()
    return {it["queue_id"]: it for it in map(json.loads, shown)}


def sent(host):
    """The ids of what was delivered, in the order of the log, each as often as it stands there."""
    shown = host.on_host(f"journalctl -o cat --no-pager SYSLOG_IDENTIFIER=postfix/{LANE}/smtp").stdout
    return [line.partition(":")[0] for line in shown.splitlines() if "status=sent" in line]


def noted(host):
    """What the follower was given over all its runs."""
    lines = host.on_host("cat /root/notes 2>/dev/null", check=False).stdout.splitlines()
    return [name for line in lines for name in json.loads(line)["ids"]]


def until(met):
    deadline = time.monotonic() + 60
    while not met():
        assert time.monotonic() < deadline, "it did not come about within a minute"
        time.sleep(0.1)


def start_follower(host):
    host.on_host(f"systemd-run --quiet --unit=follower -E PYTHONPATH=/opt/agent python3 -c '{FOLLOW}'")
    until(lambda: "--follow" in host.on_host("systemctl status follower | cat", check=False).stdout)


def stop_follower(host, signal="TERM"):
    host.on_host(
        f"systemctl kill --signal={signal} follower; sleep 0.2; systemctl stop follower; systemctl reset-failed",
        check=False,
    )


def test_held_mail_is_released_in_the_order_asked_and_what_is_not_on_hold_is_gone(host):
    ids = send(host, "hold@s.test", 20)
    order = ids[1::2] + ids[::2]
    answer = ask("release", *order, "4jXTpn62qqz5s", "ABCDEF0123")
    until(lambda: not queue(host))

    assert len(ids) == 20
    assert answer == [order, ["4jXTpn62qqz5s", "ABCDEF0123"]]
    assert [name for name in sent(host) if name in ids] == order
    assert ask("release", *order) == [[], order]


def test_a_release_cut_off_before_delivery_began_is_completed_when_asked_again(host):
    ids = send(host, "hold@s.test", 3)
    host.on_host(f"printf '%s\\n' {' '.join(ids)} | postsuper -H -")
    waiting = {it["queue_name"] for it in queue(host).values()}
    answer = ask("release", *ids)
    until(lambda: not queue(host))

    assert waiting == {"deferred"}
    assert answer == [[], ids]


def test_requeued_mail_is_taken_in_anew_and_leaves_under_another_id(host):
    ids = send(host, "hold@s.test", 3)
    before = len(sent(host))
    answer = ask("requeue", *ids, "4jXTpn62qqz5s")
    until(lambda: len(sent(host)) == before + 3)

    assert answer == [ids, ["4jXTpn62qqz5s"]]
    assert not set(sent(host)[before:]) & set(ids)
    assert ask("queued", *ids) == []


def test_messages_are_put_on_hold_listed_and_told_by_their_filter(host):
    host.on_host("systemctl stop sink")
    try:
        plain, gated = send(host, "x@s.test", 2), send(host, "gate@s.test", 2)
        until(lambda: {queue(host)[name]["queue_name"] for name in plain} == {"deferred"})
        answer = ask("hold", *plain, *gated, "4jXTpn62qqz5s")
    finally:
        host.on_host("systemctl reset-failed; systemd-run --quiet --unit=sink smtp-sink -u nobody 127.0.0.1:2525 1000")

    assert answer == [[*plain, *gated], ["4jXTpn62qqz5s"]]
    assert sorted(ask("held")) == sorted(plain + gated)
    assert ask("filters", *plain, *gated, "4jXTpn62qqz5s") == dict.fromkeys(plain, "") | dict.fromkeys(gated, GATE)
    assert ask("queued", *plain, "4jXTpn62qqz5s") == sorted(plain)


def test_what_is_no_request_is_refused_and_the_queue_left_alone(host):
    ids = send(host, "hold@s.test", 2)
    tried = (
        '{"do":"release","ids":["ALL"]}', '{"do":"release","ids":["-"]}', '{"do":"release","ids":["../hold/x"]}',
        '{"do":"delete","ids":[]}', f'{{"do":"release","ids":["{ids[0]}\\n"]}}', "[", '{"do":"release"}', "[" * 10000, "x" * 100000,
    )  # fmt: skip
    script = "import json,socket,sys\nfor it in json.load(sys.stdin):\n s=socket.socket(socket.AF_UNIX);s.connect('/run/keeper.sock')\n s.sendall(it.encode()+b'\\n');print(s.makefile().readline().strip())"
    told = box.run(LAB, HOST, ["python3", "-c", script], input=json.dumps(tried)).stdout.splitlines()

    assert [list(json.loads(line)) for line in told] == [["error"]] * len(tried)
    assert sorted(ask("held")) == ids


@pytest.mark.parametrize("depth", [None, 1, 2])
def test_twenty_thousand_held_messages_are_listed_each_once_in_hashed_folders_too(host, depth):
    if depth:
        host.on_host(
            f"postconf -e 'hash_queue_names=deferred defer hold' hash_queue_depth={depth} && systemctl restart postfix"
        )
    try:
        (one,) = send(host, "hold@s.test", 1)
        host.on_host(
            f"cd /var/spool/postfix/hold; f=$(find . -name {one}); "
            "python3 -c 'import os,sys; [os.link(sys.argv[1], f\"{os.path.dirname(sys.argv[1])}/4jXTpn{n:05d}z5s\") for n in range(20000)]' $f"
        )
        ids = ask("held")
        released = ask("release", one)
    finally:
        host.on_host(
            "find /var/spool/postfix/hold -type f -delete; postconf -X hash_queue_names hash_queue_depth; systemctl restart postfix"
        )

    assert len(ids) == 20_001
    assert len(set(ids)) == 20_001
    assert released == [[one], []]


def test_a_keeper_killed_while_it_releases_is_asked_again_and_each_message_leaves_once(host):
    ids = send(host, "hold@s.test", 150)
    argv = ["env", "PYTHONPATH=/opt/agent", "python3", "-c", ASK]
    first = subprocess.Popen(
        [*guest.entry(Layout.named(LAB), HOST), *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    first.stdin.write(json.dumps(["release", *ids]))
    first.stdin.close()
    until(lambda: len(set(ask("held"))) < len(ids))
    host.on_host(f"systemctl kill --signal=KILL {KEEPER}.service")
    ended = first.wait(60), first.stderr.read()
    answer = ask("release", *ids)
    until(lambda: not queue(host))

    assert ended[0] == 1
    assert "KeeperError" in ended[1]
    assert answer == [[], ids]
    assert sorted(name for name in sent(host) if name in ids) == ids


@pytest.mark.parametrize("signal", ["TERM", "KILL"])
def test_no_delivery_is_lost_or_told_twice_when_the_follower_or_journalctl_is_killed(host, signal):
    host.on_host("journalctl --rotate; journalctl --vacuum-time=1s -q")
    start_follower(host)
    host.on_host(
        "smtp-source -f x@s.test -t r@d.test -m 300 127.0.0.1:25 & for _ in 1 2 3 4 5; do sleep 0.3; pkill -KILL journalctl; done; wait"
    )
    stop_follower(host, signal)
    host.on_host("smtp-source -f x@s.test -t r@d.test -m 100 127.0.0.1:25; journalctl --rotate")
    start_follower(host)
    host.on_host("smtp-source -f x@s.test -t r@d.test -m 100 127.0.0.1:25")
    until(lambda: not queue(host))
    until(lambda: len(noted(host)) >= len(sent(host)))
    stop_follower(host)

    assert host.on_host("journalctl -o cat --no-pager").stdout.count("journalctl ended; it is started again") > 1
    assert len(sent(host)) == 500
    assert noted(host) == sent(host)


def test_a_cursor_that_was_vacuumed_away_is_told_and_what_the_journal_still_has_is_not_lost(host):
    start_follower(host)
    send(host, "x@s.test", 5)
    until(lambda: len(noted(host)) == 5)
    stop_follower(host)
    host.on_host(
        "smtp-source -f x@s.test -t r@d.test -m 5 127.0.0.1:25; sleep 1; journalctl --sync --rotate --vacuum-files=1 -q"
    )
    lost = sent(host)
    host.on_host("smtp-source -f x@s.test -t r@d.test -m 5 127.0.0.1:25; sleep 1; journalctl --sync --rotate")
    start_follower(host)
    host.on_host("smtp-source -f x@s.test -t r@d.test -m 5 127.0.0.1:25")
    until(lambda: len(noted(host)) >= 15)
    stop_follower(host)

    assert lost == []
    assert noted(host)[5:] == sent(host)
    assert "no longer has the line" in host.on_host("journalctl -o cat --no-pager").stdout


def test_what_anybody_else_logs_under_a_lanes_name_is_no_delivery(host):
    forged = "4jXTpn62qqz5s: to=<r@d.test>, relay=x[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, status=bounced (550 x)"
    start_follower(host)
    host.on_host(f"setpriv --reuid=nobody --regid=nogroup --clear-groups logger -t postfix/{LANE}/smtp '{forged}'")
    send(host, "x@s.test", 1)
    until(lambda: noted(host))
    stop_follower(host)
    past = box.run(LAB, HOST, ["env", "PYTHONPATH=/opt/agent", "python3", "-c", PAST]).stdout

    assert forged in host.on_host("journalctl -o cat --no-pager").stdout
    assert noted(host) == sent(host)[-1:]
    assert json.loads(past) == [sent(host), True]
