"""Plans hosts from one look at each, which is under way while other things are read.

What is to be looked at depends on what a host is: its release, whether it is drained. Each is taken to be what it was
last; one that is not is looked at again, so a wrong guess costs a round trip and never a wrong plan.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from postwright import material
from postwright.errors import UsageError
from postwright.files import write_atomically
from postwright.hosts import process
from postwright.hosts.bundles import HostState, planned_bundle
from postwright.hosts.fit import fit, fit_request, problems, require_none
from postwright.hosts.plan import HostPlan, host_plan, look_request, text_request
from postwright.inventory import Project
from postwright.keys.signing import Held
from postwright.services.bundle import Bundle
from postwright.terms import OfHosts

_NO_TERMS = OfHosts()
_FIRST_GUESS = HostState("13")
Answer = dict[str, Any]  # of remote/look.py


@dataclass(frozen=True)
class Planned:
    """The plans of hosts, in the inventory's order. ``unreachable``: host → why there is none."""

    plans: tuple[HostPlan, ...]
    unreachable: Mapping[str, str]


def begun(project: Project, keys: Mapping[str, Sequence[Held]], terms: OfHosts = _NO_TERMS) -> Callable[[], Planned]:
    """Begin to find out what an apply would change on each host; connects and reads. The function waits for the end.

    ``keys``: those each host is to have. DeployError lists every host that is not fit.
    """
    planning = _Planning(project, keys, terms)
    finish = planning.look()
    return lambda: planning.ended(finish)


@dataclass
class _Planning:
    """One look at all hosts. What is known of a host is let go as soon as its plan is made: there may be many."""

    project: Project
    keys: Mapping[str, Sequence[Held]]
    terms: OfHosts
    bundles: dict[str, Bundle] = field(default_factory=dict)
    plans: dict[str, HostPlan] = field(default_factory=dict)
    states: dict[str, HostState] = field(default_factory=dict)
    again: dict[str, tuple[Bundle, Answer, Answer]] = field(default_factory=dict)  # bundle, what was seen, what to ask
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.passphrase = material.passphrase_of(self.project)
        self.guesses = _remembered(self.project)

    def look(self) -> Callable[[process.Report], Any]:
        """Ask for all hosts at once."""
        requests = {}
        for host in self.project.fleet.hosts:
            bundle = self.bundles[host.name] = self.bundle(host.name, self.guesses.get(host.name, _FIRST_GUESS))
            requests[host.name] = fit_request(self.project, host) | look_request(bundle)
        return self.asked(requests)

    def asked(self, requests: dict[str, Answer]) -> Callable[[process.Report], Any]:
        return process.asked({"action": "look", "inventory": str(self.project.inventory), "requests": requests})

    def bundle(self, host: str, state: HostState) -> Bundle:
        return planned_bundle(self.project, self.project.fleet.host(host), state, self.passphrase, self.keys[host])

    def ended(self, finish: Callable[[process.Report], Any]) -> Planned:
        """All plans, when each host has answered, or will not."""
        unreachable = finish(lambda line: self.seen(line["host"], line["answer"]))
        require_none(self.problems)
        while self.again:
            lost = self.asked({name: question for name, (_, _, question) in self.again.items()})(self.seen_more)
            unreachable |= lost
            self.again = {name: it for name, it in self.again.items() if name not in lost}
        _remember(self.project, self.guesses, self.states)
        hosts = (host.name for host in self.project.fleet.hosts)
        return Planned(tuple(self.plans[host] for host in hosts if host in self.plans), unreachable)

    def seen(self, name: str, answer: Answer) -> None:
        """A host has answered the first question."""
        guessed = self.bundles.pop(name)
        if found := list(problems(self.project, self.project.fleet.host(name), answer, self.terms)):
            self.problems += found
            return
        found_fit = fit(name, answer, self.terms)
        self.states[name] = found_fit.state
        right = found_fit.state == self.guesses.get(name, _FIRST_GUESS)
        bundle = guessed if right else self.bundle(name, found_fit.state)
        bundle = replace(bundle, adopts=found_fit.foreign)
        if look_request(bundle) == look_request(guessed):
            self.planned(bundle, answer)
        else:
            self.again[name] = (bundle, answer, look_request(bundle))

    def seen_more(self, line: dict[str, Any]) -> None:
        """A host has answered another question."""
        bundle, before, _ = self.again.pop(line["host"])
        self.planned(bundle, before | line["answer"])

    def planned(self, bundle: Bundle, seen: Answer) -> None:
        """All is known but, maybe, the text of files that would change."""
        question = {} if "texts" in seen else text_request(bundle, seen)
        if question:
            self.again[bundle.host] = (bundle, seen, question)
        else:
            self.plans[bundle.host] = replace(host_plan(bundle, seen), holds=tuple(self.keys[bundle.host]))


def _place(project: Project) -> Path:
    return project.base / ".postwright" / "hosts.json"


def _remembered(project: Project) -> dict[str, HostState]:
    """What hosts were when they were last looked at; nothing if nobody knows."""
    try:
        return {name: HostState(**it) for name, it in json.loads(_place(project).read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(project: Project, before: Mapping[str, HostState], states: Mapping[str, HostState]) -> None:
    if not states.items() <= before.items():
        known = sorted({**before, **states}.items())
        text = json.dumps({name: asdict(state) for name, state in known}, indent=1)
        with contextlib.suppress(UsageError):  # it only makes the next look quicker
            write_atomically(_place(project), f"{text}\n".encode())
