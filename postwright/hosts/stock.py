"""For stock pyinfra: the bundle of the host it is working on, made from the inventory it was given."""

from __future__ import annotations

import sys
from pathlib import Path

from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import host, inventory

from postwright import material
from postwright.errors import DeployError, PostwrightError
from postwright.hosts.bundles import HostState, ready_bundle, tunnel_key
from postwright.hosts.inventory_file import host_data
from postwright.hosts.looking import look
from postwright.hosts.way_in import cut_by_apply
from postwright.inventory import project_of
from postwright.services.bundle import Bundle


def current_bundle() -> Bundle:
    """What pyinfra's current host is to have. Paths of the inventory are relative to its file, as everywhere."""
    system = look({"system": True})["system"]
    state = HostState(system["release"], system["drained"], system["cores"], system["memory"])
    try:
        project = project_of(host_data(inventory), _inventory_file())
        ours = project.fleet.host(host.name)
        if cut := "; ".join(cut_by_apply(ours, project.fleet, system, tunnel_key(project, ours))):
            raise DeployError(f"host {host.name}: {cut}\nno host was changed")
        return ready_bundle(project, ours, state, material.passphrase_of(project))
    except PostwrightError as error:
        raise PyinfraError(str(error)) from None  # the kind pyinfra prints without a traceback


def _inventory_file() -> Path:
    """pyinfra does not tell deploys which inventory file it read; it is the first Python file of the command line."""
    return next(Path(argument) for argument in sys.argv[1:] if argument.endswith(".py") and Path(argument).is_file())
