"""The states a host's files had, each a folder of copies: written whole or not at all, and closed to all but root.

A state is written when it has passed its checks and before the first file is replaced, so the one to go back to is there
whatever happens then; it is not forgotten for its age. What an apply or a rollback finds that no kept state explains (an
edit by hand, or what was there before states were kept) is kept first. A private key that leaves the host leaves every kept
state with it.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from postwright.hosts.remote.common import ETC, STATE, digest, name_of, text_of
from postwright.hosts.remote.configured import listed

GENERATIONS = STATE / "generations"
PENDING = GENERATIONS / ".pending"  # files are being replaced: what lies there is no state of its own (see ``begin``)
RECORD = "generation.json"
MANIFEST = str(ETC / "files")
MARKS = ("path", "sha256", "mode", "owner", "group")  # what makes a file the same


def numbers() -> list[int]:
    """The kept states, oldest first."""
    return sorted(int(it.name) for it in GENERATIONS.glob("[0-9]" * 6) if (it / RECORD).exists())


def folder_of(number: int) -> Path:
    return GENERATIONS / f"{number:06d}"


def record(number: int) -> dict[str, Any]:
    """What was noted of a state."""
    found: dict[str, Any] = json.loads((folder_of(number) / RECORD).read_text(encoding="utf-8"))
    return found


def copy_of(number: int, path: str) -> Path:
    """Where a state keeps the content of a file."""
    return folder_of(number) / f"files{path}"


def described(root: str, path: str) -> dict[str, Any] | None:
    """A regular file below ``root`` as a state notes it; None if there is none."""
    try:
        info = os.lstat(f"{root}{path}")
    except OSError:
        return None
    if not stat.S_ISREG(info.st_mode):
        return None
    owner, group = name_of(pwd.getpwuid, info.st_uid), name_of(grp.getgrgid, info.st_gid)
    return {
        "path": path,
        "sha256": digest(f"{root}{path}"),
        "mode": stat.S_IMODE(info.st_mode),
        "owner": owner,
        "group": group,
    }


def marks(items: Iterable[dict[str, Any]]) -> set[tuple[Any, ...]]:
    return {tuple(item[name] for name in MARKS) for item in items}


def live(paths: Iterable[str]) -> set[tuple[Any, ...]]:
    """The marks of these files as they are now."""
    return marks(item for path in paths if (item := described("", path)))


def present() -> int | None:
    """The state that is on disk now, in the sense of ``closest``; None if none is."""
    return closest({number: marks(record(number)["files"]) for number in numbers()}, live(managed()))


def closest(states: dict[int, set[tuple[Any, ...]]], now: set[tuple[Any, ...]]) -> int | None:
    """The state that is all there and explains most of what is there, the newest of equals. Pure.

    What else is there may be of another state, for some files leave only when services have let go of them. None if no
    state is all there, or if anything is as no state has it.
    """
    whole = [(len(files), number) for number, files in states.items() if files <= now]
    unexplained = now.difference(*states.values())
    return max(whole)[1] if whole and not unexplained else None


def managed() -> list[str]:
    """The files of ours, the list of them left out."""
    return [path for path in listed() if path != MANIFEST]


def begin(number: int, back: int | None) -> None:
    """Note which state is being put in place, and the one to go back to should that be cut off."""
    new = PENDING.with_name(".pending.new")
    new.write_text(json.dumps([number, back]))
    new.rename(PENDING)


def begun() -> tuple[int, int | None] | None:
    """What ``begin`` noted in a run that was cut off; None if none was."""
    if not PENDING.exists():
        return None
    number, back = json.loads(text_of(PENDING) or "[0, null]")
    return number, back


def store(root: str, files: list[dict[str, Any]], about: dict[str, Any]) -> int:
    """Keep these files, as they are below ``root``, as the newest state; returns its number."""
    last = max(numbers(), default=0)
    new = GENERATIONS / ".new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    known = {mark: mark[0] for mark in marks(record(last)["files"])} if last else {}
    for item in files:
        before = known.get(tuple(item[name] for name in MARKS))
        store_file(root, item, new, copy_of(last, before) if before else None)
    text = json.dumps({"number": last + 1, "time": int(time.time()), "files": files, **about})
    handle = os.open(new / RECORD, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    os.sync()
    new.rename(folder_of(last + 1))
    return last + 1


def store_file(root: str, item: dict[str, Any], new: Path, same: Path | None) -> None:
    """A file's content, 0600 from the first byte; a file that the state before has as well is shared with it."""
    target = Path(f"{new}/files{item['path']}")
    target.parent.mkdir(parents=True, exist_ok=True)
    if same and same.exists():
        os.link(same, target)
        return
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb", closefd=False) as stream:
        stream.write(Path(f"{root}{item['path']}").read_bytes())
    info = os.lstat(f"{root}{item['path']}")
    os.fchown(handle, info.st_uid, info.st_gid)
    os.fchmod(handle, item["mode"])
    os.close(handle)


def keep(root: str, wanted: dict[str, Any]) -> tuple[int, int | None]:
    """Keep what lies below ``root``, which is about to be put in place; before it, what is there and not yet known.

    Returns the numbers of the state that is put in place and of the one to go back to should that be cut off. ``restores``:
    the number of a state that is put back; it is kept already, and whoever runs that again goes on to it.
    """
    GENERATIONS.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = prior(wanted)
    if wanted["restores"]:
        return wanted["restores"], wanted["restores"]
    files = [{**described_or_fail(root, it["path"]), **it} for it in wanted["files"]]
    last = max(numbers(), default=0)
    if not (last and marks(record(last)["files"]) == marks(files)):
        about = {name: wanted[name] for name in ("packages", "directories", "checks", "activations")}
        last = store(root, files, {**about, "before": before, "found": False, "changed": changes(files)})
    back = record(last)["before"] if before == last else before
    for number in surplus(numbers(), wanted["generations"], back):
        forget(number)
    return last, back


def prior(wanted: dict[str, Any]) -> int | None:
    """The state that is there now, kept first if it is not yet known. What a run that was cut off left is none: the one before."""
    now, cut_off = present(), begun()
    if now is None and cut_off:
        return cut_off[1]
    if now is None and managed():
        return store("", *found_there(wanted))
    return now


def surplus(kept: list[int], most: int, back: int | None) -> list[int]:
    """Which states to forget: the oldest, but never the one to go back to. Pure."""
    return [number for number in kept if number != back][: max(0, len(kept) - most)]


def described_or_fail(root: str, path: str) -> dict[str, Any]:
    item = described(root, path)
    if item is None:
        raise FileNotFoundError(f"{root}{path}")
    return item


def changes(files: list[dict[str, Any]]) -> list[str]:
    """The paths of what differs from what is there now, and of what goes."""
    now = live({it["path"] for it in files} | set(managed()))
    return sorted({mark[0] for mark in now ^ marks(files)})


def found_there(wanted: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What lies there now, with the services that a stamp of ours says are set up."""
    said = {it["path"]: it for it in wanted["files"]}
    items = [item for path in managed() if (item := described("", path))]
    unsaid = {"replace_link": False}
    files = [{**it, "secret": not it["mode"] & 0o004, **unsaid, **said.get(it["path"], {})} for it in items]
    there = {it["path"] for it in files}
    services = [as_found(it) for it in wanted["known"] if it["drop_in"] in there]
    names = {it["name"] for it in services}
    checks = [it for it in wanted["all_checks"] if it["service"] in names]
    about = {name: wanted[name] for name in ("packages", "directories")}
    return files, {**about, "checks": checks, "activations": services, "before": None, "found": True, "changed": []}


def as_found(service: dict[str, Any]) -> dict[str, Any]:
    """A service that reads what its own listings say it reads."""
    listed = [text_of(ETC / f"stamps/{service['name']}{suffix}").splitlines() for suffix in ("", ".reload")]
    return {**service, "stamped": listed[0], "reloaded": listed[1]}


def forget(number: int) -> None:
    """Remove a state, all at once."""
    old = GENERATIONS / ".old"
    shutil.rmtree(old, ignore_errors=True)
    folder_of(number).rename(old)
    shutil.rmtree(old)


def purge(private: tuple[str, ...]) -> None:
    """Take what begins like this, and is no longer on disk, out of all that is kept: a key that has left is nowhere here.

    Told from the disk, so that a run after one that was cut off does what that one did not.
    """
    folders = (*GENERATIONS.glob("*/files"), *STATE.glob("adopted-*"), *STATE.glob(".adopted"))
    for folder in folders if private else ():
        for copy in [it for it in folder.rglob("*") if not it.is_dir() or it.is_symlink()]:
            path = f"/{copy.relative_to(folder)}"
            if path.startswith(private) and not os.path.lexists(path):
                copy.unlink()


def lost(number: int, files: list[dict[str, Any]]) -> list[str]:
    """The files of a state whose content is no longer kept, or not as it was."""
    return [it["path"] for it in files if digest(copy_of(number, it["path"])) != it["sha256"]]
