"""The rows beside the turns that may change later: outcomes, grades, shadow checks, feedback, rejected replies.

Each kind has an owner (a turn, a conversation, itself). When one row of an owner has changed, all rows of that owner are
taken out of the column file and read again from the store: what was deleted is gone, and nothing is there twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pointsman.monitoring.columns.inserting import Inserter
from pointsman.monitoring.columns.rows import conversation_number

if TYPE_CHECKING:
    import duckdb

_AT_ONCE: Final = 500


class Beside(msgspec.Struct, frozen=True):
    """One kind: the table in both files, what is read of it, and by which columns its owner is found there and here."""

    table: str
    columns: str
    store_owner: tuple[str, ...]
    owner: tuple[str, ...]
    booleans: tuple[int, ...] = ()


KINDS: Final = {
    "grade": Beside(
        "grade",
        "turn_id, seq, subject, metric, version, source, author, score, passed, cost_pico, at_us",
        ("turn_id",),
        ("turn_id",),
        (8,),
    ),
    "shadow": Beside(
        "shadow",
        "turn_id, turn_seq, chosen_at_us, changed_at_us, why, probability, state, model, cost_pico, judge_cost_pico, verdict,"
        " material, decided_by, judge, flipped",
        ("turn_id",),
        ("turn_id",),
        (11, 14),
    ),
    "outcome": Beside(
        "outcome",
        "conversation_id, key_id, resolved, escalated, reopened, csat, handoff_pico, source, at_us",
        ("conversation_id", "key_id"),
        ("conversation", "key"),
        (2, 3, 4),
    ),
    "feedback": Beside(
        "feedback", "turn_id, at_us, source, thumb, rating, label, route, intent", ("turn_id",), ("turn_id",)
    ),
    "rejection": Beside(
        "rejection",
        "id, at_us, outcome, contract, version, model, kinds, purpose, attempt, turn_id, conversation_id, agent",
        ("id",),
        ("id",),
    ),
}


def refold(
    connection: duckdb.DuckDBPyConnection,
    store: sqlite3.Connection,
    kind: str,
    owners: Sequence[tuple[Any, ...]],
    folder: Path,
) -> int:
    """Take all rows of these owners anew from the store; return how many there are now."""
    beside, made = KINDS[kind], 0
    for start in range(0, len(owners), _AT_ONCE):
        some = owners[start : start + _AT_ONCE]
        flat = [value for owner in some for value in owner]
        one = f"({', '.join('?' * len(beside.owner))})"
        places = ", ".join([one] * len(some))
        connection.execute(f"DELETE FROM {beside.table} WHERE ({', '.join(beside.owner)}) IN ({places})", flat)
        query = (
            f"SELECT {beside.columns} FROM {beside.table} WHERE ({', '.join(beside.store_owner)}) IN (VALUES {places})"
        )
        made += _insert(connection, beside, store.execute(query, flat).fetchall(), folder)
    return made


def fold_all(connection: duckdb.DuckDBPyConnection, store: sqlite3.Connection, folder: Path) -> int:
    """Take every row of every kind: for a file that was just made."""
    made = 0
    for beside in KINDS.values():
        cursor = store.execute(f"SELECT {beside.columns} FROM {beside.table}")
        while rows := cursor.fetchmany(20_000):
            made += _insert(connection, beside, rows, folder)
    return made


def _insert(connection: duckdb.DuckDBPyConnection, beside: Beside, rows: list[tuple[Any, ...]], folder: Path) -> int:
    made = [_row(beside, row) for row in rows]
    Inserter(beside.table).insert(connection, made, folder)
    return len(made)


def _row(beside: Beside, row: tuple[Any, ...]) -> tuple[Any, ...]:
    cells = list(row)
    for n in beside.booleans:
        cells[n] = None if cells[n] is None else bool(cells[n])
    if beside.table == "rejection":
        cells[6] = msgspec.json.decode(cells[6])
    if beside.table == "outcome":
        cells.insert(0, conversation_number(cells[0], cells[1]))
    return tuple(cells)
