"""pyinfra operations. Each decides by what is seen of the host, and yields nothing if all is well.

Scripts and their payload, which holds keys, travel on standard input: never in arguments, never through a file.
"""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from pyinfra.api import FunctionCommand, StringCommand, operation
from pyinfra.api.exceptions import ConnectError
from pyinfra.context import host

from postwright.hosts import generations, plan
from postwright.hosts.adapter import complaints, hang_up
from postwright.hosts.looking import forget, seen
from postwright.hosts.remote import package
from postwright.services.bundle import Activation, Bundle, manifest
from postwright.services.parts import HostFile

ROLLBACK_SECONDS = 60

Commands = Generator[StringCommand | FunctionCommand, None, None]

_NEW = {"firewall": "the new firewall rules let", "ssh": "the new settings of sshd let"}


def script(name: str, request: dict[str, Any]) -> StringCommand:
    """A script of remote/ that changes something, as a command, all of it on standard input."""
    forget()
    return StringCommand("python3", "-", _stdin=package(name, request))


@operation()
def packages(names: tuple[str, ...]) -> Commands:
    """Install what is missing; services stay down until they are configured."""
    found = seen({"packages": names})
    missing = [name for name in names if name not in found["packages"]]
    # A run that was cut off may have left its guard, which would keep services down for good.
    if missing or found["guarded"]:
        yield script("install", {"packages": missing})
    else:
        host.noop("all packages are installed")


@operation()
def files(bundle: Bundle) -> Commands:
    """Bring all files of a host to what they are to be, validated as a set and moved into place by rename.

    What must last until services have let go of it stays, and stays listed as ours, for ``unwanted`` to remove.
    """
    found = seen(plan.look_request(bundle))
    lasting = plan.lasting_files(bundle, found)
    kept = replace(bundle, files=(*bundle.files[:-1], manifest([*(file.path for file in bundle.files), *lasting])))
    differing = plan.differing_files(kept, found)
    obsolete = [path for path in plan.obsolete_files(bundle, found) if path not in lasting]
    if differing or obsolete or plan.wrong_directories(bundle, found):
        yield script("converge", _converge_request(bundle, differing, obsolete))
    else:
        host.noop("all files are as described")


@operation()
def unwanted(bundle: Bundle) -> Commands:
    """Stop services we set up once, and remove the files that had to last until now; nobody asks for either any more."""
    found = seen(plan.look_request(bundle))
    units = [activation.unit for activation in plan.still_running(bundle, found)]
    obsolete = plan.obsolete_files(bundle, found)
    forget()
    if units:
        yield StringCommand("systemctl", "disable", "--quiet", "--now", *units)
    if obsolete:
        yield script("converge", _converge_request(bundle, plan.differing_files(bundle, found), obsolete, last=True))
    if any(path.startswith(generations.UNITS) for path in obsolete):
        yield StringCommand("systemctl", "daemon-reload")
    if not (units or obsolete):
        host.noop("nothing is left that is no longer wanted")


def _converge_request(
    bundle: Bundle, differing: list[HostFile], obsolete: list[str], *, last: bool = False
) -> dict[str, Any]:
    """``last``: what is put in place is only what is left to do of a state that is kept already."""
    return {
        "packages": () if last else bundle.packages,
        "adopt": () if last else [package for package, _ in bundle.adopts],
        "keep": None if last else generations.keep_request(bundle),
        "private": generations.PRIVATE if bundle.generations else (),
        "files": [_payload(file) for file in differing],
        "directories": [
            {"path": item.path, "mode": item.mode, "owner": item.owner, "group": item.group}
            for item in bundle.directories
        ],
        "remove": obsolete,
        "void": plan.void_stamps(bundle, [file.path for file in differing]),
        "checks": [generations.check_request(service, check) for service, check in bundle.checks],
    }


def _payload(file: HostFile) -> dict[str, Any]:
    kept = {"generation": file.number} if isinstance(file, generations.KeptFile) else {}
    return {
        "path": file.path,
        **(kept or {"content": base64.b64encode(file.content).decode()}),
        "mode": file.mode,
        "owner": file.owner,
        "group": file.group,
        "replace_link": file.replace_link,
    }


@operation()
def running(activation: Activation) -> Commands:
    """Restart the service if it does not run what is on disk; reload it if that is all it needs."""
    state = _service_state(activation)
    if plan.must_restart(state):
        yield script("activate", {"service": plan.service_request(activation)})
    elif plan.must_reload(state):
        yield script("reload", {"service": plan.service_request(activation)})
    else:
        host.noop(f"{activation.unit} runs what is on disk")


@operation()
def tried(activation: Activation, hint: str) -> Commands:
    """Take up what could lock out; unless a new SSH connection gets through, the host takes it back by itself.

    ``hint`` is what to look at then.
    """
    state = _service_state(activation)
    if not (plan.must_restart(state) or plan.must_reload(state)):
        host.noop(f"{activation.title}: as described")
        return
    yield script("trial", {"what": activation.name, "step": "try", "seconds": ROLLBACK_SECONDS})
    yield FunctionCommand(_confirm_over_a_new_connection, (activation, hint), {})


def _confirm_over_a_new_connection(state: Any, host: Any, activation: Activation, hint: str) -> bool:
    """Confirm what is new over a connection made after it was taken up; if none comes about, take it back.

    The parameters' names matter: pyinfra takes notice of what a function returns only if it has these two.
    """
    connector = type(host.connector)(state, host)
    try:
        connector.connect()
        done, output = _run(connector, activation.name, "confirm")
    except (ConnectError, OSError) as error:
        _run(host.connector, activation.name, "rollback")
        complaints[host.name] = (
            f"{_NEW[activation.name]} no new SSH connection in ({error}); they were taken back. {hint}"
        )
        return False
    finally:
        hang_up(connector)
    if not done:
        complaints[host.name] = output
    return done


def _run(connector: Any, what: str, step: str) -> tuple[bool, str]:
    done, output = connector.run_shell_command(
        StringCommand("python3", "-"),
        _stdin=package("trial", {"what": what, "step": step}),
        _sudo=bool(host.data.get("_sudo")),
    )
    return bool(done), str(output.stderr)


@operation()
def certificate(path: str) -> Commands:
    """Stop if the certificate on disk is no longer valid: Postfix would serve it to everybody."""
    if seen({"certificate": path})["certificate"]:
        host.noop("the certificate on disk is valid")
    else:
        yield StringCommand("openssl", "x509", "-noout", "-enddate", "-checkend", "0", "-in", path)


@operation()
def certified(activation: Activation) -> Commands:
    """Have a certificate issued if there is none that fits, and see that it is renewed."""
    if plan.must_restart(_service_state(activation)):
        yield script("acme", {"timer": activation.unit})
    else:
        host.noop("the certificate on disk fits, and its timer runs")


def _service_state(activation: Activation) -> dict[str, bool]:
    return dict(seen({"services": [plan.service_request(activation)]})["services"][activation.name])
