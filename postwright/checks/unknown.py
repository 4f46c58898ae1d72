"""The third outcome."""

from __future__ import annotations


class UnknownError(Exception):
    """A check could not get an answer: neither the promise nor its breach was seen."""
