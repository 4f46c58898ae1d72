"""Mailbox providers in a lab: real MX names that lead to servers of ours, which answer as real providers do.

``Providers.start`` gives the lab's receiver one address per provider, makes the lab's resolver answer for the zones of
their MX hosts, and gives each a customer's domain under ``test.`` (with DNSSEC, by update, as an operator would).
Nothing of the lab's own files is changed: `lab down` or a reboot of the resolver and the receiver undoes it all.

Promise: ``attempts`` is what the servers wrote before they answered (see ``provider_server.py``); nothing is read from
the sender, which is what is on trial.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

from postwright.lab import box, guest, state
from postwright.lab.content import put
from postwright.lab.layout import Layout

FOLDER = "srv/providers"
SERVER = Path(__file__).with_name("provider_server.py")
_POLL = 0.02
_UNIT = "providers-of-mail"


@dataclass(frozen=True)
class Known:
    """A provider of the lab: the last byte of its address, its MX host, a domain of its customers, and that zone's apex."""

    last: int
    exchanger: str
    domain: str
    zone: str


KNOWN = {
    "google": Known(31, "aspmx.l.google.com", "workspace-customer.test", "google.com"),
    "microsoft365": Known(
        32, "m365-customer-test.mail.protection.outlook.com", "m365-customer.test", "protection.outlook.com"
    ),
    "yahoo": Known(33, "mta5.am0.yahoodns.net", "yahoo-user.test", "yahoodns.net"),
    "outlook": Known(34, "outlook-com.olc.protection.outlook.com", "outlook-user.test", "protection.outlook.com"),
    "other": Known(35, "mx.independent.test", "independent.test", "test"),
    "sink": Known(
        36, "mx.sink.test", "sink.test", "test"
    ),  # an address to run one's own server on: Postfix's smtp-sink
}
_SECOND_GOOGLE = "alt1.aspmx.l.google.com"  # every MX of a domain must be the provider's

# As their servers write them; [IP] becomes the client's address. RFC 5321 §4.2.1: several lines, the last one without -.
UNUSUAL_RATE = (
    "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n"
    "421-4.7.28 from your IP address. To protect our users from spam, mail sent from\n"
    "421-4.7.28 your IP address has been temporarily rate limited. For more\n"
    "421-4.7.28 information, go to\n"
    "421-4.7.28  https://support.google.com/mail/?p=UnsolicitedRateLimitError to\n"
    "421 4.7.28 review our Bulk Email Senders Guidelines. 5b1f17b1804b1-47 - gsmtp"
)
REPUTATION = (
    "451 4.7.650 The mail server [IP] has been temporarily rate limited due to IP reputation. For e-mail delivery "
    "information, see https://postmaster.live.com (S775) [Name=Protocol Filter Agent][AGT=PFA]"
    "[MxId=11BA6A4F40F0A6C9] [BL02EPF0001A0FD.eurprd03.prod.outlook.com 2026-11-22T10:00:00.000Z 08DE1F0A]"
)
DEFERRED_TSS04 = (
    "421 4.7.0 [TSS04] Messages from [IP] temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; "
    "see https://postmaster.yahooinc.com/error-codes"
)


@dataclass
class Providers:
    """The providers of a lab; ``conduct`` is what each was told last."""

    lab: str
    conduct: dict[str, dict] = field(default_factory=dict)
    _read: int = 0
    _attempts: list[dict] = field(default_factory=list, repr=False)

    @property
    def folder(self) -> Path:
        return guest.root(Layout.named(self.lab), "receiver") / FOLDER

    def address(self, provider):
        return Layout.named(self.lab).v4(KNOWN[provider].last)

    def start(self):
        """Take the addresses, serve on them, and be found in DNS."""
        who = {name: (it.exchanger, self.address(name)) for name, it in KNOWN.items() if name != "sink"}
        put(self.folder / "who.json", json.dumps(who))
        put(self.folder / SERVER.name, SERVER.read_text())
        (self.folder / "attempts").touch()
        box.run(self.lab, "receiver", self._script())
        self._describe()
        deadline = time.monotonic() + 20
        while not (self.folder / "ready").exists():
            assert time.monotonic() < deadline, box.run(self.lab, "receiver", f"journalctl -u {_UNIT}").stdout[-2000:]
            time.sleep(_POLL)
        return self

    def _script(self):
        """The receiver's own Postfix leaves the new addresses to others."""
        own = ", ".join((*Layout.named(self.lab).addresses("receiver"), "127.0.0.1"))
        added = "".join(f"ip address replace {self.address(name)}/24 dev eth0\n" for name in KNOWN)
        return (
            f"set -e\n{added}postconf -e 'inet_interfaces = {own}'\nsystemctl restart postfix\n"
            f"systemctl stop {_UNIT} 2>/dev/null || true\nsystemd-run --quiet --collect --unit={_UNIT} python3 /{FOLDER}/{SERVER.name} /{FOLDER}\n"
        )

    def _describe(self):
        """Customers' domains go to the signed zone; what belongs to the providers is answered by the resolver itself."""
        update = dns.update.UpdateMessage("test.", keyring=self._key(), keyalgorithm=dns.tsig.HMAC_SHA256)
        for name, it in KNOWN.items():
            update.replace(f"{it.domain}.", 5, "MX", f"10 {it.exchanger}.")
            if it.zone == "test":
                update.replace(f"{it.exchanger}.", 5, "A", self.address(name))
        update.add(f"{KNOWN['google'].domain}.", 5, "MX", f"20 {_SECOND_GOOGLE}.")
        answer = dns.query.tcp(update, state.load(self.lab).nameserver, timeout=10)
        assert answer.rcode() == dns.rcode.NOERROR, answer
        box.run(self.lab, "ns", "\n".join(("set -e", *self._local_data())))

    def _local_data(self):
        control = "unbound-control -q -s /run/unbound.ctl"
        hosts = {it.exchanger: name for name, it in KNOWN.items() if it.zone != "test"} | {_SECOND_GOOGLE: "google"}
        for zone in {KNOWN[name].zone for name in hosts.values()}:
            yield f"{control} local_zone {zone}. static"
        for host, name in hosts.items():
            yield f"{control} local_data {host}. 5 IN A {self.address(name)}"

    def _key(self):
        tsig = state.load(self.lab).tsig
        return dns.tsigkeyring.from_text({tsig.name: tsig.secret_file.read_text().strip()})

    def behave(self, provider, **conduct):
        """From now on this provider is like that; without any word it takes all mail."""
        self.conduct[provider] = conduct
        put(self.folder / "conduct.json", json.dumps(self.conduct))

    def attempts(self) -> list[dict]:
        """All attempts so far, in the order they were answered; a list that grows."""
        with (self.folder / "attempts").open("rb") as book:
            book.seek(self._read)
            for line in book:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                self._attempts.append(json.loads(line))
        return self._attempts

    def taken(self) -> list[dict]:
        return [it for it in self.attempts() if it["taken"]]

    def wait_until_taken(self, number, provider=None, timeout=60.0):
        """Until so many messages, of one provider or all, were delivered since the start."""
        self.wait_until(lambda _: self._count(provider) >= number, timeout)

    def wait_until(self, enough, timeout=60.0):
        """Until the attempts, all of them, are what was waited for."""
        deadline = time.monotonic() + timeout
        while not enough(self.attempts()):
            assert time.monotonic() < deadline, f"not within {timeout:g} s; {self._count(None)} were delivered in all"
            time.sleep(_POLL)

    def _count(self, provider):
        return sum(provider in {None, it["provider"]} for it in self.taken())
