"""The process pyinfra lives in: one JSON request on standard input, JSON lines on standard output.

gevent must patch the interpreter before anything else is imported, which is why this is a process of its own and why
the imports stand below that call.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402
from typing import Any  # noqa: E402

from postwright.errors import InventoryError, PostwrightError  # noqa: E402
from postwright.hosts import actions  # noqa: E402


def report(line: dict[str, Any]) -> None:
    """One line to the parent."""
    sys.__stdout__.write(json.dumps(line, default=str) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def main() -> None:
    # Ctrl-C reaches us as well as the parent, which knows what to do about it and ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = json.loads(sys.stdin.readline())
    # Nothing that an inventory or pyinfra prints may be taken for an answer.
    sys.stdout = sys.stderr
    verbose = bool(os.environ.get("POSTWRIGHT_VERBOSE"))
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    logging.getLogger("pyinfra").setLevel(logging.DEBUG if verbose else logging.CRITICAL)
    try:
        report({"result": actions.ACTIONS[request["action"]](request, report)})
    except InventoryError as error:
        report({"error": "InventoryError", "where": error.where, "problems": error.problems})
    except PostwrightError as error:
        report({"error": type(error).__name__, "text": str(error)})
    except Exception:  # noqa: BLE001 - a bug of ours; the parent shows it as one
        report({"error": "bug", "text": traceback.format_exc()})


if __name__ == "__main__":
    main()
