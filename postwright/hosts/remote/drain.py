"""Counts the mail that is still on this host, by queue; asked to, lets Postfix try it all now first."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from postwright.hosts.remote.common import answer, fail, run


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    if request["flush"]:
        run("postqueue", "-f")
    shown = run("postqueue", "-j")
    if shown.returncode:
        fail(f"postqueue -j: {shown.stderr}")
    answer(queues=Counter(json.loads(line)["queue_name"] for line in shown.stdout.splitlines()))
