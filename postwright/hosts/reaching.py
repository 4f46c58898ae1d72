"""How it is said that a host cannot be reached, whoever tried. Pure."""

from __future__ import annotations


def unreachable(name: str, target: str, text: str) -> str:
    """The host, where it was looked for (``USER@HOST:PORT``), what the SSH client said, and what to do next."""
    hint = "check that it is up, and address, port and firewall"
    if "uthentication" in text or "Permission denied" in text:
        hint = "the host refused the key; check ssh_key and the user's authorized_keys"
    elif "host key" in text.lower():
        hint = "its host key is not the known one; if the host was rebuilt, remove the old key from known_hosts"
    return f"host {name}: cannot connect to {target}: {text}; {hint}"
