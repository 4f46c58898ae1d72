"""Receivers of a lab that demand proof of themselves by DANE, by MTA-STS or by agreement, and fail or pass on command.

``Secured.start`` gives the lab's receiver an address for each, publishes them below ``test.`` (with DNSSEC), and has the
sender trust the authority that issued their certificates. `lab down` undoes it all.
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

from postwright.lab import box, certificates, guest, state
from postwright.lab.content import put
from postwright.lab.layout import Layout

FOLDER = "srv/secured"
SERVER = Path(__file__).with_name("tls_receiver.py")
_UNIT = "secured-receivers"
_TTL = 5


@dataclass(frozen=True)
class Receiver:
    """The last byte of its address, and how it asks for proof. ``sts``: the mode of its MTA-STS policy."""

    last: int
    dane: bool = False
    sts: str = ""


KNOWN = {
    "dane.test": Receiver(41, dane=True),
    "sts.test": Receiver(42, sts="enforce"),
    "both.test": Receiver(43, dane=True, sts="enforce"),
    "trial.test": Receiver(44, sts="testing"),
    "partner.test": Receiver(45),
    "deep.partner.test": Receiver(46),
    "plain.test": Receiver(47),
}


@dataclass
class Secured:
    """The receivers of a lab."""

    lab: str
    authority: certificates.Issued = field(default_factory=certificates.authority)
    _who: dict[str, dict] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return guest.root(Layout.named(self.lab), "receiver") / FOLDER

    def address(self, domain):
        return Layout.named(self.lab).v4(KNOWN[domain].last)

    def start(self, sender):
        """Be there, in DNS too, and be known to the sender's system by the authority."""
        put(self.folder / SERVER.name, SERVER.read_text())
        for domain, it in KNOWN.items():
            self._make(domain, it)
        self._tell()
        own = ", ".join((*Layout.named(self.lab).addresses("receiver"), "127.0.0.1"))
        added = "".join(f"ip address replace {self.address(domain)}/24 dev eth0\n" for domain in KNOWN)
        box.run(
            self.lab, "receiver",
            f"set -e\n{added}postconf -e 'inet_interfaces = {own}'\nsystemctl restart postfix\n"
            f"systemd-run --quiet --collect --unit={_UNIT} python3 /{FOLDER}/{SERVER.name} /{FOLDER}\n",
        )  # fmt: skip
        self._publish()
        self._be_trusted(sender)
        deadline = time.monotonic() + 20
        while not (self.folder / "ready").exists():
            assert time.monotonic() < deadline, box.run(self.lab, "receiver", f"journalctl -u {_UNIT}").stdout[-2000:]
            time.sleep(0.05)
        return self

    def _make(self, domain, it):
        """Certificates of one authority: a good one, one for another name, and one for its name with another key."""
        right, wrong = (certificates.issue(self.authority, name) for name in (f"mx.{domain}", f"mx.not-{domain}"))
        renewed = certificates.issue(self.authority, f"mx.{domain}")
        put(self.folder / f"{domain}.renewed.pem", renewed.certificate_pem + renewed.key_pem)
        put(self.folder / f"{domain}.right.pem", right.certificate_pem + right.key_pem)
        put(self.folder / f"{domain}.wrong.pem", wrong.certificate_pem + wrong.key_pem)
        self._who[self.address(domain)] = {"name": f"mx.{domain}", "pair": f"{domain}.right.pem", "domain": domain}
        if it.sts:
            own = certificates.issue(self.authority, f"mta-sts.{domain}")
            put(self.folder / f"{domain}.policy.pem", own.certificate_pem + own.key_pem)
            text = f"version: STSv1\r\nmode: {it.sts}\r\nmx: mx.{domain}\r\nmax_age: 86400\r\n"
            self._who[self.address(domain)] |= {"policy_pair": f"{domain}.policy.pem", "policy": text}

    def _tell(self):
        put(self.folder / "who.json", json.dumps(self._who))

    def shows(self, domain, pair):
        """From now on it shows its ``right`` certificate, the ``wrong`` or ``renewed`` one, or None: it offers no TLS."""
        self._who[self.address(domain)]["pair"] = pair and f"{domain}.{pair}.pem"
        self._tell()

    def _publish(self):
        update = dns.update.UpdateMessage("test.", keyring=self._key(), keyalgorithm=dns.tsig.HMAC_SHA256)
        for domain, it in KNOWN.items():
            update.replace(f"{domain}.", _TTL, "MX", f"10 mx.{domain}.")
            update.replace(f"mx.{domain}.", _TTL, "A", self.address(domain))
            if it.dane:
                right = (self.folder / f"{domain}.right.pem").read_bytes()
                update.replace(f"_25._tcp.mx.{domain}.", _TTL, "TLSA", certificates.tlsa_3_1_1(right))
            if it.sts:
                update.replace(f"_mta-sts.{domain}.", _TTL, "TXT", '"v=STSv1; id=1;"')
                update.replace(f"mta-sts.{domain}.", _TTL, "A", self.address(domain))
        answer = dns.query.tcp(update, state.load(self.lab).nameserver, timeout=10)
        assert answer.rcode() == dns.rcode.NOERROR, answer

    def _be_trusted(self, sender):
        store = guest.root(Layout.named(self.lab), sender) / "usr/local/share/ca-certificates"
        store.mkdir(parents=True, exist_ok=True)
        put(store / "receivers.crt", self.authority.certificate_pem)
        box.run(self.lab, sender, "if command -v update-ca-certificates; then update-ca-certificates; fi")

    def _key(self):
        tsig = state.load(self.lab).tsig
        return dns.tsigkeyring.from_text({tsig.name: tsig.secret_file.read_text().strip()})

    def taken(self):
        """Recipient → the TLS versions its messages came by, None for one that came in clear."""
        book = self.folder / "taken"
        found: dict[str, list] = {}
        for line in book.read_text().splitlines() if book.exists() else ():
            said = json.loads(line)
            found.setdefault(said["to"], []).append(said["tls"])
        return found
