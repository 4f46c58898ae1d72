"""What an inventory says of the management network: a WireGuard tunnel from operators to hosts. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from postwright import values
from postwright.model.fields import Identifier, IPAddress, IPNetwork, NotEmpty, Port, Strict


class ManagementOperator(Strict):
    """A machine of an operator: its WireGuard public key (``wg pubkey``) and its address in the tunnel."""

    public_key: Annotated[str, AfterValidator(values.wireguard_key)]
    address: IPAddress


class Management(Strict):
    """The tunnel hosts are managed by. Each host has an address in ``network``, and listens on UDP ``port``.

    ``only``: SSH and ``pacing.metrics`` are let in by the tunnel alone, and ``firewall.ssh_from`` does not count.
    """

    network: IPNetwork
    port: Port = 51820
    operators: Annotated[dict[Identifier, ManagementOperator], NotEmpty]
    only: bool = False
