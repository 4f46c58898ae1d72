"""What a provider's limit on calls means for those who wait: told before it begins, and whenever it stands still."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from postwright.dns.providers import Provider

if TYPE_CHECKING:
    from postwright.dns.providers.cloudflare.budget import Budget

_WORTH_TELLING = 1.0  # seconds


@runtime_checkable
class Rationed(Protocol):
    """A provider that may be called so many times in so many seconds."""

    name: str

    @property
    def budget(self) -> Budget:
        """What is left."""

    def calls(self, read: Collection[str], written: Collection[str]) -> int:
        """How many calls it takes at least to read zones, and to write zones that were read before."""


def announce(
    providers: Mapping[str, Provider], read: Collection[str], written: Collection[str], told: Callable[[str], None]
) -> None:
    """Tell how long a step will last at least, where a limit makes it wait; from now on tell of each wait, too.

    ``providers``: of each zone; ``read`` and ``written``: the zones that are to be read and written now.
    """
    for provider in {id(it): it for it in providers.values()}.values():
        if isinstance(provider, Rationed):
            mine = [[zone for zone in zones if providers[zone] is provider] for zones in (read, written)]
            _announce(provider, provider.calls(*mine), told)


def _announce(provider: Rationed, calls: int, told: Callable[[str], None]) -> None:
    budget = provider.budget
    budget.waiting = lambda seconds: told(f"waiting {seconds:.0f} s, for provider {provider.name} limits calls")
    seconds = budget.forecast(calls)
    if seconds >= _WORTH_TELLING:
        limit = f"{budget.limit:,} may be made in {budget.window / 60:.0f} minutes"
        told(f"provider {provider.name}: {calls:,} calls, of which {limit}: takes {_minutes(seconds)} at least")


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} s"  # noqa: PLR2004 - then seconds no longer matter
