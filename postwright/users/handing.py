"""Where a new password comes from and how it is handed over: never in an argument, never in what a log may keep.

A password made here goes into a file of its own (0600 from the first byte, never over another file), or is shown once, on a
terminal. One that somebody brings is read from standard input.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postwright.errors import UsageError
from postwright.files import write_atomically
from postwright.users import passwords


@dataclass(frozen=True)
class Handing:
    """``brought``: read from standard input; else made, and put into ``file``, or shown if that is None."""

    password: str
    brought: bool
    file: Path | None

    @property
    def shown(self) -> bool:
        return not self.brought and self.file is None

    def __repr__(self) -> str:
        return f"Handing(file={self.file})"

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """The file is there before what happens in the block, and gone if that fails."""
        if self.file and not self.brought:
            write_atomically(self.file, f"{self.password}\n".encode(), 0o600)
        try:
            yield
        except BaseException:
            if self.file and not self.brought:
                self.file.unlink(missing_ok=True)
            raise


def handing(brought: str | None, file: Path | None, *, terminal: bool) -> Handing:
    """How a password changes hands; UsageError if there is no way that keeps it secret."""
    if brought is not None and file:
        raise UsageError("--password-stdin brings a password you have already; leave --password-file out")
    if brought is not None:
        return Handing(passwords.require_fit(brought), brought=True, file=None)
    if file is None and not terminal:
        raise UsageError(
            "standard output is no terminal, and a password must not end in a log; name a file for it: --password-file FILE"
        )
    if file and os.path.lexists(file):
        raise UsageError(f"{file} is there already; name a file that is not")
    return Handing(passwords.generated(), brought=False, file=file)
