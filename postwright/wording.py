"""Says in one line what pydantic finds wrong in an inventory.

Promise: never repeats a value that may be a secret: nothing below a key that names one, and no mapping or list, which
may hold such a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from postwright.model import SecretSource, tls
from postwright.model.zones import KINDS

_PLAIN = re.compile(r"[A-Za-z0-9_.@*-]{1,80}")
_LONGEST = 300
_OF_A_KEY = "[key]"  # what pydantic puts behind a key of a mapping that is wrong itself
_SECRET_KEYS = {"passphrase", "secret", "secret_options", "token", "password", *SecretSource.model_fields}
_CONTAINERS = {"model_type", "model_attributes_type", "dict_type", "tuple_type", "list_type", "frozen_set_type"}


def described(place: str, detail: Mapping[str, Any], keys: Mapping[Any, str]) -> str:
    """``key path: what is wrong; what to do`` for one error of a ValidationError; ``keys`` rename its first step."""
    said = [step for step in detail["loc"] if step != _OF_A_KEY]
    steps = [keys.get(step, step) if position == 0 else step for position, step in enumerate(said)]
    # Behind a provider's name, and behind "tls", pydantic puts which kind it took it for.
    choices = KINDS if place == "mail_fleet.providers" else tls.KINDS if steps[:1] == ["tls"] else ()
    kinds = 1 if steps[1:2] and steps[1] in choices else 0
    path = place + "".join(map(_step, [*steps[:1], *steps[1 + kinds :]]))
    if detail["type"] == "extra_forbidden":
        return f"{path}: unknown key; remove it or mend its spelling (see inventories/example.py)"
    if detail["type"] == "missing":
        return f"{path}: missing; add it (see inventories/example.py)"
    if detail["type"] in _CONTAINERS:
        return f"{path}: {_expected(detail['type'])}, is a {type(detail['input']).__name__}; see inventories/example.py"
    if detail["type"] == "value_error":
        return f"{path}: {detail['msg'].removeprefix('Value error, '):.{_LONGEST}}"
    shown = "" if detail["type"] == "kind" or _SECRET_KEYS & set(map(str, steps)) else _shown(detail["input"])
    return f"{path}: {_lower(detail['msg'])}{shown}; mend the value"


def one_line(text: str) -> str:
    """The text with line ends and control characters, which may stand in any key or name, written out."""
    return "".join(it if it.isprintable() else repr(it)[1:-1] for it in text)


def _step(step: object) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN.fullmatch(str(step)) else f"[{str(step)!r:.80}]"


def _expected(kind: str) -> str:
    return "must be a mapping" if kind in {"model_type", "model_attributes_type", "dict_type"} else "must be a list"


def _shown(value: object) -> str:
    """What was given, if it is short enough to help."""
    simple = value is None or isinstance(value, str | bool | float) or (isinstance(value, int) and abs(value) < 2**63)
    return f" (given: {value!r:.80})" if simple else f" (given: a {type(value).__name__})"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
