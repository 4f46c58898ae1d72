"""Whether an operator would take away the tunnel he comes by. Pure: judges an answer of remote/look.py.

The packet filter and sshd take themselves back if they lock out, for a new connection tries them; the tunnel has no such
roll-back, so what would end it is refused beforehand, and nothing forces it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from postwright.errors import DeployError
from postwright.hosts.plan import HostPlan
from postwright.model import Fleet, Host, Management
from postwright.services.wireguard import FILES

_OTHERWISE = 'First apply with "only": False, and say another address of it as "ssh_hostname"; then do this'


def tunnelled(system: dict[str, Any]) -> str:
    """The address of the operator, if he comes by the tunnel that is up now; else empty."""
    operator, reached = system.get("reached") or ("", "")
    inside = reached in system.get("tunnel_end", {}).get("addresses", ())
    return operator if inside and operator in system.get("tunnel", {}) else ""


def cut_by_apply(host: Host, fleet: Fleet, system: dict[str, Any], key: str) -> Iterator[str]:
    """Why the inventory would cut off who applies it, with what to do. ``key``: the public key the host is to have."""
    operator, reached = tunnelled(system), (system.get("reached") or ("", ""))[1]
    if operator and (ends := list(_ends(host, fleet.management, system, operator, key))):
        yield f"you come by the tunnel from {operator}, and {'; '.join(ends)}: you would be cut off. {_OTHERWISE}"
    elif not operator and fleet.management and fleet.management.only:
        yield (
            f"mail_fleet.management.only would close SSH to you: it is reached at {reached or 'an unknown address'}, not by "
            f'the tunnel. First apply with "only": False, and set your end up as `postwright show management` prints it; '
            f'then say "ssh_hostname": "{host.management}" here, and "only": True'
        )


def _ends(host: Host, coming: Management | None, system: dict[str, Any], operator: str, key: str) -> Iterator[str]:
    """What of his way would no longer be: either end's key, the port his end speaks to, the address he comes to."""
    if coming is None or host.management is None:
        yield "there would be no tunnel to it (mail_fleet.management, mail_host.management)"
        return
    end, reached = system["tunnel_end"], system["reached"][1]
    keys = {str(it.address): it.public_key for it in coming.operators.values()}
    if keys.get(operator) != system["tunnel"][operator]:
        yield "mail_fleet.management.operators no longer has that address with that key"
    if key != end["key"]:
        yield (
            f"its own key would be another, which your end does not know; restore management/{host.name}.pem and .pub of the "
            "keyring"
        )
    if str(coming.port) != end["port"]:
        yield f"its port would be {coming.port}, and your end speaks to {end['port']} (mail_fleet.management.port)"
    if str(host.management) != reached:
        yield f"its address would be {host.management}, and you come to {reached} (mail_host.management)"


def cut_by_rollback(operator: str, changed: Collection[str]) -> Iterator[str]:
    """Why a return to another tunnel is refused to who comes by it; its secrets do not leave the host to be looked at.

    ``operator``: as ``tunnelled`` says; ``changed``: the paths that going back changes.
    """
    found = sorted(set(FILES) & set(changed))
    if operator and found:
        yield (
            f"you come by the tunnel from {operator}, and that generation has another one ({', '.join(found)}): you could be "
            f"cut off. {_OTHERWISE}"
        )


def require_way_in(operators: Mapping[str, str], plans: Mapping[str, HostPlan]) -> None:
    """DeployError with every host that a rollback could cut its operator off from. ``operators``: host → as ``tunnelled``."""
    found = [
        f"host {host}: {problem}"
        for host, plan in plans.items()
        for problem in cut_by_rollback(operators[host], {it.path for it in plan.files})
    ]
    if found:
        raise DeployError("\n".join(found) + "\nno host was changed")
