"""The grammar of what an inventory writes of mailboxes and of headers that tell streams; the rest is in ``values``. Pure."""

from __future__ import annotations

import re

from postwright.values import email_address

_MAILBOX = re.compile(r"[a-z0-9][a-z0-9._=-]*")
_HEADER = re.compile(r"(?i:x-(?!originating-ip$|mailer$)[a-z0-9][a-z0-9-]{0,60}|list-id|feedback-id)")


def mailbox(value: str) -> str:
    """The address of a mailbox in lower case. Its local part names a folder, and has no ``+``, which begins a subaddress."""
    address = email_address(value).lower()
    if not _MAILBOX.fullmatch(address.partition("@")[0]):
        raise ValueError(f"{value!r} cannot be a mailbox: before the @ only letters, digits and . _ = - may stand")
    return address


def stream_header(value: str) -> str:
    """The name of a header that tells a stream; none that a message has anyhow, or that is taken out of submitted mail."""
    if not _HEADER.fullmatch(value):
        raise ValueError(f"{value!r:.80} is not the name of a header of your own, such as X-Stream")
    return value
