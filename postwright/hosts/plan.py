"""What would change on a host: a value made from what it is to have and what it has. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from postwright.keys.signing import Held
from postwright.mailboxes import ROOT
from postwright.services.bundle import Activation, Bundle, drop_in, reload_stamp, unit_file
from postwright.services.parts import HostFile
from postwright.services.postfix import DRAINED
from postwright.services.tls import CERTIFICATE

Seen = Mapping[str, Any]  # one answer of remote/look.py


@dataclass(frozen=True)
class FileChange:
    """A file that is made, replaced or removed. ``diff`` is unified; of a secret file it says only that it differs."""

    path: str
    what: str
    diff: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostPlan:
    """Everything an apply would do to one host; empty means that host is as described.

    ``repairs``: what is wrong with the host itself, in words. ``notes`` are no changes. ``adopts``: files somebody else has
    configured the host with, which are saved there before they are replaced. ``drained``: it takes no mail in, or will not
    then. ``holds``: the keys this is a plan for; what a host is to hold changes with time.
    """

    host: str
    packages: tuple[str, ...]
    files: tuple[FileChange, ...]
    restarts: tuple[str, ...]
    stops: tuple[str, ...] = ()
    reloads: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    adopts: tuple[str, ...] = ()
    drained: bool = False
    holds: tuple[Held, ...] = ()

    @property
    def changes(self) -> int:
        """How many single things would change."""
        return sum(map(len, (self.packages, self.files, self.restarts, self.stops, self.reloads, self.repairs)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def host_plan(bundle: Bundle, seen: Seen) -> HostPlan:
    """Compare with the answers to ``look_request`` and ``text_request``. A service restarts, or reloads if that is enough, when it does not run what will be on disk."""
    files = tuple(file_changes(bundle, seen))
    void = void_stamps(bundle, (change.path for change in files))
    states = [(activation, seen["services"][activation.name]) for activation in bundle.activations]
    restarts = [it for it, state in states if it.name in void or must_restart(state)]
    reloads = [
        it for it, state in states if it not in restarts and (reload_stamp(it.name) in void or must_reload(state))
    ]
    stops = still_running(bundle, seen)
    return HostPlan(
        bundle.host,
        missing_packages(bundle, seen),
        files,
        _titles(restarts),
        _titles(stops),
        _titles(reloads),
        repairs=tuple(repairs(seen, files)),
        notes=tuple(left_behind(bundle, seen)),
        adopts=tuple(path for _, paths in bundle.adopts for path in paths),
        drained=any(file.path == DRAINED for file in bundle.files),
    )


def repairs(seen: Seen, changes: Iterable[FileChange]) -> Iterator[str]:
    """What no file and no service says: a guard that would keep services down, a certificate nobody should be served."""
    if seen["guarded"]:
        yield "remove the guard of an installation that was cut off"
    if not seen.get("certificate", True) and CERTIFICATE not in {change.path for change in changes}:
        yield f"stop at {CERTIFICATE}, which is not valid today"


def left_behind(bundle: Bundle, seen: Seen) -> Iterator[str]:
    """Mail that no apply will ever remove."""
    for path in seen.get("mailboxes", ()):
        if path not in (bundle.mailboxes or ()):
            yield f"{path}: the mail of a mailbox that is no longer of this host; it stays, remove it by hand when nobody needs it"


def _titles(activations: Iterable[Activation]) -> tuple[str, ...]:
    return tuple(activation.title for activation in activations)


def still_running(bundle: Bundle, seen: Seen) -> list[Activation]:
    """Services we once set up that are no longer wanted. One somebody else runs here has neither a drop-in nor a unit of ours."""
    marks = {activation: {drop_in(activation), unit_file(activation)} for activation in bundle.retired}
    ours = (activation for activation in bundle.retired if marks[activation] & set(seen["managed"]))
    states = ((activation, seen["services"][activation.name]) for activation in ours)
    return [activation for activation, state in states if state["active"] or state["enabled"]]


def void_stamps(bundle: Bundle, paths: Iterable[str]) -> list[str]:
    """The stamps that no longer hold once these files have changed, even if the files end as they were."""
    changed = set(paths)
    return [
        stamp
        for activation in bundle.activations
        for stamp, stamped in activation.stamps.items()
        if changed & {*stamped, drop_in(activation)}
    ]


def missing_packages(bundle: Bundle, seen: Seen) -> tuple[str, ...]:
    """Packages that are not installed."""
    return tuple(package for package in bundle.packages if package not in seen["packages"])


def must_restart(service: Mapping[str, bool]) -> bool:
    """Whether a service is not enabled, not active, or was started with something else than what is on disk.

    One that cannot run in this container needs only be enabled.
    """
    runs = not service["wanted_here"] or (service["active"] and service["current"])
    return not (service["enabled"] and runs)


def must_reload(service: Mapping[str, bool]) -> bool:
    """Whether a service runs without what a reload would make it take up."""
    return service["active"] and not service["loaded"]


def differing_files(bundle: Bundle, seen: Seen) -> list[HostFile]:
    """The files whose content, mode or owner is not as described."""
    return [file for file in bundle.files if _difference(file, seen["files"].get(file.path))]


def obsolete_files(bundle: Bundle, seen: Seen) -> list[str]:
    """Files an earlier apply put there that are no longer part of the description."""
    wanted = {file.path for file in bundle.files}
    return [path for path in seen["managed"] if path not in wanted and path not in bundle.kept]


def lasting_files(bundle: Bundle, seen: Seen) -> list[str]:
    """Those of the obsolete files that must stay until everything runs as described."""
    return [path for path in obsolete_files(bundle, seen) if path.startswith(bundle.lasting)]


def wrong_directories(bundle: Bundle, seen: Seen) -> list[str]:
    """Directories that are missing or have other permissions."""
    found = seen["files"]
    return [
        directory.path
        for directory in bundle.directories
        if (state := found.get(directory.path)) is None
        or (state["mode"], state["owner"], state["group"]) != (directory.mode, directory.owner, directory.group)
    ]


def file_changes(bundle: Bundle, seen: Seen) -> Iterator[FileChange]:
    """The same as the operator reads it."""
    texts = seen.get("texts", {})
    for path in wrong_directories(bundle, seen):
        yield FileChange(path, "directory")
    for file in differing_files(bundle, seen):
        state = seen["files"].get(file.path)
        yield FileChange(file.path, _difference(file, state), _diff(file, texts.get(file.path, "")))
    for path in obsolete_files(bundle, seen):
        yield FileChange(path, "removed")


def _difference(file: HostFile, state: Mapping[str, Any] | None) -> str:
    """In a word what is different, or nothing."""
    if state is None:
        return "new"
    if not state["regular"]:
        return "replaces what is no regular file"
    if state["sha256"] != file.sha256:
        return "changed"
    if (state["mode"], state["owner"], state["group"]) != (file.mode, file.owner, file.group):
        return (
            f"{state['mode']:04o} {state['owner']}:{state['group']} becomes {file.mode:04o} {file.owner}:{file.group}"
        )
    return ""


def _diff(file: HostFile, before: str) -> tuple[str, ...]:
    if file.secret:
        return ("(secret: not shown)",)
    after = file.content.decode("utf-8", "replace")
    name = file.path.removeprefix("/")
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="", n=2)
    return tuple(lines)


def look_request(bundle: Bundle) -> dict[str, Any]:
    """The question whose answer tells all that an apply decides by."""
    paths = [file.path for file in bundle.files]
    return {
        "packages": bundle.packages,
        "files": [*paths, *(directory.path for directory in bundle.directories)],
        "services": [service_request(activation) for activation in (*bundle.activations, *bundle.retired)],
        **({} if bundle.mailboxes is None else {"mailboxes": f"{ROOT}/*/*"}),
        **({"certificate": CERTIFICATE} if CERTIFICATE in paths else {}),
    }


def text_request(bundle: Bundle, seen: Seen) -> dict[str, Any]:
    """The question for the text of files that would change, as far as they are no secrets; empty if there are none."""
    differing = [file.path for file in differing_files(bundle, seen) if not file.secret and file.path in seen["files"]]
    there = [path for path in differing if seen["files"][path]]
    return {"texts": there} if there else {}


def service_request(activation: Activation) -> dict[str, Any]:
    """A unit as the scripts of ``remote/`` want it described."""
    return {
        "name": activation.name,
        "unit": activation.unit,
        "stamped": activation.stamped,
        "reloaded": activation.reloaded,
        "ready": activation.ready,
        "milter": activation.milter,
        "holds": activation.holds,
    }
