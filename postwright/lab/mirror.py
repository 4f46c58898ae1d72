"""Which Debian mirror the lab's hosts install from: the machine's own, read from its apt sources at run time.

Promise: reads files only. Both forms of apt sources are understood (one line, and deb822).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

from postwright.errors import LabError

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_APT = Path("/etc/apt")


def sources(release: str) -> list[str]:
    """The apt lines of a lab host, for a release's code name: itself, updates and, where the machine has it, security."""
    main, security = _mirrors()
    lines = [f"deb [signed-by={_KEYRING}] {main} {suite} main" for suite in (release, f"{release}-updates")]
    if security:
        lines.append(f"deb [signed-by={_KEYRING}] {security} {release}-security main")
    return lines


def _mirrors() -> tuple[str, str | None]:
    if mirror := os.environ.get("POSTWRIGHT_LAB_MIRROR"):
        return mirror, None
    texts = [file.read_text() for file in _source_files()]
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    found = choose(texts, codename)
    if found is None:
        raise LabError(
            f"lab: {_APT}/sources.list*: no Debian mirror in use here; "
            "set POSTWRIGHT_LAB_MIRROR to the address of one (it ends in /debian)",
        )
    return _resolve(found[0]), _resolve(found[1]) if found[1] else None


def _source_files() -> list[Path]:
    folder = sorted((_APT / "sources.list.d").glob("*"))
    return [
        file for file in (_APT / "sources.list", *folder) if file.suffix in {".list", ".sources"} and file.is_file()
    ]


def choose(texts: list[str], codename: str) -> tuple[str, str | None] | None:
    """The mirror of the release the machine itself runs, and that of its security updates."""
    main = security = None
    for text in texts:
        for uri, suite in _entries(text):
            if suite == codename and uri.removesuffix(".list").endswith("/debian"):
                main = main or uri
            elif suite == f"{codename}-security":
                security = security or uri
    return (main, security) if main else None


def _entries(text: str) -> Iterator[tuple[str, str]]:
    for stanza in text.split("\n\n"):
        lines = [line for line in stanza.splitlines() if not line.lstrip().startswith("#")]
        fields = {key.strip().lower(): value for key, _, value in (line.partition(":") for line in lines)}
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").strip() != "no":
            uris, suites = fields.get("uris", "").split(), fields.get("suites", "").split()
            yield from ((uri.rstrip("/"), suite) for uri in uris for suite in suites)
        for line in lines:
            words = [word for word in _without_options(line).split() if word]
            if words[:1] == ["deb"] and len(words) > 2:  # noqa: PLR2004 - deb URI suite
                yield words[1].rstrip("/"), words[2]


def _without_options(line: str) -> str:
    before, bracket, rest = line.partition("[")
    return before + rest.partition("]")[2] if bracket else line


def _resolve(uri: str) -> str:
    """Cloud images name a file that lists mirrors; its first line is the preferred one."""
    if not uri.startswith("mirror+file:"):
        return uri
    file = Path("/" + uri.removeprefix("mirror+file:").lstrip("/"))
    return next(line.split()[0].rstrip("/") for line in file.read_text().splitlines() if line.strip())
