"""The world of a contract test: a zone at one backend, a project directory, and an operator who runs postwright on them.

Promise: every test gets a zone of its own on a backend that runs for the whole session (``backends/``), and what it does it
does through the service functions the commands call. ``@pytest.mark.backends("knot", …)`` keeps a test to those named.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import pytest
from provider.backends import SLOTS, Backend, Outsider

from postwright.dns import publish
from postwright.dns.plan import DnsPlan
from postwright.dns.providers import PasteNeeded, Provider, provider_of
from postwright.keys.public import PublicKey
from postwright.model import Address, Dmarc, Domain, Fleet, Host, Keys, SecretSource, Ssh, TlsFiles, Zone

BACKENDS = ("knot", "bind", "powerdns", "cloudflare", "octodns", "zonefile")
_PASTES = 4  # how often a person is asked to paste in one step: once per zone, and one to spare


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "backends(*kinds): only with these backends, for what the others cannot do or have"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect, not skip: a test that makes no sense for a backend is no gap."""
    others = [item for item in items if not _concerns(item)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if _concerns(item)]


def _concerns(item: pytest.Item) -> bool:
    marks = [mark.args for mark in item.iter_markers("backends")]
    kind = getattr(item, "callspec", None) and item.callspec.params.get("backend")
    return kind is None or all(kind in kinds for kinds in marks)


@pytest.fixture(scope="session", params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    started = import_module(f"provider.backends.{request.param}").start(tmp_path_factory.mktemp(request.param))
    started.slots = iter(range(1, SLOTS + 1))
    yield started
    started.stop()


@dataclass(frozen=True)
class World:
    """``asked``: what each plan was made from, by the plan's identity, so that it can be made again."""

    backend: Backend
    slot: int
    project: Path
    asked: dict[int, tuple] = field(default_factory=dict, repr=False)

    @property
    def zone(self) -> str:
        return self.backend.zones(self.slot)[0]

    @property
    def reverse(self) -> str:
        return self.backend.zones(self.slot)[1]

    @property
    def ledger(self) -> Path:
        return self.project / "ledger"

    @property
    def outsider(self) -> Outsider:
        return self.backend.outsider(self.zone)

    def elsewhere(self, name: str) -> "World":
        """The same zone, seen from another operator's project."""
        project = self.project / name
        project.mkdir()
        return World(self.backend, self.slot, project)

    def ip(self, number: int) -> str:
        return f"10.{self.slot}.0.{number}"

    def key(self, selector: str = "s1", domain: str | None = None, size: int = 392) -> PublicKey:
        return PublicKey(domain or self.zone, selector, (selector * size)[:size])

    def provider(self, **changes):
        return self.backend.provider(self.project, **changes)

    def opened(self, fleet: Fleet | None = None) -> Provider:
        """The provider itself, as ``publish`` opens it; patch its class to break it."""
        fleet = fleet or self.fleet()
        return provider_of(fleet, fleet.zones[0], self.project)

    def fleet(
        self, *, numbers=(1,), names=None, mx="hosts", spf_all="~all", policy="none", ttl=300, zones=None, provider=None
    ) -> Fleet:
        """Hosts mail<n>.<zone> at 10.<slot>.0.<n>, the domains in ``names`` (None: the zone itself) and no reverse zone."""
        domains = [
            Domain(name=name, mx=mx, spf_all=spf_all, dmarc=Dmarc(policy=policy))
            for name in ([self.zone] if names is None else names)
        ]
        tls = TlsFiles(certificate=Path("cert.pem"), key=Path("key.pem"))
        hosts = [
            Host(
                name=f"mail{number}",
                ssh=Ssh(hostname="192.0.2.1"),
                tls=tls,
                addresses=(Address(ip=self.ip(number), helo=f"mail{number}.{self.zone}"),),
            )
            for number in numbers
        ]
        return Fleet(
            hosts=hosts,
            domains=domains,
            zones=[
                Zone(name=name, provider="ns", ttl=ttl, **self.backend.zone_fields(name))
                for name in zones or [self.zone]
            ],
            providers={"ns": provider or self.provider()},
            keys=Keys(directory=Path("keys"), passphrase=SecretSource(env="UNUSED")),
            postmaster=f"postmaster@{self.zone}",
        )

    def plan(self, fleet: Fleet, keys: Sequence[PublicKey] | None = None, **options) -> DnsPlan:
        keys = [self.key()] if keys is None else keys
        plan = publish.plan(fleet, keys, self.project, self.ledger, **options)
        return self.remember(plan, lambda later: self.plan(later, keys, **options))

    def remember(self, plan: DnsPlan, again: Callable[[Fleet], DnsPlan]) -> DnsPlan:
        """The plan; ``again`` makes it anew, for after a paste."""
        self.asked[id(plan)] = (plan, again)
        return plan

    def undo(self, applied: DnsPlan, **options) -> DnsPlan:
        """Plan to take an applied plan back."""
        plan = publish.plan_undo(applied, self.fleet(), self.project, self.ledger, **options)
        return self.remember(plan, lambda _: self.undo(applied, **options))

    def additive(self, plan: DnsPlan, fleet: Fleet) -> DnsPlan:
        """The first step; the plan to go on with, which is another one where a person had to paste."""
        for _ in range(_PASTES):
            try:
                publish.apply_additive(plan, fleet, self.project, self.ledger)
            except PasteNeeded:
                plan = self._pasted(plan, fleet)
            else:
                return plan
        raise AssertionError("pasted everything, and again something was to be pasted")

    def subtractive(self, plan: DnsPlan, fleet: Fleet) -> None:
        for _ in range(_PASTES):
            try:
                publish.apply_subtractive(plan, fleet, self.project, self.ledger)
            except PasteNeeded:
                plan = self.additive(self._pasted(plan, fleet), fleet)
            else:
                return
        raise AssertionError("pasted everything, and again something was to be pasted")

    def apply(self, fleet: Fleet, keys: Sequence[PublicKey] | None = None, **options) -> DnsPlan:
        """Plan and both steps; afterwards a second plan must be empty, whatever the test is about."""
        plan = self.plan(fleet, keys, **options)
        self.subtractive(self.additive(plan, fleet), fleet)
        assert self.plan(fleet, keys).is_empty
        return plan

    def _pasted(self, plan: DnsPlan, fleet: Fleet) -> DnsPlan:
        """A person has pasted what was written down; what is left to do is a new plan's matter."""
        self.backend.settle(self.project)
        _, again = self.asked[id(plan)]
        return again(fleet)


@pytest.fixture
def world(backend: Backend, tmp_path: Path) -> World:
    return World(backend, next(backend.slots), tmp_path)
