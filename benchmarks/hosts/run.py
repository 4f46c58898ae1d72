"""postwright next to ansible-core, apt-get and the physical bound, on hosts of the lab; writes results/PART.md.

Usage: run.py apply|first|fleet|crowd ANSIBLE_PROGRAMS [ROUNDS]. Needs root. Each part has a lab of its own.
"""

import os
import signal
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from machine import measured

RESULTS = Path(__file__).parents[1] / "results"
ROUNDS = {"apply": 3, "first": 2, "fleet": 3, "crowd": 1}


def main(part: str, programs: str, rounds: str = "") -> None:
    """Run, print, and write the results."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # so that the lab is taken down
    measure, before = import_module(f"part_{part}").measure, os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        text = measure(Path(folder).resolve(), Path(programs).resolve(), int(rounds or ROUNDS[part]))
    page = f"{measured(f'make bench-{part}', (before, os.getloadavg()[0]))}\n\n{text}\n"
    (RESULTS / f"{part}.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main(*sys.argv[1:])
