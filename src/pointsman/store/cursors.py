"""Reading the turns as they come in, each once: a named place in the order of commits.

Background work (shadow checks, telemetry, grading) never stands on a customer's path. It asks for the turns after its cursor,
does its work, and moves the cursor in the same transaction that writes what came of it: a crash between the two repeats
nothing and loses nothing.
"""

from __future__ import annotations

import sqlite3
import time

import msgspec

from pointsman.store.sql import load_queries
from pointsman.store.store import Store


class Place(msgspec.Struct, frozen=True):
    """A turn in the order of commits."""

    seq: int
    turn_id: str


def turns_after(store: Store, seq: int, limit: int = 500) -> list[Place]:
    """Return up to ``limit`` turns committed after ``seq``, in that order.

    Raises:
        StoreError: the store cannot be read.
    """
    with store.reading() as connection:
        rows = connection.execute(load_queries("cursors")["ids_after"], (seq, limit)).fetchall()
    return [Place(row[0], row[1]) for row in rows]


def read_cursor(store: Store, name: str) -> int | None:
    """Return the seq of the last turn that reader ``name`` has dealt with; None: it never began."""
    with store.reading() as connection:
        row = connection.execute(load_queries("cursors")["get"], (name,)).fetchone()
    return None if row is None else int(row[0])


def move_cursor(connection: sqlite3.Connection, name: str, seq: int) -> None:
    """Move a reader's place; for use inside a ``Store.write`` job, beside what the reader wrote."""
    connection.execute(load_queries("cursors")["put"], (name, seq, time.time_ns() // 1000))
