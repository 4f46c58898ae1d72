"""The process pyinfra lives in: a JSON request a line on standard input, JSON lines on standard output.

gevent must patch the interpreter before anything else is imported, which is why this is a process of its own and why
the imports stand below that call.
"""

from __future__ import annotations

import gc

gc.set_threshold(100_000, 50, 50)  # as in cli/main.py

import gevent.events  # noqa: E402

# gevent reads the metadata of everything that is installed, 25 times, to tell plugins what it patches; none is wanted here.
gevent.events.notify_and_call_entry_points = gevent.events.notify

from gevent import monkey  # noqa: E402

monkey.patch_all()

import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from functools import partial  # noqa: E402
from typing import Any  # noqa: E402

from gevent.fileobject import FileObject  # noqa: E402

from postwright.hosts import actions  # noqa: E402

# Programs that an inventory starts have neither of the parent's pipes: they could take a request for their own input, make
# reading wait with everything else (O_NONBLOCK belongs to all who have it), or have what they print taken for an answer.
_requests, _to_parent = os.dup(0), os.fdopen(os.dup(1), "w")


def tell(number: int, line: dict[str, Any]) -> None:
    """One line to the parent, about the request of this number."""
    _to_parent.write(json.dumps({**line, "number": number}, default=str) + "\n")
    _to_parent.flush()


def main() -> None:
    # Ctrl-C reaches us as well as the parent, which knows what to do about it and ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nothing that an inventory or pyinfra prints may be taken for an answer.
    sys.stdout = sys.stderr
    verbose = bool(os.environ.get("POSTWRIGHT_VERBOSE"))
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    logging.getLogger("pyinfra").setLevel(logging.DEBUG if verbose else logging.CRITICAL)
    logging.getLogger("paramiko").setLevel(logging.INFO if verbose else logging.CRITICAL)  # errors are told once, by us
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    # While nothing is asked, connections must be served: one that answers nobody is cut.
    for line in FileObject(_requests, "r"):
        request = json.loads(line)
        tell(request["number"], actions.respond(request, partial(tell, request["number"])))
    sys.stderr.flush()
    os._exit(0)  # the kernel closes the connections, and the parent waits


if __name__ == "__main__":
    main()
