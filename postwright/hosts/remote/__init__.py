"""Scripts that run on a mail host: Python's standard library only, 3.11 or newer, no postwright there.

Each has a ``main`` that is given a request (a dict) and prints one JSON object as its last line. They are sent, never
installed, so host and operator cannot have different versions. Of ours they may import modules of this package, which
are sent along: ``common``, which all share, and others that several need.
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
    modules = dict.fromkeys(("common", *_needed(script)))
    return "\n".join(("from __future__ import annotations", *map(_code, modules), call, ""))


def command(script: str, request: dict[str, Any]) -> str:
    """The same as one shell command; only for requests without secrets, since others can see it run."""
    text = base64.b64encode(zlib.compress(package(script, request).encode(), 9)).decode()
    return f"python3 -c 'import base64,zlib;exec(zlib.decompress(base64.b64decode(\"{text}\")))'"


@cache
def _needed(name: str) -> tuple[str, ...]:
    """The modules of ours a module imports, each after those it needs itself, and the module at the end."""
    imported = (node.module for node in _tree(name).body if isinstance(node, ast.ImportFrom) and _is_ours(node))
    return (*(it for module in imported for it in _needed(str(module).rpartition(".")[2])), name)


@cache
def _code(name: str) -> str:
    """A module's code without what makes no sense in one file: its imports of ours and of the future."""
    tree = _tree(name)
    left_out = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    gone = {id(node) for node in left_out if node.module == "__future__" or _is_ours(node)}
    return ast.unparse(ast.Module([node for node in tree.body if id(node) not in gone], []))


@cache
def _tree(name: str) -> ast.Module:
    return ast.parse((resources.files(__name__) / f"{name}.py").read_text(encoding="utf-8"))


def _is_ours(node: ast.ImportFrom) -> bool:
    return (node.module or "").startswith(f"{__name__}.")
