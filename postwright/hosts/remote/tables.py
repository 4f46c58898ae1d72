"""Which DKIM keys lie on the host: those the signers' tables name, and those kept to be gone back to. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from postwright.hosts.remote.common import ETC, answer, fail

FOLDERS = ("dkim", "dkim-ed25519")  # a signer each
_FIELDS = 3  # domain, selector, path


def named(table: Path) -> Iterator[tuple[str, str, str]]:
    """The (domain, selector, path) of each line of a KeyTable; none if there is no such file."""
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {table}: {error}")
    for line in lines:
        if line.strip() and not line.startswith("#"):
            fields = line.split(None, 1)[-1].strip().split(":", 2)
            if len(fields) != _FIELDS:
                fail(f"{table}: {line!r:.80} is not a line of a KeyTable; somebody has changed it, mend it there")
            yield fields[0], fields[1], fields[2]


def kept(folder: Path) -> Iterator[tuple[str, str, str]]:
    """The (domain, selector, path) of each key file."""
    for path in sorted(folder.glob("*/*.pem")):
        yield path.parent.name, path.stem, str(path)


def main(_request: dict[str, Any]) -> None:
    """Run the script."""
    folders = [ETC / name for name in FOLDERS]
    rows = [row for folder in folders for row in (*named(folder / "KeyTable"), *kept(folder))]
    answer(keys=sorted(set(rows)))
