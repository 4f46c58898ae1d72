"""Scripts that run on a mail host: Python's standard library only, 3.11 or newer, no postwright there.

Each reads ``REQUEST`` (a dict put before its text by ``package``) and prints one JSON object as its last line. They are
sent, never installed, so host and operator cannot have different versions.
"""

from __future__ import annotations

import base64
import json
import zlib
from importlib import resources
from typing import Any


def package(script: str, request: dict[str, Any]) -> str:
    """The text of a script with the code all share and its request, ready for ``python3 -``."""
    here = resources.files(__name__)
    common = (here / "common.py").read_text(encoding="utf-8")
    body = (here / f"{script}.py").read_text(encoding="utf-8").replace("from common import *  # noqa: F403\n", "")
    packed = base64.b64encode(json.dumps(request).encode()).decode()
    body = body.replace("from __future__ import annotations\n", "")
    return f'{common}\nimport base64\nREQUEST = json.loads(base64.b64decode("{packed}"))\n{body}\nmain()\n'


def command(script: str, request: dict[str, Any]) -> str:
    """The same as one shell command; only for requests without secrets, since others can see it run."""
    text = base64.b64encode(zlib.compress(package(script, request).encode(), 9)).decode()
    return f"python3 -c 'import base64,zlib;exec(zlib.decompress(base64.b64decode(\"{text}\")))'"
