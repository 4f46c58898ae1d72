"""What a host is like now: asked once for all that an apply is to know, and not again until something is done there.

Every question to ``remote/look.py`` is asked here. What was seen is never used for another run, and never after a change.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api import FactBase
from pyinfra.api.exceptions import FactProcessError, PyinfraError
from pyinfra.context import host, state

from postwright.hosts.remote import command

LONGEST = 300  # seconds
_NO_PYTHON = (
    f"it gave no answer in {LONGEST} s, or python3 did not run there; install it (3.11 or newer) and check sudo"
)
Request = dict[str, Any]


class Look(FactBase[dict[str, Any]]):
    """What remote/look.py answers to a request (JSON text, so that equal questions are equal)."""

    def command(self, request: str) -> str:
        return command("look", json.loads(request))

    def process(self, output: list[str]) -> dict[str, Any]:
        try:
            return dict(json.loads(output[-1]))
        except (IndexError, ValueError):
            msg = "no answer from python3 on the host; is it installed there, version 3.11 or newer?"
            raise FactProcessError(msg) from None


def look(request: Request) -> dict[str, Any]:
    """Ask the current host, now."""
    try:
        answer = host.get_fact(Look, request=json.dumps(request, sort_keys=True), _timeout=LONGEST)
    except FactProcessError:
        raise
    except PyinfraError:
        answer = None  # the command failed, and pyinfra's error does not say how
    if answer is None:
        raise FactProcessError(_NO_PYTHON)
    if "error" in answer:
        msg = f"looking at the host failed: {answer['error']}"
        raise FactProcessError(msg)
    return dict(answer)


@dataclass
class _Known:
    """What will be asked of a host, and what has been seen; ``stage`` is pyinfra's, for it prepares and executes apart."""

    wanted: Request
    stage: Any = None
    seen: dict[str, Any] = field(default_factory=dict)


_known: dict[str, _Known] = {}


def expect(request: Request) -> None:
    """All that will be asked of the current host from now on, so that it can be asked at once."""
    _known[host.name] = _Known(request)


def forget() -> None:
    """Something is about to be done on the current host: what was seen of it may no longer be so."""
    if host.name in _known:
        _known[host.name].seen = {}


def seen(request: Request) -> dict[str, Any]:
    """What the request asks for, from memory if nothing was done since; what is asked is asked with all like it."""
    known = _known.setdefault(host.name, _Known(request))
    if known.stage != state.current_stage:
        known.stage, known.seen = state.current_stage, {}
    if not _answers(known.seen, request):
        known.seen |= look(_widened(request, known.wanted))
    return known.seen


def _answers(answer: dict[str, Any], request: Request) -> bool:
    names = {service["name"] for service in request.get("services", ())}
    return names <= answer.get("services", {}).keys() and request.keys() - {"services"} <= answer.keys()


def _widened(request: Request, wanted: Request) -> Request:
    """The request, with all services if it asks for one; at a host nothing was seen of, all that is wanted."""
    services = {it["name"]: it for asked in (wanted, request) for it in asked.get("services", ())}
    whole = {**wanted, **request} if request.keys() - {"services"} else request
    return {**whole, **({"services": list(services.values())} if services else {})}
