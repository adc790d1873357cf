"""The state of a world: every table's rows, in a form that says nothing of how they came about; and what differs between two."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

_NAMED: Final = 3
_SHOWN: Final = 80


class Table(msgspec.Struct, frozen=True):
    """One table: its columns, those of its primary key, and its rows with how often each is there."""

    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: dict[tuple[Any, ...], int]


class State(msgspec.Struct, frozen=True):
    """A world's state. Two are equal when their digests are."""

    digest: str
    tables: dict[str, Table]


def state_of(db: sqlite3.Connection, ignore: Collection[str] = ()) -> State:
    """Return the state, without the tables and columns (``table.column``) to ignore. The order of rows is no part of it."""
    tables = {name: _table(db, name, ignore) for name in _names(db) if name not in ignore}
    digest = hashlib.blake2b(digest_size=16)
    for name, table in tables.items():
        rows = sorted((repr(row), count) for row, count in table.rows.items())
        digest.update(msgspec.json.encode((name, table.columns, rows)))
    return State(digest.hexdigest(), tables)


def _names(db: sqlite3.Connection) -> list[str]:
    found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in found if not name.startswith("sqlite_")]


def _table(db: sqlite3.Connection, name: str, ignore: Collection[str]) -> Table:
    quoted = name.replace('"', '""')
    about = db.execute(f'PRAGMA table_info("{quoted}")').fetchall()
    columns = sorted(row[1] for row in about if f"{name}.{row[1]}" not in ignore)
    key = tuple(row[1] for row in sorted(about, key=lambda row: row[5]) if row[5] and row[1] in columns)
    listed = ", ".join('"' + column.replace('"', '""') + '"' for column in columns) or "NULL"
    rows = db.execute(f'SELECT {listed} FROM "{quoted}"')  # noqa: S608 - names out of the schema, quoted
    return Table(tuple(columns), key, dict(Counter(tuple(map(_plain, row)) for row in rows)))


def _plain(value: Any) -> Any:
    """Return a value so that equal ones look equal: 5.0 is 5 (a column's type decides which SQLite keeps)."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def differences(found: State, wanted: State) -> list[str]:
    """Return what differs, table by table, row by row, the first few: ``orders[A-1].status is 'open', not 'refunded'``."""
    lines: list[str] = []
    for name in sorted(found.tables.keys() | wanted.tables.keys()):
        one, other = found.tables.get(name), wanted.tables.get(name)
        if one is None or other is None:
            lines.append(f"table {name} {'is gone' if one is None else 'is new'}")
        elif one.columns != other.columns:
            lines.append(f"table {name} has other columns")
        else:
            lines += _rows(name, one, other)
        if len(lines) > _NAMED:
            break
    more = len(lines) - _NAMED
    return lines[:_NAMED] + (["and more"] if more > 0 else [])


def _rows(name: str, found: Table, wanted: Table) -> Iterator[str]:
    extra = {row: count for row, count in found.rows.items() if count > wanted.rows.get(row, 0)}
    lost = {row: count for row, count in wanted.rows.items() if count > found.rows.get(row, 0)}
    places = [found.columns.index(column) for column in found.key]
    by_key = {tuple(row[place] for place in places): row for row in lost} if places else {}
    for row in sorted(extra, key=repr):
        key = tuple(row[place] for place in places)
        other = by_key.pop(key, None)
        label = f"{name}[{_short(', '.join(map(str, key)))}]"
        if other is None:
            yield f"{label if places else name} has a row that should not be there: {_said(found, row)}"
            continue
        lost.pop(other)
        for column, value, right in zip(found.columns, row, other, strict=True):
            if value != right:
                yield f"{label}.{column} is {_short(repr(value))}, not {_short(repr(right))}"
    for row in sorted(lost, key=repr):
        yield f"{name} lacks a row: {_said(found, row)}"


def _said(table: Table, row: tuple[Any, ...]) -> str:
    return _short(", ".join(f"{column}={value!r}" for column, value in zip(table.columns, row, strict=True)))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
