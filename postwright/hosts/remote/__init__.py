"""Scripts that run on a mail host: Python's standard library only, 3.11 or newer, no postwright there.

Each has a ``main`` that is given a request (a dict) and prints one JSON object as its last line. They are sent, never
installed, so host and operator cannot have different versions. What they share is in ``common``, the one module of
ours they may import.
"""

from __future__ import annotations

import ast
import base64
import json
import zlib
from functools import cache
from importlib import resources
from typing import Any


def package(script: str, request: dict[str, Any]) -> str:
    """The text of a script with the code all share and its request, ready for ``python3 -``."""
    packed = base64.b64encode(json.dumps(request).encode()).decode()
    call = f'main(json.loads(__import__("base64").b64decode("{packed}")))'
    return "\n".join(("from __future__ import annotations", _code("common"), _code(script), call, ""))


def command(script: str, request: dict[str, Any]) -> str:
    """The same as one shell command; only for requests without secrets, since others can see it run."""
    text = base64.b64encode(zlib.compress(package(script, request).encode(), 9)).decode()
    return f"python3 -c 'import base64,zlib;exec(zlib.decompress(base64.b64decode(\"{text}\")))'"


@cache
def _code(name: str) -> str:
    """A module's code without what makes no sense in one file: its imports of ours and of the future."""
    source = (resources.files(__name__) / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.module in _LEFT_OUT)]
    return ast.unparse(tree)


_LEFT_OUT = ("__future__", "postwright.hosts.remote.common")
