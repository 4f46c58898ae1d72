"""Whether the owners of delegated domains have led their names to us. Asks this machine's resolver; changes nothing.

Promise: unknown is not "yes": a name the resolver cannot tell of counts as not led, and the reason says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from postwright.dns.kinds.delegation import asked
from postwright.dns.nameservers import NoAnswerError, resolve
from postwright.keys.key import record_name
from postwright.model import Fleet

_WORKERS = 16
Resolve = Callable[[str, str], tuple[str, ...]]


def waiting(fleet: Fleet, selectors: Iterable[tuple[str, str]], ask: Resolve = resolve) -> dict[str, str]:
    """Delegated domain → why hosts may not sign for it yet; those that are led to us are left out.

    ``selectors``: the selectors each delegated domain signs with or is to sign with next, as (domain, selector).
    """
    needed = {record_name(selector, domain): domain for domain, selector in selectors}
    pairs = [(name, target) for name, target in asked(fleet) if name in needed]
    with ThreadPoolExecutor(_WORKERS) as pool:
        reasons = pool.map(lambda pair: _reason(pair[0], pair[1], ask), pairs)
    return {needed[name]: reason for (name, _), reason in zip(pairs, reasons, strict=True) if reason}


def _reason(name: str, target: str, ask: Resolve) -> str:
    hint = f"ask its owner for {name} CNAME {target}.; until then hosts do not sign with it"
    try:
        values = ask(name, "CNAME")
    except NoAnswerError as error:
        return f"{name}: whether it leads to {target} is unknown ({error}); {hint}"
    if [value.rstrip(".").lower() for value in values] == [target]:
        return ""
    return f"{name}: leads to {', '.join(values) or 'nothing'}; {hint}"
