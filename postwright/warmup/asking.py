"""Asks the pacing agents of several hosts at once. Promise: who could not be asked is named, with why; the others answer.

A request that must not be carried out twice is never sent twice: where it is not known whether it arrived, that is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from postwright import locks
from postwright.errors import DeployError
from postwright.hosts import runner
from postwright.inventory import Project
from postwright.warmup.wording import plain

Requests = Mapping[str, Sequence[Mapping[str, Any]]]  # host → what its agent is asked, in order
_UNTOUCHED = "no host was changed"  # with this an error ends that came before any script ran
_UNSURE = "whether it was done is not known; look with `postwright warmup status -v`"


@dataclass
class Asked:
    """``answers``: host → its answers, in the order of its requests, possibly fewer. ``failed``: host → why not all."""

    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def who() -> str:
    """``ops on build1``: who gives the order, for whoever reads of it on the host."""
    owner = json.loads(locks.owner())
    return f"{owner['user']} on {owner['machine']}"


def ask(project: Project, requests: Requests, *, repeatable: bool = True) -> Asked:
    """All answers to be had. ``repeatable``: carrying a request out twice does no harm."""
    asked, open_ = Asked(), {host: list(them) for host, them in requests.items() if them}
    while open_:
        try:
            found = runner.run_script(project, "pacing", {host: {"requests": them} for host, them in open_.items()})
        except DeployError as error:
            open_ = _without_failed(open_, str(error), asked, repeatable=repeatable)
        else:
            for host in open_:
                _take(asked, host, found.get(host))
            break
    return asked


def _without_failed(open_: dict[str, Any], text: str, asked: Asked, *, repeatable: bool) -> dict[str, Any]:
    """The hosts that an error does not blame and that may be asked again; the others are failed."""
    blamed = {host: line for host in open_ if (line := _blame(host, text))} or dict.fromkeys(open_, text)
    asked.failed |= blamed
    rest = {host: them for host, them in open_.items() if host not in blamed}
    if repeatable or text.endswith(_UNTOUCHED):
        return rest
    asked.failed |= dict.fromkeys(rest, f"was asked together with {', '.join(blamed)}, which failed; {_UNSURE}")
    return {}


def _blame(host: str, text: str) -> str:
    """What an error says of this host; errors of hosts begin with their name."""
    found = re.search(rf"^host {re.escape(host)}: (.*(?:\n(?!host \S+: |{_UNTOUCHED}).*)*)", text, re.MULTILINE)
    return plain(found[1]) if found else ""


def _take(asked: Asked, host: str, answer: Any) -> None:
    """Sort what one host's script brought back."""
    if not isinstance(answer, dict):
        asked.failed[host] = "gave no answer; run again with -vv"
        return
    answers = [it for it in answer.get("answers", []) if isinstance(it, dict)]
    if answers:
        asked.answers[host] = answers
    errors = [plain(it["error"]) for it in answers if it.get("error")]
    failed = [*dict.fromkeys(errors), *([plain(answer["failed"])] if answer.get("failed") else [])]
    if failed:
        asked.failed[host] = "; ".join(failed) + (f"; {_UNSURE}" if answer.get("unsure") else "")
