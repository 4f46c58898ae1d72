"""Writes files, from text or from the templates in ``files/``.

Promise: a file appears whole, by a rename, and nobody but its owner could read it before; what stood there is
replaced, never followed.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def put(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write one file; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 until the rename
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        os.fchmod(descriptor, mode)
    Path(temporary).rename(path)


def put_secret(path: Path, content: str | bytes) -> None:
    put(path, content, 0o600)


def render(template: str, **values: Any) -> str:
    """The text of a template in ``files/``; a value it lacks is an error."""
    environment = Environment(  # noqa: S701 - configuration files, no HTML
        loader=PackageLoader("postwright.lab", "files"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
