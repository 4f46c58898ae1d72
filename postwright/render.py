"""Renders every file of a host. Pure: the same context gives the same bytes.

A template of ``templates/`` sees ``fleet``, ``host``, ``release`` and what its service adds. A name it does not know
is an error, not an empty string.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2

from postwright.services.parts import Context


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("postwright", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
    )


def template(name: str, context: Context, **values: Any) -> bytes:
    """The bytes of a template, such as ``postfix/main.cf.j2``."""
    text = (
        _environment()
        .get_template(name)
        .render(fleet=context.fleet, host=context.host, release=context.release, **values)
    )
    return text.encode()
