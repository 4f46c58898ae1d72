"""Hosts of a lab as the benchmarks' subject: set up by a real apply, and what there is to ask of them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from operators import Operator, lab_operator, leave, project

from postwright import material
from postwright.hosts.bundles import HostState, ready_bundle
from postwright.hosts.fit import fit_request
from postwright.hosts.plan import look_request
from postwright.hosts.remote import package
from postwright.hosts.runner import read_project
from postwright.lab import state
from postwright.lab.layout import Layout
from postwright.services.bundle import Bundle

LAB = "lab7"
NOTHING = "changed: 0 steps on hosts, 0 zones in DNS"


def environment() -> Mapping[str, str]:
    """What all commands run in."""
    return {**os.environ, "POSTWRIGHT_LAB": LAB}


def settled(folder: Path, *hosts: str, code: str = "") -> Operator:
    """A fresh lab with these hosts, set up so that one more apply changes nothing. ``code`` ends their inventory."""
    os.environ["POSTWRIGHT_LAB"] = LAB
    print(f"a lab with {', '.join(hosts)}, and a first apply", flush=True)
    operator = lab_operator(folder, LAB, *hosts)
    try:
        os.chdir(operator.folder)
        with operator.inventory.open("a") as file:
            file.write(code)
        operator.run("apply", "-y", "--no-verify")
    except BaseException:
        leave(operator)
        raise
    return operator


def of(operator: Operator, *hosts: str) -> Operator:
    """Another project on the same lab, of these hosts of it only."""
    return project(operator.folder.parent / "-".join(hosts), LAB, *hosts)


def unchanged(output: str) -> str:
    """What is wrong with the output of an apply that is to change nothing."""
    return "" if NOTHING in output else "it changed something"


def address(host: str) -> str:
    return Layout.named(LAB).addresses(host)[0]


def ssh(to: str, *options: str) -> list[str]:
    """ssh to an address, by the lab's keys; the host key of ``to`` must be known by that name."""
    lab = state.load(LAB)
    known = f"UserKnownHostsFile={lab.known_hosts}"
    return [
        "ssh",
        "-F",
        "none",
        "-i",
        str(lab.ssh_key),
        "-o",
        known,
        "-o",
        "StrictHostKeyChecking=yes",
        *options,
        f"root@{to}",
    ]


def bundle(inventory: Path, host: str) -> Bundle:
    """What the host is to have."""
    found = read_project(inventory)
    states = json.loads((found.base / ".postwright/hosts.json").read_text())  # as the last apply found them
    return ready_bundle(found, found.fleet.host(host), HostState(**states[host]), material.passphrase_of(found))


def look_script(inventory: Path, host: str) -> str:
    """For ``python3 -``: the product's own script, asked at once for everything that an apply asks about the host."""
    project = read_project(inventory)
    request = fit_request(project, project.fleet.host(host)) | look_request(bundle(inventory, host))
    return package("look", request)


def looked(output: str) -> str:
    """What is wrong with an answer of ``look_script``."""
    found = json.loads(output.splitlines()[-1])
    return str(found.get("error", "")) or ("" if found["files"] and found["services"] else "it saw nothing")
