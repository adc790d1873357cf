"""Prints a table that is wider than the terminal as several, one below the other.

Squeezed columns hide figures or stand letter under letter. Each part begins with the same first columns, so that its
rows can still be told apart.
"""

from __future__ import annotations

import sys

from rich.table import Column, Table
from rich.text import Text

from pointsman.cli.console import out
from pointsman.cli.figures import width

_GAP = 2  # columns of space between two columns of a table without a box
_PIPED = 400
_WIDEST = 36  # a longer cell is folded rather than given the whole line


def show_stacked(table: Table, keys: int) -> None:
    """Print ``table``, which has no box; ``keys`` says how many first columns each part repeats.

    In a pipe a row stays one line, however long.
    """
    console = out()
    console.width = width() if sys.stdout.isatty() else _PIPED
    for number, part in enumerate(split(table, keys, console.width)):
        if number:
            console.print()
        console.print(part)


def split(table: Table, keys: int, columns: int) -> list[Table]:
    """Return ``table`` as it is where it fits into ``columns``, else as parts that do (as far as single columns do)."""
    parts = _parts([_needed(column) for column in table.columns], keys, columns)
    return [table] if len(parts) == 1 else [_only(table, [*range(keys), *chosen]) for chosen in parts]


def _needed(column: Column) -> int:
    cells = [column.header, *column.cells]
    return min(max((_length(cell) for cell in cells), default=0), _WIDEST)


def _length(cell: object) -> int:
    text = cell if isinstance(cell, Text) else Text(str(cell))
    return max((line.cell_len for line in text.split("\n")), default=0)


def _parts(needed: list[int], keys: int, columns: int) -> list[list[int]]:
    """Return the indexes of the columns of each part, filled from the left."""
    fixed = sum(size + _GAP for size in needed[:keys])
    parts: list[list[int]] = [[]]
    used = fixed
    for index in range(keys, len(needed)):
        if needed[index] == 0:
            continue
        if parts[-1] and used + needed[index] > columns:
            parts.append([])
            used = fixed
        parts[-1].append(index)
        used += needed[index] + _GAP
    return parts


def _only(table: Table, indexes: list[int]) -> Table:
    part = Table(box=None, pad_edge=False)
    chosen = [table.columns[index] for index in indexes]
    for column in chosen:
        part.add_column(column.header, justify=column.justify, overflow=column.overflow, no_wrap=column.no_wrap)
    for row in zip(*(column.cells for column in chosen), strict=True):
        part.add_row(*row)
    return part
