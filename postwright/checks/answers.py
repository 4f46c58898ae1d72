"""How a check is told to people: the place it looked at, whether it got an answer, and the reason in one line.

Knows pytest's items by their parameters, and its way to skip; asks nobody.
"""

from __future__ import annotations

import ast
import re
import smtplib
import ssl
from collections.abc import Mapping

import pytest

from postwright.checks.unknown import UnknownError
from postwright.dns.nameservers import NoAnswerError
from postwright.errors import DeployError, PostwrightError
from postwright.model import Address, Domain, Host
from postwright.services.parts import Service
from postwright.wording import one_line

LONGEST = 240  # characters of a reason
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TRACEBACK = "Traceback (most recent call last):"
_LITERAL = r"b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\""
_RESULT = re.compile(
    rf"(?:Unexpected exit code (?P<status>\d+) for )?CommandResult\(.*?command=(?P<command>{_LITERAL})"
    rf"(?:, _stdout=(?:{_LITERAL}), _stderr=(?P<stderr>{_LITERAL})\)?)?.*",
    re.DOTALL,
)
_SPOKEN = (AssertionError, PostwrightError, OSError)  # their text needs no name of the error before it


def place(parameters: Mapping[str, object]) -> str:
    """Where a check looks: ``HOST``, ``HOST SERVICE``, ``HOST SETTING``, ``HOST ADDRESS``, ``HOST DOMAIN``, ``DOMAIN``, or ``fleet``."""
    words: list[str] = []
    for parameter in parameters.values():
        match parameter:
            case (Host() as host, Service() as service):
                words += [host.name, service.name]
            case (Host() as host, Address() as address):
                words += [host.name, str(address.ip)]
            case (Host() as host, str() as name):
                words += [host.name, name]
            case (Host() as host, Domain() as domain):
                words += [host.name, domain.name]
            case Host() as host:
                words.insert(0, host.name)
            case Domain() as domain:
                words.append(domain.name)
    setting = parameters.get("setting")
    return " ".join((*words, setting) if isinstance(setting, str) else words) or "fleet"


def matches(text: str, promise: str, function: str, where: str) -> bool:
    """Whether a check's promise, function or place contains the text, in whatever case."""
    sought = text.casefold()
    if any(sought in said.casefold() for said in (promise, where)):
        return True
    return sought.removeprefix("test_") in function.casefold().removeprefix("test_")


def unanswered(error: BaseException) -> bool:
    """Whether this error means that nothing was learnt: neither the promise nor its breach was seen."""
    match error:
        case DeployError():
            return "cannot connect to" in str(error)
        case UnknownError() | NoAnswerError() | PostwrightError():
            return True
        case smtplib.SMTPServerDisconnected() | smtplib.SMTPConnectError():
            return True
        case ssl.SSLError() | smtplib.SMTPException():
            return False
        case _:
            return isinstance(error, OSError)


def outcome(error: BaseException | None) -> str:
    """What an error, or none, makes of a check."""
    if isinstance(error, pytest.skip.Exception):
        return "skipped"
    return "ok" if error is None else "unknown" if unanswered(error) else "failed"


def reason(error: BaseException) -> str:
    """The error in one line: an assertion's own message, or the comparison pytest made of it."""
    text = _ANSI.sub("", _text(error))
    if found := _RESULT.search(text):
        text = text[: found.start()] + _run(found)
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = line.replace(_TRACEBACK, last_line(text))  # of a script on a host: its end says what happened
    return shortened(one_line(line.removeprefix("assert "))) or type(error).__name__


def _text(error: BaseException) -> str:
    match error:
        case smtplib.SMTPRecipientsRefused():
            refused = [f"{who}: {code} {_joined(said)}" for who, (code, said) in error.recipients.items()]
            return f"refused: {'; '.join(refused)}"
        case smtplib.SMTPResponseException():
            return f"the server says {error.smtp_code} {_joined(error.smtp_error)}"
        case smtplib.SMTPServerDisconnected() | TimeoutError():
            return f"the connection was lost: {error}"
        case NoAnswerError():
            return f"no name server answers: {error}"
        case UnknownError():
            return str(error)
    text = str(error)
    known = isinstance(error, _SPOKEN) or not text or type(error).__module__ == "_pytest.outcomes"
    return text if known else f"{type(error).__name__}: {text}"


def _run(found: re.Match[str]) -> str:
    """A command's result as what was run and what it last said."""
    command = _decoded(ast.literal_eval(found["command"]))
    status = f"exit status {found['status']}" if found["status"] else "see there"
    said = last_line(_decoded(ast.literal_eval(found["stderr"] or "b''")))
    return f"`{shortened(one_line(command), LONGEST // 2)}`: {said or status}"


def last_line(text: str) -> str:
    """The last words of a program; empty if it said none."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def shortened(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _decoded(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said


def _joined(said: bytes | str) -> str:
    return " ".join(_decoded(said).split())
