"""Pacing: everything that leaves is asked about, by the lanes and within the budgets of the inventory, and nothing is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import testinfra.host

from postwright.checks import facts
from postwright.checks.answers import last_line
from postwright.checks.ssh import release_of
from postwright.checks.unknown import UnknownError
from postwright.gates import GATE, GATE_PORT, gates
from postwright.hosts.remote import command
from postwright.lanes import POLICY_SOCKET, lanes, pacing_of
from postwright.mailboxes import held_elsewhere
from postwright.model import Fleet, Host
from postwright.pacing.plans import Limits
from postwright.services.pacing import KEEPER_SOCKET, USER
from postwright.services.postfix import PROOF_PORT, unit
from postwright.values import duration

On = Callable[[Host], testinfra.host.Host]

# Mail to the host itself is never counted, so this question spends nothing.
_QUESTION = """python3 - <<'end'
import socket
agent = socket.socket(socket.AF_UNIX)
agent.settimeout(10)
agent.connect({socket!r})
agent.sendall(b"request=smtpd_access_policy\\nprotocol_state=END-OF-MESSAGE\\nprotocol_name=ESMTP\\nqueue_id=verify\\ninstance=verify\\n"
              b"sender=\\nrecipient=postmaster@{name}\\nrecipient_count=1\\nclient_address=127.0.0.1\\nserver_port=25\\n\\n")
print(agent.makefile().readline().strip())
end"""
_KNOCK = """python3 - <<'end'
import os, pwd, socket
os.setuid(pwd.getpwnam("nobody").pw_uid)
try:
    socket.create_connection(({address!r}, {port}), timeout=5)
    print("was let in")
except ConnectionRefusedError:
    print("refused")
end"""
# What Postfix does before it connects to anybody, to see that the address is here and the kernel leaves it as it is.
_LEAVE = """python3 - <<'end'
import socket
for ip in {addresses!r}:
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as made, socket.socket(made.family) as there:
        try:
            made.bind((ip, 0))
            there.bind((ip, 0))
            there.listen()
            made.connect(there.getsockname())
            seen = there.accept()[0].getpeername()[0]
            print(ip, "" if seen == ip else f"is seen as {{seen}}", sep="\\t")
        except OSError as error:
            print(ip, error.strerror, sep="\\t")
end"""
_LINES = 1_000_000  # of Postfix that journald must take in a second, at least
_ELSEWHERE = (
    "transport_maps relayhost content_filter sender_dependent_default_transport_maps sender_dependent_relayhost_maps "
    "smtp_fallback_relay"
)


def test_agent_answers_postfix(paced_host: Host, on: On) -> None:
    """The pacing agent answers Postfix's question about a message."""
    asked = on(paced_host).run(_QUESTION.format(socket=POLICY_SOCKET, name=paced_host.fqdn))

    assert asked.rc == 0, last_line(asked.stderr)
    assert asked.stdout.strip() == "action=DUNNO", f"it says {asked.stdout.strip()[:80]!r} of mail to the host itself"


def test_postfix_asks_about_all_mail(paced_host: Host, on: On) -> None:
    """Whatever way a message comes in by, Postfix asks the agent about it; only the proof port's mail, which never leaves, is left out."""
    asked = _setting(on(paced_host), "smtpd_end_of_data_restrictions")
    others = on(paced_host).check_output("postconf -P '*/*/smtpd_end_of_data_restrictions'").split("\n")

    assert "unix:pacing/policy.sock" in asked, f"smtpd_end_of_data_restrictions is {asked!r}"
    assert [it.strip() for it in others] == [f"127.0.0.1:{PROOF_PORT}/inet/smtpd_end_of_data_restrictions ="], (
        "; ".join(others)
    )


def test_each_stream_has_its_gate(paced_host: Host, fleet: Fleet, on: On) -> None:
    """What is known to be of a stream comes back to the agent by the stream's own gate, and Postfix holds it so while the agent is away."""
    shown = on(paced_host).check_output("postconf -P '*/inet/pace_gate'").splitlines()
    said = dict(line.split(" = ", 1) for line in shown if " = " in line)
    expected = {
        f"{gate.address}:{GATE_PORT}/inet/pace_gate": f"check_client_access static:{{FILTER {gate.filter}}}"
        for gate in gates(pacing_of(fleet))
    }

    assert said == expected, f"gates that differ: {', '.join(sorted(dict(said.items() ^ expected.items())))}"


def test_what_has_no_lane_passes_the_gate(paced_host: Host, fleet: Fleet, on: On) -> None:
    """Mail that nobody has asked about yet goes to the agent, and there is no way around it."""
    transport = _setting(on(paced_host), "default_transport")
    shown = on(paced_host).check_output(f"postconf -hx {_ELSEWHERE}").split()
    # Mail for mailboxes of our own other hosts is not paced.
    ours = ["texthash:/etc/postfix/mailbox_transport"] if held_elsewhere(fleet, paced_host) else []
    ways = [way for way in shown if way not in ours]

    assert transport == GATE, f"default_transport is {transport!r}"
    assert ways == [], f"mail is led elsewhere by {' '.join(ways)}"


def test_only_postfix_comes_in_by_the_gate(paced_host: Host, fleet: Fleet, on: On) -> None:
    """No other user of the host reaches a gate, where mail is no longer signed."""
    for address in ("127.0.0.1", *(gate.address for gate in gates(pacing_of(fleet)))):
        tried = on(paced_host).run(_KNOCK.format(address=address, port=GATE_PORT))

        assert tried.stdout.strip() == "refused", (
            f"user nobody {last_line(tried.stdout + tried.stderr)} on {address}:{GATE_PORT}"
        )


def test_each_lane_has_its_address(paced_host: Host, fleet: Fleet, on: On) -> None:
    """Postfix has a transport for each address and provider, and it sends from that address alone."""
    shown = (
        on(paced_host).check_output("postconf -P '*/unix/smtp_bind_address' '*/unix/smtp_bind_address6'").splitlines()
    )
    bound = dict(line.split(" = ", 1) for line in shown if " = " in line)
    wrong = []
    for lane in lanes(fleet, paced_host):
        key = "smtp_bind_address" if lane.address.ip.version == 4 else "smtp_bind_address6"
        if bound.get(f"{lane.name}/unix/{key}") != str(lane.address.ip):
            wrong.append(lane.name)

    assert shown, "no transport has an address"
    assert not wrong, f"not bound to its address: {', '.join(wrong)}"


def test_each_address_is_on_the_host(paced_host: Host, on: On) -> None:
    """A connection can be begun from each address, and is seen to come from it, before it leaves the host."""
    ours = [str(address.ip) for address in paced_host.addresses]
    tried = on(paced_host).run(_LEAVE.format(addresses=ours))
    said = dict(line.split("\t", 1) for line in tried.stdout.splitlines())

    assert said.keys() == set(ours), last_line(tried.stderr)
    assert not any(said.values()), "; ".join(f"{ip}: {what}" for ip, what in said.items() if what)


def test_keeper_is_for_the_agent_alone(paced_host: Host, on: On) -> None:
    """What moves mail as root can be asked by root and the agent only."""
    found = on(paced_host).run(f"stat -c '%a %U %G' {KEEPER_SOCKET}")

    assert found.rc == 0, last_line(found.stderr)
    assert found.stdout.strip() == f"660 root {USER}", f"its socket is {found.stdout.strip()}"


def test_agent_goes_by_the_inventory(paced_host: Host, fleet: Fleet, on: On) -> None:
    """The agent has the lanes of the inventory, each with the plan of its address and the budget of its stage."""
    told = {it["lane"]: it for it in _status(paced_host, on)["lanes"]}
    expected = {lane.name: lane for lane in lanes(fleet, paced_host)}

    assert told.keys() == expected.keys(), f"lanes that differ: {', '.join(sorted(told.keys() ^ expected.keys()))}"
    for name, lane in expected.items():
        warmup = lane.address.warmup
        plan = warmup and warmup.plan and pacing_of(fleet).plan(warmup.plan)
        said = told[name]
        assert said["plan"] == (plan.name if plan else None), f"{name} follows {said['plan'] or 'no plan'}"
        stage = said["stage"]
        limits = plan.limits(stage - 1, lane.provider.name) if plan and stage != "warm" else Limits(None, None)
        assert (said["limits"]["hour"], said["limits"]["day"]) == (limits.hour, limits.day), (
            f"{name} may send {said['limits']}"
        )


def test_agent_has_no_problem(paced_host: Host, on: On) -> None:
    """The agent knows of nothing that is wrong."""
    problems = _status(paced_host, on)["problems"]

    assert not problems, "; ".join(map(str, problems))


def test_held_mail_is_not_forgotten(paced_host: Host, fleet: Fleet, on: On) -> None:
    """No message has waited for its budget longer than others may stay in the queue."""
    status = _status(paced_host, on)
    longest = duration(fleet.policies.queue_lifetime)
    late = [
        f"{it['lane']} ({it['held']} held, the oldest for {timedelta(seconds=int(status['clock']['wall'] - it['oldest_held']))})"
        for it in status["lanes"]
        if it["held"] and it["oldest_held"] and status["clock"]["wall"] - it["oldest_held"] > longest.total_seconds()
    ]

    assert not late, f"{', '.join(late)}; see `postwright warmup status`"


def test_log_is_whole(paced_host: Host, on: On) -> None:
    """The journal drops no line of Postfix, from which the agent learns what became of each message."""
    there = on(paced_host)
    name = unit(release_of(there))
    burst = there.run(f"readlink /run/systemd/units/log-rate-limit-burst:{name}").stdout.strip()

    assert int(burst or 0) >= _LINES, (
        f"journald may drop lines of {name}; restart it, so that it takes up its LogRateLimitBurst: `systemctl restart {name}`"
    )


def _status(host: Host, on: On) -> dict[str, Any]:
    """What the agent says of itself; UnknownError if it cannot be asked."""
    asked = on(host).run(command("pacing", {"requests": [{"do": "status"}]}))
    if asked.rc:
        raise UnknownError(f"host {host.name}: {last_line(asked.stderr)}")
    told = json.loads(asked.stdout)
    if told["failed"]:
        raise UnknownError(f"host {host.name}: {told['failed']}")
    status: dict[str, Any] = told["answers"][0]
    return status


def _setting(there: testinfra.host.Host, name: str) -> str:
    return facts.setting(there, name)
