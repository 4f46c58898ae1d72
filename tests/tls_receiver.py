"""Mail servers that prove themselves well or badly, and the web servers of their MTA-STS policies.

    python3 tls_receiver.py FOLDER     # runs on the lab's receiver; the standard library is enough

FOLDER/who.json says for each address what is there; it is read again for every connection:

    {"10.78.3.41": {"name": "mx.sts.test", "pair": "good.pem", "policy": "version: STSv1\\r\\n…"}}

``pair``: certificate and key in one file of FOLDER, None where STARTTLS is not offered; ``policy`` is served over HTTPS on
443 with ``policy_pair``. Promise: each message taken is a JSON line in FOLDER/taken before the client hears of it, with the
TLS version it came by, or null if it came in clear.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from pathlib import Path


class Receivers:
    """All of them."""

    def __init__(self, folder: Path):
        self.folder = folder

    def at(self, address):
        return json.loads((self.folder / "who.json").read_text())[address]

    def context(self, pair):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.folder / pair)
        return made

    async def run(self):
        servers = []
        for address, said in json.loads((self.folder / "who.json").read_text()).items():
            servers.append(await asyncio.start_server(self.smtp, address, 25))
            if "policy_pair" in said:
                servers.append(
                    await asyncio.start_server(self.https, address, 443, ssl=self.context(said["policy_pair"]))
                )
        (self.folder / "ready").touch()
        await asyncio.gather(*(server.serve_forever() for server in servers))

    async def https(self, reader, writer):
        address = writer.get_extra_info("sockname")[0]
        request = await reader.readuntil(b"\r\n\r\n")
        found = request.startswith(b"GET /.well-known/mta-sts.txt ")
        text = self.at(address)["policy"].encode() if found else b""
        status = b"200 OK" if found else b"404 Not Found"
        writer.write(b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(text), text))  # fmt: skip
        await writer.drain()
        writer.close()

    async def smtp(self, reader, writer):
        said = self.at(writer.get_extra_info("sockname")[0])
        try:
            await self.session(said, reader, writer)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def session(self, said, reader, writer):
        async def say(text):
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        to = ""
        await say(f"220 {said['name']} ESMTP")
        while line := await reader.readline():
            verb = line.decode(errors="replace").strip().upper()
            if verb.startswith("EHLO"):
                offers = said["pair"] and writer.get_extra_info("ssl_object") is None
                await say(f"250-{said['name']}\r\n" + ("250-STARTTLS\r\n" if offers else "") + "250 8BITMIME")
            elif verb == "STARTTLS" and said["pair"]:
                await say("220 2.0.0 go on")
                await writer.start_tls(self.context(said["pair"]))
            elif verb == "DATA":
                await say("354 go on")
                await reader.readuntil(b"\r\n.\r\n")
                self.note(to, writer)
                await say("250 2.0.0 OK")
            elif verb == "QUIT":
                return await say("221 2.0.0 bye")
            else:
                to = verb.partition("RCPT TO:<")[2].partition(">")[0].lower() or to
                await say("250 2.0.0 OK")
        return None

    def note(self, to, writer):
        secured = writer.get_extra_info("ssl_object")
        with (self.folder / "taken").open("a") as book:
            book.write(json.dumps({"to": to, "tls": secured and secured.version()}) + "\n")


if __name__ == "__main__":
    asyncio.run(Receivers(Path(sys.argv[1])).run())
