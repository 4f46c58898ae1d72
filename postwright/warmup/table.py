"""Lays rows out for a terminal: beside each other if it is wide, beneath each other if it is not. Pure.

Promise: no line is longer than the width, down to ``NARROWEST``; nothing is left out, whatever the width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import TextWrapper

from postwright.warmup.wording import Line, Meaning

NARROWEST = 24
_GAP = 2
_NOTE = 32  # columns at least; a narrower note stands on lines of its own
_DEEP = 6  # where those begin


@dataclass(frozen=True)
class Row:
    """``mark`` is a character in front. ``cells`` are as many as there are columns; ``note`` may be long."""

    cells: tuple[str, ...]
    note: str = ""
    means: Meaning = ""
    mark: str = " "


@dataclass(frozen=True)
class Column:
    """``title`` names it in the heading, and before each value where the columns do not fit beside each other."""

    title: str
    right: bool = True


@dataclass(frozen=True)
class Layout:
    """The widths several tables share, so that they stand in line."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    width: int

    @property
    def _all(self) -> int:
        return _GAP + sum(self.widths) + _GAP * len(self.widths)

    @property
    def room(self) -> int:
        """Columns that are left for a note on the same line."""
        return self.width - self._all

    def heading(self) -> Iterator[Line]:
        """The titles, where there is one line for them."""
        if self._all <= self.width:
            yield Line(f"  {self._beside([column.title for column in self.columns])}".rstrip(), "faint")

    def row(self, row: Row) -> Iterator[Line]:
        """One row, on as many lines as it takes."""
        note = _wrapped(row.note, max(1, self.width - self._all))
        if self._all + min(_NOTE, len(row.note)) <= self.width:
            first = f"{row.mark} {self._beside(row.cells)}{'  ' if note else ''}{note[0] if note else ''}"
            yield Line(first.rstrip(), row.means)
            yield from (Line(" " * self._all + more, row.means) for more in note[1:])
            return
        if self._all - _GAP <= self.width:
            yield Line(f"{row.mark} {self._beside(row.cells)}".rstrip(), row.means)
        else:
            yield from self._stacked(row)
        yield from folded(row.note, self.width, row.means, " " * _DEEP, " " * _DEEP)

    def _beside(self, cells: Sequence[str]) -> str:
        parts = zip(self.columns, self.widths, cells, strict=True)
        return (" " * _GAP).join(cell.rjust(wide) if column.right else cell.ljust(wide) for column, wide, cell in parts)

    def _stacked(self, row: Row) -> Iterator[Line]:
        """The first cell as a heading, the others as ``title value`` beneath."""
        yield from folded(row.cells[0], self.width, row.means, f"{row.mark} ", "  ")
        pairs = zip(self.columns[1:], row.cells[1:], strict=True)
        text = ", ".join(f"{column.title} {cell}" for column, cell in pairs if cell)
        yield from folded(text, self.width, row.means, " " * 4, " " * 4)


def layout(columns: tuple[Column, ...], rows: Sequence[Row], width: int) -> Layout:
    """The layout in which all these rows fit."""
    cells = [tuple(column.title for column in columns), *(row.cells for row in rows)]
    widths = tuple(max(map(len, column)) for column in zip(*cells, strict=True))
    return Layout(columns, widths, max(width, NARROWEST))


def folded(text: str, width: int, means: Meaning = "", first: str = "", later: str = "  ") -> Iterator[Line]:
    """A text on as many lines as it takes; none for no text."""
    return (Line(line, means) for line in _wrapped(text, max(width, NARROWEST), first, later))


def _wrapped(text: str, width: int, first: str = "", later: str = "") -> list[str]:
    """Names of hosts and lanes have hyphens: no line ends there if it need not."""
    return TextWrapper(width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False).wrap(text)
