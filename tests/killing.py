"""postwright's command line in a process that ends itself, by SIGKILL, when it crosses persistent effect number N.

    python killing.py [--pause] --at N|PATTERN --report FILE [--seconds-to-be-seen S] -- ARGUMENTS OF postwright

A crossing is the moment just before, and the moment just after, each thing that outlives the process: a file that postwright
renames into place, removes or touches; a DNS update sent to a server; a request to the process that speaks to hosts; and
each line that process reports. The whole process group dies, the child with it; with ``--pause`` it is stopped instead, until
somebody sends SIGCONT. ``--at 0`` kills nothing; with a regular expression it is the first crossing whose side and text
(with the tab between them) it matches. A lifecycle file's text tells the states it brings.

Promise: the same arguments from the same state cross the same effects in the same order: all pools have one thread here.
FILE gets a line for each crossing, written before the process may die: ``number<TAB>before|after|at<TAB>what``.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import signal
import sys
from itertools import count
from threading import Lock

HERE = pathlib.Path(__file__).parent
THROUGH = ("pathlib", "shutil", "os")  # modules that stand between postwright and the system call
READING = ("inventory", "look")  # requests that change nothing


class Crossings:
    """Counts, reports and, at the one that was asked for, sends the signal."""

    def __init__(self, at, report, signal_sent):
        self.report, self.signal = report, signal_sent
        self._is_it = (lambda number, _: number == int(at)) if at.isdigit() else (lambda _, text: re.match(at, text))
        self._numbers, self._lock, self._sent = count(1), Lock(), False

    def cross(self, side, what):
        with self._lock:
            number = next(self._numbers)
            with self.report.open("a") as file:
                file.write(f"{number}\t{side}\t{what}\n")
            if not self._sent and self._is_it(number, f"{side}\t{what}"):
                self._sent = True
                os.killpg(0, self.signal)

    def around(self, function, what):
        """The function, with a crossing on both sides if ``what(*arguments)`` says what it is; None: none."""

        @functools.wraps(function)
        def wrapped(*arguments, **named):
            name = what(*arguments, **named)
            if name:
                self.cross("before", name)
            result = function(*arguments, **named)
            if name:
                self.cross("after", name)
            return result

        return wrapped

    def wrap(self, owner, attribute, what):
        setattr(owner, attribute, self.around(getattr(owner, attribute), what))


def ours():
    """Whether postwright's own code does this, and not a library for itself."""
    frame = sys._getframe(2)
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in (*THROUGH, __name__):
        frame = frame.f_back
    return bool(frame) and frame.f_globals.get("__name__", "").startswith("postwright.")


def renamed(source, target, **_named):
    return f"rename {target}{states(source)}" if ours() else None


def states(file):
    """What a lifecycle file says of each key, so that one transition can be told from another."""
    if pathlib.Path(file).name != ".lifecycle.json.new":
        return ""
    keys = json.loads(pathlib.Path(file).read_text())["keys"]
    return "".join(f" {key['selector']}={key['state']}" for key in keys)


def removed(path, **_named):
    return f"remove {path}" if ours() and os.path.lexists(path) else None


def touched(path, **_named):
    return f"touch {path}" if ours() else None


def watch_files(crossings):
    """pathlib and shutil look these up in ``os`` when they are called."""
    for name in ("replace", "rename"):
        crossings.wrap(os, name, renamed)
    for name in ("unlink", "remove"):
        crossings.wrap(os, name, removed)
    crossings.wrap(pathlib.Path, "touch", touched)


def watch_dns(crossings):
    from postwright.dns.providers.rfc2136 import Rfc2136Provider  # noqa: PLC0415 - what is wrapped must be loaded late

    def update(_provider, message, _connection):
        changed = sorted({f"{rrset.name} {rrset.rdtype.name}" for rrset in message.update})
        return f"update {message.zone[0].name}: {', '.join(changed)}"

    crossings.wrap(Rfc2136Provider, "_written", update)


def watch_hosts(crossings):
    from postwright.hosts import process  # noqa: PLC0415 - as above

    ask = process.ask

    def told(request, report):
        def tell(line):
            crossings.cross("at", f"{line['event']} {line.get('host', '')} {line.get('step', '')}")
            report(line)

        return ask(request, report if request["action"] in READING else tell)

    def requested(request, _report):
        action = request["action"]
        return None if action in READING else " ".join(["hosts:", action, request.get("script", "")]).strip()

    process.ask = crossings.around(told, requested)


def one_thread_each():
    """In every pool, so that effects come in one order."""
    start = concurrent.futures.ThreadPoolExecutor.__init__

    def alone(pool, max_workers=None, *arguments, **named):  # noqa: ARG001 - however many were asked for
        start(pool, 1, *arguments, **named)

    concurrent.futures.ThreadPoolExecutor.__init__ = alone


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--at", required=True)
    parser.add_argument("--pause", action="store_true")
    parser.add_argument("--report", type=pathlib.Path, required=True)
    parser.add_argument("--seconds-to-be-seen", type=float)
    parser.add_argument("postwright", nargs="+")
    return parser.parse_args()


def main():
    told = arguments()
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)  # nobody but us and our children dies
    crossings = Crossings(told.at, told.report.absolute(), signal.SIGSTOP if told.pause else signal.SIGKILL)
    one_thread_each()
    from postwright import publishing  # noqa: PLC0415 - nothing of postwright before the arguments are read
    from postwright.cli.main import cli  # noqa: PLC0415

    if told.seconds_to_be_seen is not None:
        publishing.SECONDS_TO_BE_SEEN = told.seconds_to_be_seen
    watch_files(crossings)
    watch_dns(crossings)
    watch_hosts(crossings)
    cli(told.postwright, prog_name="postwright")


if __name__ == "__main__":
    sys.path.remove(str(HERE))  # tests/ is no package path of postwright's
    main()
