"""Text of a simple shape: a pattern, and the words an operator is told where it does not fit. Pure."""

from __future__ import annotations

import re

from pydantic import AfterValidator


def shape(pattern: str, words: str) -> AfterValidator:
    """Text that is all of it as the pattern says. What was written is not repeated: it may stand where a secret should not."""
    wanted = re.compile(pattern)

    def check(value: str) -> str:
        if not wanted.fullmatch(value):
            raise ValueError(f"is not {words}")
        return value

    return AfterValidator(check)
