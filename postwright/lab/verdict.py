"""What the receiver thought of a message: reads Authentication-Results (RFC 8601) and the receiver's Received header.

Promise: pure. Results are taken only from headers the receiver itself wrote, in whatever order they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from postwright.lab.layout import RECEIVER_NAME

_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+')


@dataclass(frozen=True)
class Signature:
    """One DKIM result; ``domain`` and ``selector`` are empty where there was no signature."""

    result: str
    domain: str = ""
    selector: str = ""


@dataclass(frozen=True)
class Verdict:
    """``tls`` is a version such as TLSv1.3, or empty for a message that came in clear; results are RFC 8601's words."""

    spf: str
    dmarc: str
    dkim: tuple[Signature, ...]
    tls: str
    client: str

    @property
    def dkim_passed(self) -> bool:
        """At least one signature is good, and none is bad."""
        return bool(self.dkim) and all(signature.result == "pass" for signature in self.dkim)

    @property
    def good(self) -> bool:
        return self.spf == "pass" and self.dmarc == "pass" and self.dkim_passed and bool(self.tls)


def verdict(message: Message, receiver: str = RECEIVER_NAME) -> Verdict:
    """Everything the receiver said of the message."""
    found = [
        result for header in message.get_all("Authentication-Results", []) for result in _results(header, receiver)
    ]
    received = _received(message, receiver)
    return Verdict(
        spf=next((result["spf"] for result in found if "spf" in result), "none"),
        dmarc=next((result["dmarc"] for result in found if "dmarc" in result), "none"),
        dkim=tuple(_signature(result) for result in found if "dkim" in result),
        tls=_first(r"using (TLSv[\d.]+)", received),
        client=_first(r"\[(?:IPv6:)?([0-9a-fA-F.:]+)\]", received),
    )


def _signature(result: dict[str, str]) -> Signature:
    return Signature(result["dkim"], result.get("header.d", ""), result.get("header.s", ""))


def _results(header: str, receiver: str) -> Iterator[dict[str, str]]:
    """Each result as its properties; the method itself is the first of them."""
    identity, *results = _split(_without_comments(str(header)))
    if identity.split()[:1] != [receiver]:
        return
    for result in results:
        pairs = (word.partition("=") for word in _WORD.findall(re.sub(r"\s*=\s*", "=", result)))
        yield {name.lower(): value.strip('"').lower() for name, equals, value in pairs if equals}


def _split(text: str) -> list[str]:
    """At semicolons outside quotes."""
    return re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^;"])+', text) or [""]


def _without_comments(text: str) -> str:
    """Comments nest, and may hold semicolons and quotes (RFC 5322 section 3.2.2)."""
    kept, depth, quoted, escaped = [], 0, False, False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"' and not depth:
            quoted = not quoted
        elif character == "(" and not quoted:
            depth += 1
        elif character == ")" and depth and not quoted:
            depth -= 1
            continue
        if not depth:
            kept.append(character)
    return "".join(kept)


def _received(message: Message, receiver: str) -> str:
    headers = (re.sub(r"\s+", " ", str(header)) for header in message.get_all("Received", []))
    return next((header for header in headers if f" by {receiver} " in header), "")


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
