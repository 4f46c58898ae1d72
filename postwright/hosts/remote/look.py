"""Looks, changes nothing: system, packages, files, services and ports, as far as the request asks."""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import re
import shutil
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from postwright.hosts.remote.common import (
    ETC,
    GUARD,
    GUARD_MARK,
    RUN,
    SSHD_CANDIDATE,
    SSHD_CONFIRMED,
    SSHD_LIVE,
    STATE,
    answer,
    digest,
    name_of,
    run,
    service_state,
    text_of,
    unit_states,
)
from postwright.hosts.remote.configured import foreign, listed
from postwright.hosts.remote.size import cores, memory

Units = dict[str, dict[str, str]]  # name → what ``unit_states`` says of it
TUNNEL = Path("/sys/class/net/postwright")
LONGEST_SHOWN = 1_000_000  # octets; a longer file is no configuration to read as a diff


def system() -> dict[str, Any]:
    """What the host is, and whether somebody is at work on it."""
    release = dict(
        line.rstrip().replace('"', "").split("=", 1) for line in text_of("/etc/os-release").splitlines() if "=" in line
    )
    return {
        "id": release.get("ID", ""),
        "release": release.get("VERSION_ID", ""),
        "pretty": release.get("PRETTY_NAME", ""),
        "root": os.geteuid() == 0,
        "systemd": Path("/run/systemd/system").is_dir(),
        "free": {path: shutil.disk_usage(path).free for path in ("/etc", "/var")},
        "clock": time.time(),
        "applying": applying(),
        "drained": (ETC / "drained").exists(),
        "cores": cores(),
        "memory": memory(),
        "reached": reached(),
        "tunnel": tunnel_peers(),
        "tunnel_end": tunnel_end(),
    }


def reached() -> list[str]:
    """The addresses of the operator and of this host that the SSH connection runs between; empty without one.

    Looked for in all processes above this one, for sudo hides it from those below itself.
    """
    process = os.getpid()
    while process > 1:
        found = re.search(r"(?:^|\0)SSH_CONNECTION=(\S+) \d+ (\S+) ", text_of(f"/proc/{process}/environ"))
        if found:
            return [found[1], found[2]]
        after_name = text_of(f"/proc/{process}/stat").rpartition(")")[2].split()
        process = int(after_name[1]) if after_name else 0  # it has just ended, or is hidden from this user (hidepid)
    return []


def tunnel_peers() -> dict[str, str]:
    """Address in the management network → public key of the peer that may use it now."""
    if not TUNNEL.exists():
        return {}
    rows = (line.split("\t") for line in run("wg", "show", "postwright", "allowed-ips").stdout.splitlines())
    return {address.partition("/")[0]: key for key, addresses in rows for address in addresses.split()}


def tunnel_end() -> dict[str, Any]:
    """The addresses of this host in the management network now, the UDP port it listens on, and its public key."""
    if not TUNNEL.exists():
        return {"addresses": [], "port": "", "key": ""}
    rows = run("ip", "-o", "address", "show", "dev", "postwright").stdout.splitlines()
    port = run("wg", "show", "postwright", "listen-port").stdout.strip()
    key = run("wg", "show", "postwright", "public-key").stdout.strip()
    return {"addresses": [row.split()[3].partition("/")[0] for row in rows], "port": port, "key": key}


def applying() -> str | None:
    """Who holds the lock of an apply on this host, or None."""
    try:
        with (RUN / "apply.lock").open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return text_of(RUN / "apply.owner")
    except OSError:
        return None
    return None


def packages(names: list[str]) -> dict[str, str]:
    """Installed package → version."""
    shown = run("dpkg-query", "-W", "-f", "${Package}\t${db:Status-Abbrev}\t${Version}\n", *names).stdout
    rows = (line.split("\t") for line in shown.splitlines())
    return {row[0]: row[2] for row in rows if row[1].startswith("ii")}


def file_state(path: str) -> dict[str, Any] | None:
    """Permissions and digest of a file."""
    try:
        info = os.lstat(path)
    except OSError:
        return None
    state: dict[str, Any] = {
        "mode": stat.S_IMODE(info.st_mode),
        "owner": name_of(pwd.getpwuid, info.st_uid),
        "group": name_of(grp.getgrgid, info.st_gid),
        "regular": stat.S_ISREG(info.st_mode),
        "directory": stat.S_ISDIR(info.st_mode),
    }
    if state["regular"]:
        state["sha256"] = digest(path)
    return state


def shown(path: str) -> str:
    """The text of a file, if it is one and not too long to be a configuration."""
    try:
        info = os.lstat(path)
    except OSError:
        return ""
    return text_of(path) if stat.S_ISREG(info.st_mode) and info.st_size <= LONGEST_SHOWN else ""


def listeners() -> dict[str, list[str]]:
    """Port → programs that listen on it, on any but a loopback address."""
    found: dict[str, set[tuple[str, str]]] = {}
    for line in run("ss", "-Hltnp").stdout.splitlines():
        columns = line.split()
        address, _, port = columns[3].rpartition(":")
        if address.startswith(("127.", "[::1]")):
            continue
        found.setdefault(port, set()).update(re.findall(r'\("([^"]+)",pid=(\d+)', line) or {("unknown", "?")})
    return {port: sorted(f"{name} (pid {pid})" for name, pid in programs) for port, programs in found.items()}


def as_file(path: str | Path, table: str, *options: str) -> bool:
    """Whether a table in the kernel is what its file makes of an empty network namespace: others can change it there."""
    listing = f"nft {' '.join(options)} list table inet {table}"
    wanted = run("unshare", "--net", "sh", "-c", f"nft -f {path} && {listing}")
    now = run("sh", "-c", listing)
    return wanted.returncode == now.returncode == 0 and wanted.stdout == now.stdout


def firewall_state(_service: dict[str, Any], units: Units) -> dict[str, bool]:
    """The same as ``service_state``; current are rules that a new connection has confirmed and nobody changed since."""
    unit = units.get("postwright-firewall.service", {})
    rules = ETC / "firewall.nft"
    want = digest(rules)
    return {
        "active": unit.get("ActiveState") == "active",
        "enabled": unit.get("UnitFileState") == "enabled",
        "current": want is not None and want == digest(STATE / "firewall.nft") and as_file(rules, "postwright", "-s"),
        "loaded": True,
        "wanted_here": True,
    }


def acme_state(_service: dict[str, Any], units: Units) -> dict[str, bool]:
    """The same; current is a timer systemd has read, and a certificate that serves the host."""
    program = ETC / "acme/acme.py"
    timer, unit = units.get("postwright-acme.timer", {}), units.get("postwright-acme.service", {})
    read = program.exists() and all(it.get("NeedDaemonReload") != "yes" for it in (timer, unit))
    return {
        "active": timer.get("ActiveState") == "active",
        "enabled": timer.get("UnitFileState") == "enabled",
        "current": read and run("python3", "-B", str(program), "state").returncode == 0,
        "loaded": True,
        "wanted_here": True,
    }


def ssh_state(_service: dict[str, Any], units: Units) -> dict[str, bool]:
    """The same; sshd has loaded what is described if a new connection has confirmed it, and nobody changed it since."""
    want = digest(SSHD_CANDIDATE)
    unit = units.get("postwright-ssh.service", {})
    return {
        "active": True,
        "enabled": want is None or unit.get("UnitFileState") == "enabled",
        "current": unit.get("NeedDaemonReload") != "yes",
        "loaded": want == digest(SSHD_LIVE) == digest(SSHD_CONFIRMED),
        "wanted_here": True,
    }


def bans_state(service: dict[str, Any], units: Units) -> dict[str, bool]:
    """The same as ``service_state``; its unit stays active whatever somebody does to the table."""
    state = service_state(service, units.get(service["unit"], {}))
    return {**state, "current": state["current"] and as_file(ETC / "bans.nft", "postwright_bans", "-s", "-t")}


def stamped_state(service: dict[str, Any], units: Units) -> dict[str, bool]:
    """That of a service whose starts are noted."""
    return service_state(service, units.get(service["unit"], {}))


# How those are told that write no stamp, or whose unit says too little; and what other units they ask for.
STATES: dict[str, Callable[[dict[str, Any], Units], dict[str, bool]]] = {
    "firewall": firewall_state,
    "ssh": ssh_state,
    "acme": acme_state,
    "bans": bans_state,
}
MORE_UNITS = (
    "postwright-firewall.service",
    "postwright-acme.timer",
    "postwright-acme.service",
    "postwright-ssh.service",
)


def services(asked: list[dict[str, Any]]) -> dict[str, Any]:
    """Name → state of each service; programs that have to be asked run side by side."""
    units = unit_states(list(dict.fromkeys((*(service["unit"] for service in asked), *MORE_UNITS))))
    with ThreadPoolExecutor(4) as pool:
        states = pool.map(lambda service: STATES.get(service["name"], stamped_state)(service, units), asked)
        return {"services": dict(zip((service["name"] for service in asked), states, strict=True))}


def files(paths: list[str]) -> dict[str, Any]:
    """Which files of ours are there, and the state of these and of the paths."""
    known = listed()
    states = {path: file_state(path) for path in dict.fromkeys((*known, *paths))}
    return {"managed": [path for path in known if os.path.lexists(path)], "files": states}


def installed(names: list[str]) -> dict[str, Any]:
    """Which of the packages are there, and whether an installation was cut off."""
    return {"packages": packages(names) if names else {}, "guarded": GUARD_MARK in text_of(GUARD)}


def mailboxes(pattern: str) -> dict[str, Any]:
    """The folders with mail."""
    return {"mailboxes": sorted(str(path) for path in Path("/").glob(pattern.lstrip("/")))}


def certificate(path: str) -> dict[str, Any]:
    """Whether a certificate is valid today."""
    return {"certificate": run("openssl", "x509", "-noout", "-checkend", "0", "-in", path).returncode == 0}


# What can be asked for → who knows.
PARTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "system": lambda _: {"system": system()},
    "packages": installed,
    "files": files,
    "texts": lambda paths: {"texts": {path: shown(path) for path in paths}},
    "mailboxes": mailboxes,
    "services": services,
    "certificate": certificate,
    "foreign": lambda names: {"foreign": foreign(names)},
    "ports": lambda _: {"listeners": listeners()},
}


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    try:
        answer(**look(request))
    except Exception as error:  # noqa: BLE001 - pyinfra keeps to itself what a failed fact wrote
        answer(error=f"{type(error).__name__}: {error}")


def look(request: dict[str, Any]) -> dict[str, Any]:
    """Everything the request asks for; most of it is waiting for programs, so all parts are asked at once."""
    if "system" in request and not ((found := system())["root"] and found["systemd"]):
        return {"system": found, "listeners": {}, "foreign": {}}  # not fit, and much cannot be asked for
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(lambda part: PARTS[part](request[part]), request)
        return {name: value for part in parts for name, value in part.items()}
