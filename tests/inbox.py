"""What the receiver thought of every single message: its verdicts are what is judged, not what postwright says.

Promise: a message that did not come, came twice, or came without a good signature is named by its token.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from pathlib import Path

from postwright.lab import guest, mail
from postwright.lab.layout import SENDING_DOMAIN, Layout
from postwright.lab.verdict import Verdict, verdict

_POLL = 0.05


@dataclass
class Inbox:
    """The receiver's mailbox; each message is read once, however often it is asked for."""

    lab: str
    found: dict[str, list[Verdict]] = field(default_factory=dict)
    _read: set[Path] = field(default_factory=set, repr=False)

    def look(self):
        """Read what is new."""
        mailbox = guest.root(Layout.named(self.lab), "receiver") / "var/mail/lab/new"
        for file in set(mailbox.glob("*")) - self._read:
            self._read.add(file)
            message = BytesHeaderParser().parsebytes(file.read_bytes())
            self.found.setdefault(mail.token_of(message), []).append(verdict(message))

    def arrived(self, tokens: Iterable[str], timeout=90.0) -> dict[str, Verdict]:
        """The verdict on each of these messages, once all are there; AssertionError names those that did not come."""
        wanted, deadline = list(tokens), time.monotonic() + timeout
        while True:
            self.look()
            missing = [token for token in wanted if token not in self.found]
            if not missing:
                return {token: self.found[token][0] for token in wanted}
            assert time.monotonic() < deadline, (
                f"{len(missing)} of {len(wanted)} messages did not reach the receiver within {timeout:g} s: "
                f"{', '.join(missing[:20])}"
            )
            time.sleep(_POLL)

    def duplicates(self, tokens: Iterable[str]) -> dict[str, int]:
        """Messages that came more than once, and how often."""
        return {token: len(self.found[token]) for token in tokens if len(self.found.get(token, ())) > 1}


def arrived(lab, tokens, timeout=90.0):
    """As ``Inbox.arrived``, for those who ask once."""
    return Inbox(lab).arrived(tokens, timeout)


def unsound(verdicts: Mapping[str, Verdict], domain: str | Mapping[str, str]) -> list[str]:
    """A line for each message that is not signed, not well signed, not by its domain alone, or without DMARC's pass.

    ``domain``: that of all messages, or token → domain.
    """
    domains = dict.fromkeys(verdicts, domain) if isinstance(domain, str) else domain
    return [f"{token}: {fault}" for token, found in verdicts.items() for fault in _faults(found, domains[token])]


def _faults(found, domain):
    if not any(signature.domain for signature in found.dkim):
        yield "not signed"
    for signature in found.dkim:
        if signature.result != "pass":
            yield f"dkim={signature.result} ({signature.domain or 'no domain'}, {signature.selector or 'no selector'})"
        if signature.domain not in ("", domain):
            yield f"signed for {signature.domain}, not {domain}"
    if found.dmarc != "pass":
        yield f"dmarc={found.dmarc}"


def assert_all_signed(verdicts, domain=SENDING_DOMAIN):
    """All messages are signed by their domain, and every signature is good."""
    assert verdicts, "no message was looked at"
    bad = unsound(verdicts, domain)
    assert not bad, f"{len(bad)} faults in {len(verdicts)} messages:\n" + "\n".join(bad[:30])


def by_selector(verdicts: Mapping[str, Verdict], sources: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """How many messages of each host bear each selector: (host, selector) → number."""
    return Counter(
        (sources[token], signature.selector) for token, found in verdicts.items() for signature in found.dkim
    )
