"""What limits.json says, and who is limited how much. Pure but for ``read``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

HOUR, DAY = 3600, 86_400  # seconds
Unit = Literal["messages", "recipients"]
# In the order they are looked at.
KINDS: dict[str, tuple[Unit, int, str]] = {
    "messages_per_hour": ("messages", HOUR, "hour"),
    "recipients_per_hour": ("recipients", HOUR, "hour"),
    "messages_per_day": ("messages", DAY, "day"),
    "recipients_per_day": ("recipients", DAY, "day"),
}


class ConfigError(ValueError):
    """The file cannot be used."""


@dataclass(frozen=True)
class Config:
    """``default`` and each of ``logins``: kind of limit → number. ``certificates``: fingerprint (or that of the key) → login.

    ``failure``: ``pass`` or ``defer``, what becomes of mail that cannot be counted. ``lab_clock``: a file of a practice lab.
    """

    default: Mapping[str, int]
    logins: Mapping[str, Mapping[str, int]]
    certificates: Mapping[str, str]
    failure: str
    lab_clock: str | None

    def limits(self, login: str) -> Mapping[str, int]:
        return self.logins.get(login, self.default)

    def login_of(self, user: str, *fingerprints: str) -> str:
        """Whose message it is: who logged in, else whom one of the fingerprints stands for, else "": nobody is limited."""
        return user.lower() or next((found for it in fingerprints if (found := self.certificates.get(it.upper()))), "")


def parsed(data: Any) -> Config:
    """ConfigError says what is wrong."""
    if not isinstance(data, dict) or data.get("format") != 1:
        raise ConfigError("format: must be 1")
    if data.get("failure") not in {"pass", "defer"}:
        raise ConfigError("failure: must be pass or defer")
    logins, certificates = data.get("logins"), data.get("certificates")
    if not isinstance(logins, dict) or not isinstance(certificates, dict):
        raise ConfigError("logins, certificates: must be mappings")
    return Config(
        _limits("default", data.get("default")),
        {login: _limits(f"logins.{login}", said) for login, said in logins.items()},
        {str(print_): str(login) for print_, login in certificates.items()},
        data["failure"],
        data.get("lab_clock"),
    )


def _limits(place: str, said: Any) -> Mapping[str, int]:
    sound = isinstance(said, dict) and said.keys() <= KINDS.keys() and all(_count(value) for value in said.values())
    if not sound:
        raise ConfigError(f"{place}: must be numbers from 1 of {', '.join(KINDS)}")
    return dict(said)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def read(path: Path) -> Config:
    """ConfigError if the file cannot be read or used."""
    try:
        return parsed(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from None
