"""What ``simulated.py`` answers in a host's stead. Pure."""

from typing import Any

from postwright.services.bundle import Bundle


def table(bundle: Bundle) -> dict[str, Any]:
    """A host that is as described."""
    files = {it.path: _state(it, "regular", "directory", it.sha256) for it in bundle.files}
    folders = {it.path: _state(it, "directory", "regular") for it in bundle.directories}
    system = {"id": "debian", "release": "13", "pretty": "Debian GNU/Linux 13 (trixie)", "root": True, "systemd": True}
    system |= {"cores": 0, "memory": 0}  # as nobody knows, which the bundle is made for
    rest = {"applying": None, "drained": False, "tunnel": {}, "tunnel_end": {"addresses": [], "port": "", "key": ""}}
    return {
        "delay": 0,
        "system": system | {"free": {"/etc": 10**11, "/var": 10**11}} | rest,
        "packages": dict.fromkeys(bundle.packages, "1"),
        "managed": sorted(files),
        "files": files | folders,
        "activations": [it.name for it in bundle.activations],
        "rest": {"certificate": True, "foreign": {}, "mailboxes": [], "listeners": {"22": ["sshd (pid 1)"]}},
    }


def _state(it: Any, being: str, other: str, digest: str = "") -> dict[str, Any]:
    rights = {"mode": it.mode, "owner": it.owner, "group": it.group, being: True, other: False}
    return rights | ({"sha256": digest} if digest else {})
