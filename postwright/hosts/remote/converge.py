"""Puts files in place as a set: staged, validated by the programs that read them, then renamed one by one.

Nothing under /etc changes when a check fails. A file is never half-written, and a secret is never readable by others:
it is created 0600, given its owner, and only then moved to its name. A run cut off anywhere is completed by the next.
"""

from __future__ import annotations

import base64
import contextlib
import grp
import os
import pwd
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from postwright.hosts.remote.common import RUN, STATE, answer, exclusive, fail, run
from postwright.hosts.remote.configured import CLAIMED, note, require_ours, save
from postwright.hosts.remote.keeping import MANIFEST, PENDING, begin, copy_of, keep, purge

TEMPORARY = ".postwright-new-"


def require_space(request: dict[str, Any]) -> None:
    """Stop before anything is written if it could not all be."""
    needed = 3 * sum(len(item.get("content", "")) for item in request["files"]) + 20_000_000
    for path in ("/etc", "/var"):
        free = shutil.disk_usage(path).free
        if free < needed:
            fail(
                f"disk full: {path} has {free // 1_000_000} MB free, {needed // 1_000_000} MB are needed; no file was changed, make room and run again"
            )


def content(item: dict[str, Any]) -> bytes:
    """What a file is to hold: sent along, or what a kept state of this host has."""
    if "generation" in item:
        return copy_of(item["generation"], item["path"]).read_bytes()
    return base64.b64decode(item["content"])


def ids(item: dict[str, Any]) -> tuple[int, int]:
    """Owner and group as numbers."""
    return pwd.getpwnam(item["owner"]).pw_uid, grp.getgrnam(item["group"]).gr_gid


def write(path: Path, item: dict[str, Any]) -> None:
    """Create ``path`` with the item's content, owner and mode, in this order: 0600 and root's until it is complete."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb", closefd=False) as stream:
            stream.write(content(item))
        os.fchown(handle, *ids(item))
        os.fchmod(handle, item["mode"])
        os.fsync(handle)
    finally:
        os.close(handle)


def place(root: str, item: dict[str, Any]) -> None:
    """Replace the item's target below ``root`` by rename."""
    target = Path(f"{root}{item['path']}")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f"{TEMPORARY}{target.name}"
    temporary.unlink(missing_ok=True)
    if target.is_symlink() and not item["replace_link"]:
        fail(f"{target} is a symbolic link; remove it, or let it be a file, and run again")
    write(temporary, item)
    temporary.rename(target)


def make_directory(root: str, item: dict[str, Any]) -> None:
    """A directory with its owner and mode; closed until it has them."""
    target = Path(f"{root}{item['path']}")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(target, *ids(item))
    target.chmod(item["mode"])


def remove(path: Path) -> None:
    """A file, and those of its folders that are ours and empty now."""
    path.unlink(missing_ok=True)
    ours = (it for it in path.parents if "/etc/postwright/" in f"{it}" or it.name.endswith(".service.d"))
    with contextlib.suppress(OSError):
        for folder in ours:
            folder.rmdir()


def require_inside(root: str, folder: Path) -> None:
    """Stop at a folder that a symbolic link leads out of ``root``: what is staged there would be live, and unchecked."""
    top = os.path.realpath(root or "/")
    for it in (folder, *folder.parents):
        if it.is_symlink() and not (it.exists() and Path(os.path.realpath(folder)).is_relative_to(top)):
            place = f"{it}".removeprefix(root)
            fail(f"{place} is a symbolic link; remove it, or let it be a folder, and run again; no file was changed")


def put(root: str, request: dict[str, Any]) -> None:
    """Everything of the request, below ``root``, but the list of our files."""
    folders = [item["path"] for item in request["directories"]]
    paths = (*(item["path"] for item in request["files"]), *request["remove"])
    for folder in dict.fromkeys((*folders, *(path.rpartition("/")[0] for path in paths))):
        require_inside(root, Path(f"{root}{folder}"))
    for item in request["directories"]:
        make_directory(root, item)
    for item in request["files"]:
        if item["path"] != MANIFEST:
            place(root, item)
    for path in request["remove"]:
        remove(Path(f"{root}{path}"))


def replace_all(request: dict[str, Any]) -> None:
    """Bring everything into place.

    The list of our files is the last: as long as it names what is to go, the next run knows that there is something to do.
    """
    put("", request)
    purge(tuple(request["private"]))
    for item in request["files"]:
        if item["path"] == MANIFEST:
            place("", item)


def complaint(stage: str, check: dict[str, Any]) -> str:
    """What one service's own check says against the staged /etc, in place of the real one in a mount namespace of its own."""
    script = f"mount --bind {stage}/etc /etc && {{ {check['command']}; }}"
    done = run("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
    said = (done.stderr + done.stdout).strip()
    refused = done.returncode or (check["silent"] and said)
    return f"{check['service']} refuses its configuration ({check['command']}):\n{said}" if refused else ""


def validate(stage: str, request: dict[str, Any]) -> None:
    """Run each service's own check, side by side: most of the time each waits for the disk, or for its program to start."""
    with ThreadPoolExecutor(4) as pool:
        complaints = [it for it in pool.map(partial(complaint, stage), request["checks"]) if it]
    if complaints:
        fail("\n".join(complaints) + "\nno file was changed; the services run on with their previous configuration")


def bring_in(request: dict[str, Any], kept: tuple[int, int | None] | None) -> str:
    """Replace what is there, noted so that whoever comes after a run that was cut off here knows what it did.

    ``kept``: what ``keep`` said, if this is a state of its own. Returns the folder with what somebody else had configured.
    """
    saved = save(request["adopt"]) if request["adopt"] else ""
    note(CLAIMED, (item["path"] for item in request["files"]))
    # Before the first rename: what runs until its restart, or is started by others meanwhile, is not what will be there.
    for service in request["void"]:
        (RUN / f"{service}.stamp").unlink(missing_ok=True)
    if kept:
        begin(*kept)
    replace_all(request)
    os.sync()
    PENDING.unlink(missing_ok=True)
    CLAIMED.unlink(missing_ok=True)
    return saved


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    lock = exclusive("converge")
    STATE.mkdir(mode=0o700, exist_ok=True)
    require_space(request)
    require_ours(request["packages"], request["adopt"])
    for leftover in STATE.glob("stage-*"):
        shutil.rmtree(leftover)
    stage = tempfile.mkdtemp(prefix="stage-", dir=STATE)
    try:
        if run("cp", "-a", "/etc", f"{stage}/etc").returncode:
            fail(f"cannot copy /etc to {stage}; is the disk full?")
        put(stage, request)
        validate(stage, request)
        kept = keep(stage, request["keep"]) if request["keep"] else None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    saved = bring_in(request, kept)
    lock.close()
    answer(files=[item["path"] for item in request["files"]], removed=request["remove"], saved=saved)
