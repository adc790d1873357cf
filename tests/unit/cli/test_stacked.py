"""Tables wider than the terminal: nothing is squeezed, and every part can be read by itself."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from pointsman.cli.stacked import split


def _table() -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("id")
    for heading in ("first ms", "total ms", "", "cost $"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("turn-1", "12", "345", "", "0.0042")
    table.add_row("turn-2", "–", "6", "", "1.20")
    return table


def _shown(part: Table) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    with console.capture() as captured:
        console.print(part)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_table_that_fits_stays_as_it_is() -> None:
    table = _table()
    assert split(table, 1, 80) == [table]


def test_a_wide_table_becomes_parts_with_the_same_first_column() -> None:
    assert [_shown(part) for part in split(_table(), 1, 26)] == [
        ["id      first ms  total ms", "turn-1        12       345", "turn-2         –         6"],
        ["id      cost $", "turn-1  0.0042", "turn-2    1.20"],
    ]


def test_a_terminal_too_narrow_for_anything_still_shows_each_column_once() -> None:
    headings = [_shown(part)[0].split(maxsplit=1)[1] for part in split(_table(), 1, 5)]
    assert headings == ["first ms", "total ms", "cost $"]
