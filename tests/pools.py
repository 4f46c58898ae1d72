"""A lab host with two pools of addresses, mail of several streams to send by it, and a relay that wants a login.

Promise: whose stream a letter is of is known to the test alone; where it came from is what the receiver wrote down.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from dataclasses import dataclass

import dns.query
import dns.tsigkeyring
import dns.update
from operators import Operator
from paced import Paced
from posting import Post
from providers_of_mail import FOLDER, Providers

from postwright.lab import box, mail, state
from postwright.lab.content import put
from postwright.lab.layout import LAST_BYTE, MACHINE, SENDING_DOMAIN, Layout

SIX = "six.test"  # reached by IPv6 alone
USER = f"crm@{SENDING_DOMAIN}"
RELAY_PORT, RELAY_LOGIN, RELAY_PASSWORD = 465, "apikey", "a pass:word"
_SECOND, _THIRD = 100, 101  # beyond the host's own last byte
_MORE = 200  # the last byte of the first of those that make it sixteen

_ADDRESSES = """
cat >/etc/systemd/system/lab-pools.service <<'end'
[Unit]
DefaultDependencies=no
Before=network.target postfix.service postwright-pacing.service
[Service]
Type=oneshot
RemainAfterExit=yes
{added}
[Install]
WantedBy=sysinit.target
end
systemctl daemon-reload
systemctl enable --quiet --now lab-pools.service
"""

# What the test says of pacing goes to ``said``; ``without`` are addresses that are left out.
INVENTORY = """
_own = [it[0] for it in host["mail_host"]["addresses"]]
_helo = host["mail_host"]["addresses"][0][1]
host["mail_host"]["addresses"] = [
    it for it in (
        *({{"ip": ip, "helo": _helo, "warmup": "warm"}} for ip in _own),
        *({{"ip": ip, "helo": "news.shop.test", "warmup": "warm", "pool": "marketing"}} for ip in {marketing!r}),
    ) if it["ip"] not in {without!r}
]
host["mail_host"]["trusted_networks"] = [{network!r}]
fleet["logins"].append({{**fleet["logins"][0], "login": {user!r}}})
fleet["pacing"] = {said!r}
"""

_RELAY = f"""
import asyncio, base64, ssl, sys
from pathlib import Path
from provider_server import Session, World

class Relay(Session):
    async def on_ehlo(self, rest):
        self.helo = rest
        await self.say("250-relay\\n250 AUTH PLAIN")
    async def on_auth(self, rest):
        told = base64.b64decode(rest.split()[1]).split(b"\\0")[1:]
        self.known = told == [{RELAY_LOGIN.encode()!r}, {RELAY_PASSWORD.encode()!r}]
        await self.say("235 2.7.0 Ok" if self.known else "535 5.7.8 No")
    async def on_mail(self, rest):
        if not getattr(self, "known", False):
            return await self.say("530 5.7.0 Authentication required")
        return await super().on_mail(rest)

async def main(folder):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(folder / "relay.pem", folder / "relay.key")
    world = World(folder)
    async def met(reader, writer):
        await Relay(world, "relay", "relay", reader, writer).run()
        writer.close()
    server = await asyncio.start_server(met, sys.argv[2], {RELAY_PORT}, ssl=made)
    (folder / "relay-ready").touch()
    await server.serve_forever()

asyncio.run(main(Path(sys.argv[1])))
"""


@dataclass
class Pooled(Paced):
    """The host; ``marketing`` are the addresses of the second pool, two of IPv4 and one of IPv6."""

    @property
    def default(self):
        return self.layout.addresses(self.operator.host)

    @property
    def marketing(self):
        last = LAST_BYTE[self.operator.host]
        return self.layout.v4(last + _SECOND), self.layout.v4(last + _THIRD), self.layout.v6(last + _SECOND)

    @property
    def sixteen(self):
        """Addresses of that pool that make a host have as many in all as it may."""
        return (*self.marketing, *(self.layout.v4(_MORE + number) for number in range(11)))

    def prepare(self):
        added = "\n".join(
            f"ExecStart=ip address replace {ip}{_length(ip)} dev eth0{_at_once(ip)}" for ip in self.marketing
        )
        self.operator.on_host(_ADDRESSES.format(added=added))
        return self

    def add(self, ip):
        self.operator.on_host(f"ip address replace {ip}{_length(ip)} dev eth0{_at_once(ip)}")

    def remove(self, ip):
        self.operator.on_host(f"ip address delete {ip}{_length(ip)} dev eth0")

    def project(self, name, said, without=(), marketing=None) -> Operator:
        code = INVENTORY.format(
            marketing=marketing or self.marketing,
            without=without,
            network=f"{self.layout.v4(MACHINE)}/32",
            user=USER,
            said=said,
        )
        return self.operator.changed(name, code)

    def pool_of(self, attempt):
        """The pool whose address and HELO name a receiver saw; None if they do not belong together."""
        seen = attempt["client"], attempt["helo"]
        pools = {(ip, f"{self.operator.host}.shop.test"): "default" for ip in self.default}
        pools |= {(ip, "news.shop.test"): "marketing" for ip in self.sixteen}
        return pools.get(seen)


def _length(ip):
    return "/64" if ":" in ip else "/24"


def _at_once(ip):
    return " nodad" if ":" in ip else ""


@dataclass
class StreamPost(Post):
    """Letters of one stream: by their sender, with a login, or with a header."""

    login: str = ""
    header: str = ""

    def _connected(self):
        if self._client is None and self.login:
            described = state.load(self.lab)
            context = mail._Named(ssl.PROTOCOL_TLS_CLIENT)
            context.name = f"{self.host}.{SENDING_DOMAIN}"
            context.load_verify_locations(described.ca_certificate)
            client = smtplib.SMTP_SSL(described.hosts[self.host].ipv4, mail.IMPLICIT_TLS, timeout=20, context=context)
            client.login(self.login, described.submission.password_file.read_text().strip())
            self._client = client
        return super()._connected()

    def _text(self, letter):
        return f"{self.header}\r\n".encode() * bool(self.header) + super()._text(letter)


@dataclass
class PoolProviders(Providers):
    """One provider more, which has IPv6 alone, and a relay that wants a login."""

    def start(self):
        super().start()
        layout = Layout.named(self.lab)
        six = layout.v6(135)
        who = json.loads((self.folder / "who.json").read_text()) | {"six": (f"mx.{SIX}", six)}
        put(self.folder / "who.json", json.dumps(who))
        tls = state.load(self.lab).tls["mx1"]
        put(self.folder / "relay.pem", tls.certificate.read_bytes())
        put(self.folder / "relay.key", tls.key.read_bytes())
        put(self.folder / "relay.py", _RELAY)
        box.run(
            self.lab,
            "receiver",
            f"set -e\nip address replace {six}/64 dev eth0 nodad\nip address replace {self.relay}/24 dev eth0\nsystemctl stop providers-of-mail\n"
            f"systemd-run --quiet --collect --unit=providers-of-mail python3 /{FOLDER}/provider_server.py /{FOLDER}\n"
            f"systemd-run --quiet --collect --unit=relay python3 /{FOLDER}/relay.py /{FOLDER} {self.relay}\n"
            f"for i in $(seq 100); do test -e /{FOLDER}/relay-ready && break; sleep 0.1; done\n",
        )
        update = dns.update.UpdateMessage("test.", keyring=self._key(), keyalgorithm=dns.tsig.HMAC_SHA256)
        update.replace(f"{SIX}.", 5, "MX", f"10 mx.{SIX}.")
        update.replace(f"mx.{SIX}.", 5, "AAAA", six)
        dns.query.tcp(update, state.load(self.lab).nameserver, timeout=10)
        return self

    @property
    def relay(self):
        return Layout.named(self.lab).v4(137)
