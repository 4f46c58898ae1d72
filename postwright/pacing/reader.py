"""Takes values out of JSON, and keeps what is wrong with them to be told all at once. Pure; never raises."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Any

from .config import start_of

_TRANSPORT = re.compile(r"[\w.-]+:\S*", re.ASCII)


class Reader:
    """Takes values out of JSON and keeps what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def wrong(self, path: str, what: str) -> None:
        self.problems.append(f"{path}: {what}")

    def table(
        self, path: str, data: Any, keys: AbstractSet[str], optional: AbstractSet[str] = frozenset()
    ) -> dict[str, Any]:
        """An object with exactly these keys, and perhaps the optional ones; missing ones come back absent."""
        if not isinstance(data, dict):
            self.wrong(path, f"must be an object, is {short(data)}")
            return {}
        for key in sorted(keys - data.keys()):
            self.wrong(f"{path}.{key}".lstrip("."), "is missing")
        for key in sorted(data.keys() - keys - optional):
            self.wrong(f"{path}.{key}".lstrip("."), "is not known here")
        return data

    def text(self, path: str, value: Any) -> str:
        if isinstance(value, str) and value and value.isprintable():
            return value
        self.wrong(path, f"must be a text, is {short(value)}")
        return ""

    def number(self, path: str, value: Any, least: int, most: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(path, f"must be a whole number from {least} to {most}, is {short(value)}")
        return least

    def yes(self, path: str, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        self.wrong(path, f"must be true or false, is {short(value)}")
        return False

    def choice(self, path: str, value: Any, choices: tuple[str, ...]) -> Any:
        if value in choices:
            return value
        self.wrong(path, f"must be one of {', '.join(choices)}, is {short(value)}")
        return choices[0]

    def items(self, path: str, value: Any) -> list[Any]:
        if isinstance(value, list):
            return value
        self.wrong(path, f"must be a list, is {short(value)}")
        return []

    def mapping(self, path: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.wrong(path, f"must be an object, is {short(value)}")
        return {}

    def texts(self, path: str, value: Any) -> tuple[str, ...]:
        return tuple(self.text(f"{path}[{at}]", item) for at, item in enumerate(self.items(path, value)))

    def start(self, path: str, value: Any) -> float:
        try:
            return start_of(value)
        except (ValueError, TypeError):
            self.wrong(path, f"must be a day like 2026-11-22, is {short(value)}")
            return 0.0


def transport(reader: Reader, path: str, value: Any) -> str:
    """A transport with its nexthop, as FILTER takes it."""
    text = reader.text(path, value)
    if text and not _TRANSPORT.fullmatch(text):
        reader.wrong(path, f"must be transport:nexthop, is {short(value)}")
    return text


def short(value: Any) -> str:
    """A value as a problem quotes it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - of a line
