"""Whole turns in the order of their commits: what readers beside the turns (metrics, telemetry) work through."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import Any

from pointsman.domain.record import TurnRecord
from pointsman.errors import StoreError
from pointsman.store.bodies import Codec, digest, manifest
from pointsman.store.reading import mappings
from pointsman.store.rows import read_turn
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

Followed = tuple[int, TurnRecord]
_NO_PARTS = manifest([], [])


def last_seq(store: Store) -> int:
    """Return the place of the newest turn, 0 where there is none.

    Raises:
        StoreError: the store cannot be read.
    """
    with store.reading() as connection:
        return int(connection.execute(load_queries("turns")["last_seq"]).fetchone()[0])


def records_after(store: Store, seq: int, limit: int = 500, *, bodies: bool = False) -> list[Followed]:
    """Return up to ``limit`` turns committed after ``seq`` with their places, in that order.

    Without ``bodies`` the request and the reply are empty, which reads several times faster. A body that was deleted is left
    out; the turn stays.

    Raises:
        StoreError: the store cannot be read, or a turn in it is damaged.
    """
    queries = load_queries("following")
    with store.reading() as connection:
        rows = mappings(connection.execute(queries["turns_after"], {"seq": seq, "limit": limit}))
        if not rows:
            return []
        steps: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for step in mappings(connection.execute(queries["steps_between"], {"seq": seq, "last": rows[-1]["seq"]})):
            steps[step["turn_seq"]].append(step)
        codec = Codec()
        return [(row["seq"], _record(connection, row, steps[row["seq"]], codec, bodies=bodies)) for row in rows]


def _record(
    connection: sqlite3.Connection,
    row: dict[str, Any],
    steps: list[dict[str, Any]],
    codec: Codec,
    *,
    bodies: bool,
) -> TurnRecord:
    query = load_queries("turns")["body_by_hash"] if bodies else ""

    def fetch(key: bytes) -> bytes:
        found = connection.execute(query, (key,)).fetchone()
        body = codec.unpack(found[0]) if found else b""
        if found and digest(body) != key:
            raise StoreError(f"turn {row['id']}: a message body is damaged. Restore the store from a copy.")
        return body

    if not bodies:
        row = {**row, "manifest": _NO_PARTS, "reply_hash": None}
    return read_turn(row, steps, fetch, codec)
