"""Tables: one description for the page, for cards on a narrow screen, and for CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from pointsman.domain.figures import Estimate, Rate

Kind = Literal[
    "text", "id", "count", "usd", "ms", "share", "when", "tier", "model", "status", "number", "price", "figure"
]
"""How a column's values are shown. ``figure`` takes a ``Rate`` or an ``Estimate``; ``when`` Unix microseconds, ``model`` a
model id, ``price`` dollars written as they are."""
_RIGHT: Final = frozenset({"count", "usd", "ms", "share", "number", "price", "figure"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Column(msgspec.Struct, frozen=True):
    """A column: ``key`` is its name in the CSV, ``title`` its heading (with the unit where it has one).

    ``csv_only``: it is in the CSV and not on the page. ``why``: what a dash in it means, said on hover.
    """

    key: str
    title: str
    kind: Kind = "text"
    hint: str = ""
    csv_only: bool = False
    why: str = ""

    @property
    def right(self) -> bool:
        """Whether its values stand right-aligned."""
        return self.kind in _RIGHT


class Cell(msgspec.Struct, frozen=True):
    """A value with a link, a reason on hover, a tier's mark, or greyed because it rests on too few."""

    value: Any
    link: str = ""
    title: str = ""
    few: bool = False
    tier: str = ""


class Table(msgspec.Struct, frozen=True):
    """Rows of values (or ``Cell`` s) under columns. ``name`` is what ``?format=csv&table=`` calls it.

    The first column heads the card on a narrow screen. ``total``: how many rows there are in all, where not all are given.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    total: int | None = None
    empty: str = "Nothing to show."


def cell(value: Any) -> Cell:
    """Return a value as a cell."""
    return value if isinstance(value, Cell) else Cell(value)


def as_csv(table: Table) -> bytes:
    """Return a table as CSV (RFC 4180, UTF-8 with a byte-order mark, which spreadsheets want).

    A rate or an estimate takes four columns: value, n, low, high. A text that a spreadsheet would run as a formula gets an
    apostrophe before it (OWASP, CSV injection).
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(_safe(name) for column in table.columns for name in _headings(column))
    for row in table.rows:
        values = [
            _safe(part)
            for column, given in zip(table.columns, row, strict=True)
            for part in _values(column, cell(given).value)
        ]
        writer.writerow(values)
    return b"\xef\xbb\xbf" + buffer.getvalue().encode("utf-8", "replace")


def _headings(column: Column) -> Iterable[str]:
    if column.kind == "figure":
        return (column.key, f"{column.key}_n", f"{column.key}_low", f"{column.key}_high")
    return (column.key,)


def _values(column: Column, value: Any) -> Iterable[Any]:
    if column.kind == "figure":
        if value is None:
            return ("", "", "", "")
        if isinstance(value, Rate):
            low, high = value.interval or ("", "")
            return (_known(value.value), value.n, low, high)
        if isinstance(value, Estimate):
            return (_known(value.value), value.n, _known(value.low), _known(value.high))
    if column.kind == "when" and isinstance(value, int):
        return (datetime.fromtimestamp(value / 1e6, UTC).isoformat(timespec="milliseconds"),)
    return (_known(value),)


def _known(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else value


def _safe(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.replace("\x00", "")
    try:
        float(text)
    except ValueError:
        return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text
    return text
