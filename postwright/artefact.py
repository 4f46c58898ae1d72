"""A plan as a file: to be reviewed, applied exactly as it was reviewed, and undone.

Promise: a file that was changed after it was made is refused, by its hash; what comes out is what went in. No secret is in
a plan, so none is in the file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from postwright.errors import UnsafePlan, UsageError
from postwright.files import content, write_atomically
from postwright.plan import FleetPlan

_FORMAT = 1
_KEPT = 50  # applied plans kept for undo
_PLAN = TypeAdapter(FleetPlan)


@dataclass(frozen=True)
class SavedPlan:
    """A plan with what it was made with: the inventory's path, and the flags that decide what is allowed."""

    inventory: str
    made: str
    adopt: bool
    consolidate: bool
    plan: FleetPlan


def save(path: Path, saved: SavedPlan) -> None:
    """Write the file; UsageError when it cannot be written."""
    body = {"format": _FORMAT, **asdict(saved)}
    write_atomically(path, (json.dumps({**body, "sha256": _digest(body)}, indent=1) + "\n").encode())


def load(path: Path) -> SavedPlan:
    """Read it back. UsageError when it is no plan of ours, or not as it was made."""
    try:
        body = json.loads(content(path))
        claimed = body.pop("sha256")
        found = _digest(body)
        if body.pop("format") != _FORMAT:
            raise UsageError(f"{path}: made by another version of postwright; make the plan anew")
        if found != claimed:
            raise UsageError(f"{path}: was changed after it was made (its SHA-256 differs); make the plan anew")
        return SavedPlan(**{**body, "plan": _PLAN.validate_python(body["plan"])})
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError, UnsafePlan) as error:
        raise UsageError(
            f"{path}: is not a plan of postwright ({type(error).__name__}); make one with `plan --out`"
        ) from None


def require_same(saved: SavedPlan, fresh: FleetPlan, inventory: Path) -> None:
    """UnsafePlan, with what differs, if the world or the inventory is no longer what the saved plan was made from.

    UsageError if it was made from another inventory: what is right for one fleet may look right for another.
    """
    if saved.inventory != str(inventory):
        raise UsageError(
            f"the plan is of {saved.inventory}, not of {inventory}; name that one with -i, or make a plan anew"
        )
    before, now = _parts(saved.plan), _parts(fresh)
    differing = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if differing:
        where = "\n".join(f"  {name}" for name in differing)
        hint = "nothing was changed; make the plan anew and review it"
        raise UnsafePlan(f"the plan of {saved.made} no longer holds; what differs:\n{where}\n{hint}")


def _parts(plan: FleetPlan) -> dict[str, Any]:
    zones = {f"zone {zone.zone}": zone for zone in plan.dns.zones}
    hosts = {f"host {host.host}": host for host in plan.hosts}
    return {"keys": plan.keys, **zones, **hosts, "hosts that can be reached": not plan.unreachable}


def keep(base: Path, saved: SavedPlan) -> Path:
    """Keep a plan that is about to be applied, for undo, with the last fifty; returns its file."""
    folder = base / ".postwright" / "applied"
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.json"
    save(path, saved)
    for old in applied(base)[:-_KEPT]:
        old.unlink(missing_ok=True)
    return path


def applied(base: Path) -> list[Path]:
    """The applied plans of a project, oldest first."""
    return sorted((base / ".postwright" / "applied").glob("*.json"))


def last_applied(base: Path) -> Path:
    """The newest applied plan; UsageError if there is none."""
    files = applied(base)
    if not files:
        raise UsageError(f"{base / '.postwright' / 'applied'}: no plan was applied from here yet; name the file of one")
    return files[-1]


def now() -> str:
    """The moment a plan is made, as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
