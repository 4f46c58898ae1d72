"""What the agents of all hosts say, joined: lanes, sums, and what is wrong, worst first. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from postwright.warmup.lanes import Lane, lane, mapping, mappings
from postwright.warmup.wording import Line, Meaning, moment, number, plain

_BAD = 3  # a trouble from here on stops mail for hours, or until a person acts
Chosen = tuple[str | None, str | None]  # address and provider; None is any


@dataclass(frozen=True)
class HostStatus:
    """One agent's answer. ``said`` is all of it, with the lanes that were asked for only."""

    host: str
    now: float
    lanes: tuple[Lane, ...]
    domains: tuple[Lane, ...]
    problems: tuple[str, ...]
    unknown_held: int
    said: Mapping[str, Any]

    @property
    def decisions(self) -> list[str]:
        """What the agent decided last, oldest first."""
        return [_decision(it, self.now) for it in mappings(self.said.get("decisions"))]


def _decision(said: Mapping[str, Any], now: float) -> str:
    at = lane("", now, {"until": said.get("at")}).until
    reason = plain(said.get("reason"))
    parts = (moment(at, now) if at else "", plain(said.get("lane")), plain(said.get("what")))
    return "  ".join(filter(None, parts)) + (f": {reason}" if reason else "")


def host_status(host: str, said: Mapping[str, Any], chosen: Chosen = (None, None)) -> HostStatus:
    """One answer to ``status``; of its lanes those of the chosen address and provider."""
    now = lane(host, 0, {"until": said.get("now")}).until or 0.0
    wall = lane(host, 0, {"until": mapping(said.get("clock")).get("wall")}).until
    shown = {
        **said,
        "lanes": [it for it in mappings(said.get("lanes")) if _is_chosen(it, chosen)],
        "domains": [it for it in mappings(said.get("domains")) if _is_chosen(it, (None, chosen[1]))],
    }
    problems = said.get("problems")
    return HostStatus(
        host,
        now,
        tuple(lane(host, now, it, wall) for it in shown["lanes"]),
        tuple(lane(host, now, it, wall) for it in shown["domains"]),
        tuple(map(plain, problems)) if isinstance(problems, list) else (),
        lane(host, now, {"held": said.get("unknown_held")}).held,
        shown,
    )


def _is_chosen(said: Mapping[str, Any], chosen: Chosen) -> bool:
    address, provider = chosen
    return address in (None, plain(said.get("address"))) and provider in (None, plain(said.get("provider")))


@dataclass(frozen=True)
class FleetStatus:
    """``failed``: host → why it could not be asked."""

    hosts: tuple[HostStatus, ...]
    failed: Mapping[str, str]

    @property
    def lanes(self) -> list[Lane]:
        return [lane for host in self.hosts for lane in host.lanes]

    def totals(self) -> dict[str, Any]:
        """Sums over all lanes; ``limit`` is what the addresses in warm-up may send today."""
        lanes = self.lanes
        cold = [it for it in lanes if it.day.limit is not None]
        return {
            "hosts": len(self.hosts),
            "failed": len(self.failed),
            "addresses": len({(it.host, it.address) for it in lanes}),
            "lanes": len(lanes),
            "sent_today": sum(it.day.used for it in lanes),
            "sent_of_limit": sum(it.day.used for it in cold),
            "limit": sum(it.day.limit or 0 for it in cold),
            "held": sum(it.held for it in lanes),
            "oldest_held_seconds": max((it.oldest for it in lanes if it.oldest is not None), default=None),
            "outstanding": sum(it.outstanding for it in lanes),
            "deferred_today": sum(it.deferred for it in lanes),
            "in_trouble": sum(it.trouble >= _BAD for it in lanes),
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "totals": self.totals(),
            "problems": [line.text for line in self.problems()],
            "failed": dict(self.failed),
            "hosts": {host.host: host.said for host in self.hosts},
        }

    def unreachable(self) -> Iterator[Line]:
        """The hosts that could not be asked."""
        return (Line(f"✗ {host}: {plain(why)}", "bad") for host, why in self.failed.items())

    def problems(self) -> Iterator[Line]:
        """What somebody should know first, worst first."""
        yield from self.unreachable()
        yield from (Line(f"✗ {host.host}: {problem}", "bad") for host in self.hosts for problem in host.problems)
        rows = [it for host in self.hosts for it in (*host.lanes, *host.domains)]
        alike: dict[tuple[str, ...], list[Lane]] = {}
        for it in rows:
            if it.trouble:
                alike.setdefault((it.host, it.domain or it.address, state(it), it.reason), []).append(it)
        yield from (_problem(them) for them in sorted(alike.values(), key=lambda them: -them[0].trouble))
        for host in self.hosts:
            if host.unknown_held:
                text = "on hold that the agent did not put there; it never touches them; see `postqueue -p` there"
                yield Line(f"! {host.host}: {number(host.unknown_held)} messages {text}", "warning")


def _problem(lanes: Sequence[Lane]) -> Line:
    """Lanes of one address that are in the same state for the same reason."""
    it, held = lanes[0], sum(it.held for it in lanes)
    where = f"{it.host} {it.domain or it.address} {', '.join(it.provider for it in lanes)}"
    reason = f": {it.reason}" if it.reason else ""
    waits = f"; {number(held)} held" if held else ""
    return Line(f"{mark(it)} {where}: {state(it)}{reason}{waits}{_way_out(lanes)}", meaning(it))


def _way_out(lanes: Sequence[Lane]) -> str:
    """What a person can do about lanes that stay shut until somebody opens them."""
    it = lanes[0]
    if it.domain or it.until or it.mode not in {"stopped", "paused"}:
        return ""
    if len(lanes) > 1:
        return f"; `postwright warmup resume --address {it.address}` opens all that is shut there"
    return f"; `postwright warmup resume --address {it.address} --provider {it.provider}` opens it"


def state(it: Lane) -> str:
    """The mode, with its end if it has one."""
    return f"{it.mode} until {moment(it.until, it.now)}" if it.until and it.trouble else it.mode


def mark(it: Lane) -> str:
    """What tells without colours how a lane is."""
    return "✗" if it.trouble >= _BAD else "!" if it.trouble else " "


def meaning(it: Lane) -> Meaning:
    """What colours tell of it."""
    return "bad" if it.trouble >= _BAD else "warning" if it.trouble else ""


def joined(
    answers: Mapping[str, Sequence[Mapping[str, Any]]], failed: Mapping[str, str], chosen: Chosen
) -> FleetStatus:
    """The status of a fleet from each host's answers, of which the first is that to ``status``."""
    good = {host: them[0] for host, them in answers.items() if them and host not in failed}
    return FleetStatus(tuple(host_status(host, said, chosen) for host, said in good.items()), failed)
