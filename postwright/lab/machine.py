"""What the machine must be and have before a lab can stand on it.

Promise: looks, and installs nothing. Each reason is one line that says what to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from postwright.errors import LabError
from postwright.lab.command import search_path

PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "openssl": "openssl",
    "ssh": "openssh-client",
}
ARCHIVE_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def missing_packages() -> list[str]:
    """The Debian packages that provide what is not there."""
    path = search_path()
    missing = {package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)}
    if not ARCHIVE_KEYRING.exists():
        missing.add("debian-archive-keyring")
    return sorted(missing)


def problem() -> str | None:
    """The first reason why no lab can stand here, or None."""
    if sys.platform != "linux":
        return f"this is {sys.platform}: the lab boots Linux hosts and needs Linux; use Vagrant instead"
    if os.geteuid() != 0:
        return "you are not root: the lab makes network namespaces and mounts; run it with sudo"
    if missing := missing_packages():
        return f"programs are missing: apt-get install {' '.join(missing)}"
    if not _may_make_namespaces():
        return "this machine allows neither namespaces nor overlay mounts (an unprivileged container?): use a VM"
    return None


def require() -> None:
    """Raise the first problem."""
    if reason := problem():
        raise LabError(f"lab: {reason}")


def booted_by_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def resolvers() -> list[str]:
    """The machine's own IPv4 name servers, as far as a lab host can reach them (not those on loopback)."""
    for file in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        if file.exists() and (found := reachable_nameservers(file.read_text())):
            return found
    return []


def reachable_nameservers(resolv_conf: str) -> list[str]:
    lines = (line.split() for line in resolv_conf.splitlines())
    servers = [words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1]
    return [server for server in servers if ":" not in server and not server.startswith("127.")]


@cache
def _may_make_namespaces() -> bool:
    """Try it, in namespaces that vanish with the trial; mounting loads the overlay module where it is one."""
    trial = "mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir l u w m && mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m"
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", trial],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
