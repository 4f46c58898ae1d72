"""Mailbox providers as a warming sender meets them: an SMTP server for each, on addresses of its own.

    python3 provider_server.py FOLDER     # runs on the lab's receiver; the standard library is enough

FOLDER/who.json says which provider answers on which address. FOLDER/conduct.json says how each behaves; it is read again
whenever it has changed:

    {"google": {"per_minute": 20, "at": "end", "texts": ["421-4.7.28 …\\n421 4.7.28 …"], "delay": 0.0}}

``per_minute`` None takes all mail, 0 none; a message beyond it gets one of ``texts`` (in turn) ``at`` the greeting
("connect"), "mail", "rcpt" or the "end" of its data, and with a 421 the connection ends; a rate is that of the last 60
seconds. ``[IP]`` in a text becomes the client's
address. After ``delay`` seconds a message is answered.

Promise: each answer to a message, and each that turned one away, is a JSON line in FOLDER/attempts before the client can
see it. Delivered is what has a line with ``"taken": true``.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections import deque
from pathlib import Path

PORT = 25
LINE = 1 << 20
TOKEN = re.compile(rb"^Message-ID:\s*<([^@>\s]+)@", re.IGNORECASE | re.MULTILINE)
HOP = re.compile(rb"^Received: .*?\sid\s+(\w+)", re.DOTALL | re.MULTILINE)  # the last one first


class Conduct:
    """How providers behave now."""

    def __init__(self, file: Path):
        self.file, self.read, self.said, self.taken, self.refused = file, None, {}, {}, {}

    def of(self, provider):
        state = self.file.stat() if self.file.exists() else None
        now = state and (state.st_mtime_ns, state.st_ino)
        if now != self.read:
            self.read, self.said = now, json.loads(self.file.read_text()) if state else {}
        return self.said.get(provider, {})

    def turned_away(self, provider, where):
        """The text for a message that is too much at this point of its session; None if it may go on."""
        conduct = self.of(provider)
        limit = conduct.get("per_minute")
        if limit is None or conduct.get("at", "end") != where or self._lately(provider) < limit:
            return None
        turn = self.refused[provider] = self.refused.get(provider, -1) + 1
        return conduct["texts"][turn % len(conduct["texts"])]

    def took(self, provider):
        self.taken.setdefault(provider, deque()).append(time.monotonic())

    def _lately(self, provider):
        taken = self.taken.setdefault(provider, deque())
        while taken and taken[0] < time.monotonic() - 60:
            taken.popleft()
        return len(taken)


class Session:
    """One connection of a client; PIPELINING and 8BITMIME are offered, TLS is not."""

    def __init__(self, world, provider, host, reader, writer):
        self.world, self.provider, self.host, self.reader, self.writer = world, provider, host, reader, writer
        self.client = writer.get_extra_info("peername")[0]
        self.helo, self.sender, self.recipients = "", None, []
        self.good = []  # the commands that were said yes to, from MAIL on

    async def run(self):
        if not await self.unless_too_much("connect", f"220 {self.host} ESMTP"):
            return
        while line := await self.reader.readline():
            verb, _, rest = line.decode(errors="replace").strip().partition(" ")
            if await getattr(self, f"on_{verb.lower()}", self.on_other)(rest) is False:
                return

    async def on_ehlo(self, rest):
        self.helo = rest
        await self.say(f"250-{self.host}\n250-PIPELINING\n250-SIZE 52428800\n250-8BITMIME\n250 ENHANCEDSTATUSCODES")

    on_helo = on_ehlo

    async def on_mail(self, rest):
        self.sender, self.recipients, self.good = address(rest), [], []
        return await self.unless_too_much("mail", "250 2.1.0 Ok")

    async def on_rcpt(self, rest):
        if "mail" not in self.good:  # what follows a refused MAIL in the same pipeline
            return await self.say("503 5.5.1 MAIL first")
        self.recipients.append(address(rest))
        return await self.unless_too_much("rcpt", "250 2.1.5 Ok")

    async def on_data(self, _rest):
        if "rcpt" not in self.good:
            return await self.say("503 5.5.1 RCPT first")
        await self.say("354 End data with <CR><LF>.<CR><LF>")
        body = await self.body()
        if body is None:
            return False
        await asyncio.sleep(self.world.conduct.of(self.provider).get("delay", 0))
        return await self.unless_too_much("end", "250 2.0.0 OK", body)

    async def on_rset(self, _rest):
        self.sender, self.recipients, self.good = None, [], []
        await self.say("250 2.0.0 Ok")

    async def on_noop(self, _rest):
        await self.say("250 2.0.0 Ok")

    async def on_quit(self, _rest):
        await self.say("221 2.0.0 Bye")
        return False

    async def on_other(self, _rest):
        await self.say("502 5.5.2 Unknown command")

    async def body(self):
        lines = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                return None
            lines.append(line)
        return b"".join(lines)

    async def unless_too_much(self, where, welcome, body=b""):
        """Give this answer, or turn the message away; False if the connection ends with that."""
        text = self.world.conduct.turned_away(self.provider, where)
        if text is None and where == "end":
            self.world.conduct.took(self.provider)
            self.world.note(self, welcome, body, taken=True)
        if text is None:
            self.good.append(where)
            await self.say(welcome)
            return True
        text = text.replace("[IP]", f"[{self.client}]")
        self.world.note(self, text, body, taken=False)
        await self.say(text)
        return where != "connect" and not text.startswith("421")

    async def say(self, text):
        self.writer.write(text.replace("\n", "\r\n").encode() + b"\r\n")
        await self.writer.drain()


class World:
    """All providers, and the book of what they were asked."""

    def __init__(self, folder: Path):
        self.conduct = Conduct(folder / "conduct.json")
        self.book = os.open(folder / "attempts", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, session, reply, body, *, taken):
        head = body.partition(b"\r\n\r\n")[0]
        token = TOKEN.search(head)
        line = {
            "at": time.time(), "provider": session.provider, "client": session.client, "helo": session.helo,
            "sender": session.sender, "recipients": session.recipients, "token": token and token[1].decode(),
            "ids": [hop.decode() for hop in HOP.findall(head)],
            "reply": reply, "taken": taken, "signed": b"dkim-signature:" in head.lower(),
        }  # fmt: skip
        os.write(self.book, json.dumps(line).encode() + b"\n")

    async def serve(self, provider, host, ip):
        async def met(reader, writer):
            try:
                await Session(self, provider, host, reader, writer).run()
            except (ConnectionError, asyncio.LimitOverrunError, ValueError):
                pass  # the client is gone, or talks nonsense
            finally:
                writer.close()

        return await asyncio.start_server(met, ip, PORT, limit=LINE, backlog=1024)


def address(rest):
    """What stands between < and >."""
    return rest.partition("<")[2].partition(">")[0]


async def main(folder):
    world = World(folder)
    for provider, (host, ip) in json.loads((folder / "who.json").read_text()).items():
        await world.serve(provider, host, ip)
    (folder / "ready").touch()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
