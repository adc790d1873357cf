"""Outcomes from files that ticket systems export: CSV or JSONL, wrong lines named with their reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from pointsman.errors import UsageError

FIELDS: Final = (
    "conversation",
    "id",
    "at",
    "resolved",
    "escalated",
    "reopened",
    "csat",
    "handoff_cost_usd",
    "source",
    "allow_unknown",
)
_FLAGS: Final = frozenset({"resolved", "escalated", "reopened", "allow_unknown"})
_TRUE: Final = frozenset({"true", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "no", "n", "0"})


class Line(msgspec.Struct, frozen=True):
    """One line of a file: its number, and its fields or why it cannot be read."""

    number: int
    fields: dict[str, Any]
    problem: str | None = None


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a ``.csv`` or ``.jsonl`` file.

    Raises:
        UsageError: the file cannot be read, or its header names a column nobody knows.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    if path.suffix.lower() == ".csv":
        return _csv_lines(path, text)
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return _json_lines(text)
    raise UsageError(f"{path}: outcomes come as .csv or .jsonl")


def _json_lines(text: str) -> Iterator[Line]:
    for number, raw in enumerate(text.split("\n"), 1):
        if not raw.strip():
            continue
        try:
            fields = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError) as error:
            yield Line(number, {}, f"not a JSON object: {error}")
            continue
        yield Line(number, fields)


def _csv_lines(path: Path, text: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = _header(path, reader)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(reader.line_num, {}, f"not CSV: {error}")
            continue
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            yield Line(reader.line_num, {}, f"{len(row)} cells, but the header has {len(header)}")
            continue
        yield _csv_line(reader.line_num, dict(zip(header, (cell.strip() for cell in row), strict=True)))


def _header(path: Path, reader: Any) -> list[str]:
    try:
        header = [name.strip().lower() for name in next(reader, [])]
    except csv.Error as error:
        raise UsageError(f"{path}:1: not CSV: {error}") from None
    unknown = [name for name in header if name not in FIELDS]
    if unknown or "conversation" not in header or len(set(header)) < len(header):
        wrong = f"column {unknown[0]!r} is unknown" if unknown else "each column must be named once"
        wrong = wrong if unknown or "conversation" in header else "there is no column conversation"
        raise UsageError(f"{path}:1: {wrong}; columns are {', '.join(FIELDS)}")
    return header


def _csv_line(number: int, cells: dict[str, str]) -> Line:
    """An empty cell says nothing; flags are read as people write them."""
    fields: dict[str, Any] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        if name in _FLAGS:
            if cell.lower() not in _TRUE | _FALSE:
                return Line(number, {}, f"{name}: {cell[:40]!r} is neither true nor false")
            fields[name] = cell.lower() in _TRUE
        elif name == "csat":
            try:
                fields[name] = float(cell)
            except ValueError:
                return Line(number, {}, f"csat: {cell[:40]!r} is no number")
        else:
            fields[name] = cell
    return Line(number, fields)
