"""Lanes: one Postfix transport per sending address and provider, and all else that pacing says in Postfix's words.

Pure. A lane's name is made of the address, not of its place in the inventory, so mail that was given a lane never leaves
from another address when the inventory changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from postwright.gates import GATE, GATE_PORT, Gate, gates
from postwright.model import Address, Fleet, Host, Pacing, Relay
from postwright.model.streams import RELAY
from postwright.pacing.providers import OTHER, Provider

POLICY_SOCKET = "/var/spool/postfix/pacing/policy.sock"
UNBIND = "/etc/postwright/agent/unbind"  # frees mail of lanes that are no more
RELAY_PASSWORDS = "/etc/postfix/relay_password"
# A message grows on its way through the gate, by a Received header and its recipient as it was first given.
GATE_ROOM = 65_536


@dataclass(frozen=True)
class Lane:
    """What leaves from one address to one provider."""

    address: Address
    provider: Provider

    @property
    def name(self) -> str:
        """The transport; its log says ``postfix/NAME/smtp``."""
        return f"{self.address.label}-{self.provider.name}"

    @property
    def holding(self) -> str:
        """The restriction class that gives a message this lane and holds it."""
        return "hold_" + self.name.replace("-", "_")


@dataclass(frozen=True)
class Smarthost:
    """A relay as Postfix has it: a transport, and what it logs in with in a table of its own, for two may share a server."""

    name: str
    relay: Relay

    @property
    def transport(self) -> str:
        return "relay-out" if self.name == RELAY else f"relay-out-{self.name}"

    @property
    def filter(self) -> str:
        return f"{self.transport}:{self.relay.nexthop}"

    @property
    def passwords(self) -> str:
        return RELAY_PASSWORDS if self.name == RELAY else f"{RELAY_PASSWORDS}_{self.name}"


@dataclass(frozen=True)
class Paced:
    """What the templates of Postfix need of pacing."""

    lanes: tuple[Lane, ...]
    when_down: str
    relays: tuple[Smarthost, ...]
    gates: tuple[Gate, ...]
    headers: bool
    gate: str = GATE
    gate_port: int = GATE_PORT
    room: int = GATE_ROOM


_HELD = "pace_agent_down"


def pacing_of(fleet: Fleet) -> Pacing:
    """What the fleet says of pacing, or what holds where it says nothing."""
    return fleet.pacing or Pacing()


def lanes(fleet: Fleet, host: Host) -> tuple[Lane, ...]:
    """Every lane of a paced host: addresses in inventory order, providers in theirs."""
    providers = pacing_of(fleet).providers_in_use
    return tuple(Lane(address, provider) for address in host.addresses for provider in providers)


def paced(fleet: Fleet, host: Host) -> Paced | None:
    """What Postfix of this host is to say of pacing; None if its mail is not paced."""
    if not fleet.paces(host):
        return None
    pacing = pacing_of(fleet)
    made = lanes(fleet, host)
    headers = any(it.headers for it in pacing.streams.values())
    return Paced(made, _when_down(pacing, made), smarthosts(pacing), gates(pacing), headers)


def smarthosts(pacing: Pacing) -> tuple[Smarthost, ...]:
    """The relays, that of the key ``relay`` first."""
    return tuple(Smarthost(name, it) for name, it in pacing.all_relays.items())


def _when_down(pacing: Pacing, made: tuple[Lane, ...]) -> str:
    """What Postfix is to do with a message that the agent cannot be asked about."""
    if pacing.failure == "refuse":
        return "451 4.3.0 pacing cannot be asked now, try again later"
    if pacing.failure == "pass":
        return f"FILTER {next(lane.name for lane in made if lane.provider.name == OTHER)}:"
    return _HELD
