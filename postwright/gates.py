"""The gates by which mail comes back to Postfix to be asked about, one recipient at a time: one of all, and one per stream.

Pure. A stream's gate is a loopback address of its own. Whose mail it is can be known where a message comes in (by its
login, its sender, a header), and is forgotten when Postfix passes it on; the address it is passed to says it again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from postwright.model import Pacing, Stream

GATE = "gate:[127.0.0.1]:10026"
GATE_PORT = 10026  # on 127.0.0.1 and the streams' addresses: one message per recipient comes back here


@dataclass(frozen=True)
class Gate:
    """A stream's. Address and transport depend on nothing but its name: what waits for them finds them after a change."""

    name: str
    stream: Stream

    @property
    def transport(self) -> str:
        return f"gate-{self.name}"

    @property
    def address(self) -> str:
        return address(self.name)

    @property
    def filter(self) -> str:
        return f"{self.transport}:[{self.address}]:{GATE_PORT}"

    @property
    def senders(self) -> tuple[str, ...]:
        """What its senders look like to regexp_table(5), in main.cf."""
        return tuple(_main(f"/{'' if it.startswith('@') else '^'}{_literal(it)}$/") for it in self.stream.senders)

    @property
    def users(self) -> tuple[str, ...]:
        """What its logins look like to regexp_table(5), in main.cf, in this very case."""
        return tuple(_main(f"/^{_literal(it)}$/i") for it in self.stream.users)

    @property
    def headers(self) -> tuple[str, ...]:
        """What its headers look like to header_checks(5): the value in this very case, the name in any."""
        return tuple(
            f"/^{_any_case(name)}:[[:space:]]*{_literal(value)}[[:space:]]*$/i"
            for name, value in self.stream.headers.items()
        )


def gates(pacing: Pacing) -> tuple[Gate, ...]:
    """Those of all streams, in the inventory's order."""
    return tuple(Gate(name, stream) for name, stream in pacing.streams.items())


def address(name: str) -> str:
    """The loopback address of a stream's gate, out of four million: 127.64.0.1 to 127.191.255.254."""
    first, second, third = hashlib.sha256(name.encode()).digest()[:3]
    return f"127.{64 + first % 128}.{second}.{1 + third % 254}"


def _literal(text: str) -> str:
    """The text and nothing else, to POSIX extended expressions (regex(7)) between slashes."""
    return re.sub(
        r"[^A-Za-z0-9@_ -]", lambda found: f"[{found[0]}]" if found[0] not in "\\^/" else f"\\{found[0]}", text
    )


def _main(pattern: str) -> str:
    """As a part of main.cf, where $ begins the name of a parameter and braces must come in pairs."""
    return re.sub(r"\[[{}]\]", ".", pattern).replace("$", "$$")


def _any_case(name: str) -> str:
    """The flag i turns case off for neither or for all, and a value's counts."""
    return "".join(f"[{it.upper()}{it.lower()}]" if it.isalpha() else it for it in name)
