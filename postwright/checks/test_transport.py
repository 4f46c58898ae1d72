"""Whether mail leaves as receivers and the operator demand, and whether senders find our own demands."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPResponse, HTTPSConnection

import testinfra.host

from postwright.checks import facts, smtp
from postwright.checks.answers import last_line
from postwright.checks.deliveries import CLEAR, SHOWN, Left, deliveries
from postwright.checks.unknown import UnknownError
from postwright.dns.kinds import mta_sts
from postwright.model import Domain, Fleet, Host
from postwright.policy_hosts import policy_name
from postwright.services.outbound import ASKED, GATE_SOCKET, TABLE, outbound, policy_text, rows
from postwright.services.policies import PORT
from postwright.services.tls_gate import NOBODY, RESOLVER_SOCKET

On = Callable[[Host], testinfra.host.Host]
_GATE = f"socketmap:unix:{GATE_SOCKET}:{ASKED}"
_RESOLVER = f"socketmap:unix:{RESOLVER_SOCKET}:postfix"
_NOT_FOUND = 1  # postmap(1)
# Lanes and the like inherit main.cf's; gates speak to this host itself, relays and our own hosts have a level of their own.
_OWN_LEVEL = ("gate/unix/", "gate-", "relay-", "mailbox/unix/")
_LONGEST = 65_536  # octets of a policy (RFC 8461 §3.2)


def test_receivers_are_looked_up(mail_host: Host, fleet: Fleet, on: On) -> None:
    """Postfix encrypts by DANE, and asks the tables of the inventory, and no others, what receivers must show."""
    said = outbound(fleet)
    level, maps = (facts.setting(on(mail_host), name) for name in ("smtp_tls_security_level", "smtp_tls_policy_maps"))
    wanted = ", ".join(said.maps)

    assert level == said.level, f"smtp_tls_security_level is {level!r}, not {said.level!r}"
    assert maps == wanted, f"smtp_tls_policy_maps is {maps!r}, not {wanted!r}"


def test_no_transport_goes_its_own_way(mail_host: Host, on: On) -> None:
    """No transport of master.cf, such as a lane, has a level or tables of its own."""
    rows = on(mail_host).check_output("postconf -P").splitlines()
    own = [row for row in rows if "/smtp_tls_security_level" in row or "/smtp_tls_policy_maps" in row]
    wrong = [row for row in own if not row.startswith(_OWN_LEVEL)]

    assert not wrong, f"master.cf has {'; '.join(wrong)}"


def test_demands_are_in_force(mail_host: Host, fleet: Fleet, on: On) -> None:
    """What the inventory demands of a receiver is what Postfix finds, first, for its domain and for names below it."""
    wrong = []
    for name, policy in fleet.outbound_tls.policies.items():
        asked = f"some.host{name}" if name.startswith(".") else name
        found = on(mail_host).run(f"postmap -q {asked} regexp:{TABLE}")
        if found.stdout.strip() != policy_text(policy):
            wrong.append(f"{asked}: {found.stdout.strip() or last_line(found.stderr) or 'nothing'}")

    assert not wrong, f"for {'; '.join(wrong)}"


def test_demands_were_met(mail_host: Host, fleet: Fleet, on: On) -> None:
    """Whatever left within a day for receivers with a policy of the inventory left as that demands."""
    if not fleet.outbound_tls.policies:
        return
    shown = on(mail_host).run(SHOWN)
    if shown.rc:
        raise UnknownError(f"host {mail_host.name}: its log cannot be read: {last_line(shown.stderr)}")
    left = set(deliveries(shown.stdout.splitlines()))
    wrong = sorted(f"{it.domain} by {it.relay} ({it.trust})" for it in left if not _as_demanded(it, fleet))

    assert not wrong, f"not to {'; '.join(wrong)}"


def _as_demanded(left: Left, fleet: Fleet) -> bool:
    """Whether a message left as the policy for its receiver says; where there is none, any way will do."""
    found = (text for pattern, text in rows(fleet.outbound_tls.policies) if re.match(pattern, left.domain))
    demanded = next(found, None)
    if demanded is None:
        return True
    return left.trust != CLEAR if demanded == "encrypt" else left.trust == "Verified"


def test_policies_of_receivers_can_be_learnt(asking_host: Host, on: On) -> None:
    """The gate and the MTA-STS resolver answer; while they do not, all mail waits."""
    for who, table in (("the MTA-STS resolver", _RESOLVER), ("the gate", _GATE)):
        found = on(asking_host).run(f"postmap -q {NOBODY} {table}")
        said = last_line(found.stderr) or found.stdout.strip()

        assert (found.rc, said) == (_NOT_FOUND, ""), (
            f"{who} does not answer: {said}; see `journalctl -u postwright-tls-gate`"
        )


def test_enforced_policies_are_obeyed(asking_host: Host, fleet: Fleet, on: On) -> None:
    """To a domain of the inventory that enforces its policy, mail would leave verified only."""
    domains = [it for it in fleet.domains if it.mta_sts and it.mta_sts.mode == "enforce"]
    if not domains:
        return
    answers = {domain.name: on(asking_host).run(f"postmap -q {domain.name} {_GATE}") for domain in domains}
    weak = [name for name, it in answers.items() if not it.stdout.startswith(("secure ", "dane-only"))]

    assert not weak, f"not to {', '.join(weak)}: the policy cannot be fetched from this host, or is not announced yet"


def test_policy_is_served(policy_at: tuple[Host, Domain], fleet: Fleet, trust: ssl.SSLContext) -> None:
    """The host serves the inventory's MTA-STS policy, with a certificate for its name, and nothing else."""
    host, domain = policy_at
    (status, kind, text), (other, _, _) = _fetched(host, policy_name(domain), trust)

    assert status == 200, f"it answers {status}"
    assert kind.partition(";")[0] == "text/plain", f"as {kind}, which senders do not take"
    assert text == mta_sts.policy_text(fleet, domain), f"it serves {' '.join(text.split())!r}; an apply mends it"
    assert other == 404, f"https://{policy_name(domain)}/ answers {other}"


def _fetched(host: Host, name: str, trust: ssl.SSLContext) -> Iterator[tuple[int, str, str]]:
    """Status, type and content of the policy's path and of another, asked of this very host, whatever DNS says."""
    for path in (mta_sts.POLICY_PATH, "/"):
        connection = HTTPSConnection(name)
        with smtp.connecting(host, PORT) as address:
            opened = socket.create_connection((address, PORT), timeout=smtp.patience(address))
            with trust.wrap_socket(opened, server_hostname=name) as connection.sock:
                connection.request("GET", path)
                response = connection.getresponse()
                yield response.status, response.getheader("Content-Type", ""), _text(response)


def _text(response: HTTPResponse) -> str:
    return response.read(_LONGEST).decode(errors="replace")
