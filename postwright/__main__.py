"""``python -m postwright``."""

from __future__ import annotations

from postwright.cli.main import main

main()
