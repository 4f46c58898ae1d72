"""The errors an operator can cause or mend.

Promise: the text of each names the place (file, host, key path or zone), says what is wrong and what to do next.
Anything else that is raised is a bug of ours and may show a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable


class PostwrightError(Exception):
    """Root of all expected errors; the CLI prints it without a traceback and exits with ``exit_status``."""

    exit_status = 1


class UsageError(PostwrightError):
    """The command, the project or a file it names is not as it must be; nothing was touched."""

    exit_status = 2


class InventoryError(UsageError):
    """The inventory does not make a valid fleet. Carries every problem found, each as ``path: what; what to do``."""

    def __init__(self, where: str, problems: Iterable[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{where}: {count} problem{'s' if count != 1 else ''}\n{lines}")


class KeyringError(UsageError):
    """A key or its passphrase cannot be read or written."""


class LockedError(PostwrightError):
    """Another apply is at work on the same project or host."""


class UnsafePlan(PostwrightError):  # noqa: N818 - the design's noun
    """A plan that may harm what is not ours, or more than is plausible; --force is needed."""


class ProviderError(PostwrightError):
    """A DNS provider or server refused, failed, or did not do what it said."""


class DeployError(PostwrightError):
    """A host could not be reached, is not fit, or refused its configuration."""


class LabError(PostwrightError):
    """The practice lab cannot be built or used on this machine."""
