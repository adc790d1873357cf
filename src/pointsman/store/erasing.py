"""Taking turns out of the store for good, with everything that hangs on them.

Which tables that concerns is read from the schema: every table with a ``turn_id``, ``turn_seq``, ``conversation_id``,
``customer``, ``run_id``, ``item_id`` or ``trace_id`` column. A table that is added later with such a column is covered without a
change here. Bodies are shared between turns: one leaves when no turn that stays refers to it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from pointsman.store.bodies import HASH_SIZE, read_manifest
from pointsman.store.connection import empty_log, open_writer
from pointsman.store.store import Store

_AT_ONCE: Final = 400
_MANY: Final = 200
_COMPACT_BELOW: Final = 512 * 1024 * 1024
"""Bytes. Writing the file anew takes a second or two up to there, and writers wait for five."""


class Doomed(msgspec.Struct, frozen=True):
    """What is to go: turns by seq and id, whole conversations as (id, key or ""), and the customer's names.

    ``unique`` are bodies that no other turn up to ``scanned`` refers to.
    """

    turns: tuple[tuple[int, str], ...]
    conversations: tuple[tuple[str, str], ...] = ()
    customers: tuple[str, ...] = ()
    unique: frozenset[bytes] = frozenset()
    scanned: int = 0


def with_bodies(store: Store, doomed: Doomed) -> Doomed:
    """Return ``doomed`` with the bodies that only its turns refer to. Reads every turn's list of bodies, and blocks nobody."""
    with store.reading() as connection:
        candidates: set[bytes] = set()
        for seq, _ in doomed.turns:
            row = connection.execute("SELECT manifest, reply_hash FROM turn WHERE seq = ?", (seq,)).fetchone()
            candidates |= set() if row is None else _hashes(row)
        newest = connection.execute("SELECT coalesce(max(seq), 0) FROM turn").fetchone()[0]
        unique = _not_in(connection, candidates, {seq for seq, _ in doomed.turns}, 0, newest)
    return msgspec.structs.replace(doomed, unique=frozenset(unique), scanned=newest)


def erase(connection: sqlite3.Connection, doomed: Doomed) -> dict[str, int]:
    """Delete what is doomed; return how many rows left each table. Used inside a ``Store.write`` job, after ``with_bodies``."""
    gone: dict[str, int] = {}
    seqs, ids = [seq for seq, _ in doomed.turns], [turn_id for _, turn_id in doomed.turns]
    tables = {
        row[0]: {column[1] for column in connection.execute(f"PRAGMA table_info({row[0]})")}
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    }
    last = connection.execute("SELECT coalesce(max(seq), 0) FROM turn").fetchone()[0]
    connection.execute("UPDATE store_identity SET last_seq = max(last_seq, ?)", (last,))
    runs = _ids(connection, "agent_run", doomed.conversations)
    items = _ids(connection, "label_item", doomed.conversations) + _of_turns(connection, "label_item", ids)
    traces = _ids(connection, "captured_trace", doomed.conversations, column="trace_id")
    for table, columns in tables.items():
        n = 0
        if "item_id" in columns:
            # A shadow check that waits in a batch is called by the turn that it checks.
            n += _delete(connection, table, "item_id", [*items, *ids])
        if "run_id" in columns:
            n += _delete(connection, table, "run_id", runs)
        if "trace_id" in columns:
            n += _delete(connection, table, "trace_id", traces)
        if "turn_seq" in columns:
            n += _delete(connection, table, "turn_seq", seqs)
        if "turn_id" in columns:
            n += _delete(connection, table, "turn_id", ids)
        if "customer" in columns:
            n += _delete(connection, table, "customer", doomed.customers)
        if "conversation_id" in columns and table != "turn":
            n += _delete_conversations(connection, table, doomed.conversations, keyed="key_id" in columns)
        gone[table] = n
    gone["turn"] = _delete(connection, "turn", "seq", seqs)
    gone["body"] = erase_bodies(connection, doomed)
    # What the deletions told the fold names what is to be forgotten; the column file is seen to by the caller.
    names = [*ids, *(name for name, _ in doomed.conversations)]
    _delete(connection, "fold_change", "id", names)
    gone.pop("fold_change", None)
    return {table: n for table, n in gone.items() if n}


def erase_bodies(connection: sqlite3.Connection, doomed: Doomed) -> int:
    """Delete the bodies that only the doomed turns refer to, but for those that a turn took up since; return how many."""
    last = connection.execute("SELECT coalesce(max(seq), 0) FROM turn").fetchone()[0]
    still = _not_in(connection, set(doomed.unique), set(), doomed.scanned, last)
    return _delete(connection, "body", "hash", sorted(still))


def scrub(store: Store) -> bool:
    """Let what was deleted leave the file itself and its log; False: a reader holds an older state just now.

    Deleted rows are overwritten as they go (``secure_delete``). A file that is small enough not to keep a gateway waiting is
    written anew besides: pages that were split long ago can hold old copies between their rows.

    Raises:
        StoreError: the file cannot be written.
    """
    if store.path.stat().st_size < _COMPACT_BELOW:
        connection = open_writer(store.path, "full")
        try:
            connection.execute("VACUUM")
        finally:
            connection.close()
    return empty_log(store.path)


def _hashes(row: Sequence[Any]) -> set[bytes]:
    found = {key for _, key in read_manifest(row[0])}
    return found | {row[1]} if row[1] is not None else found


def _not_in(
    connection: sqlite3.Connection, hashes: set[bytes], leaving: set[int], after: int, until: int
) -> set[bytes]:
    """Return those of ``hashes`` that no turn after one seq and up to another refers to, the leaving ones not counted."""
    left = set(hashes)
    if not left:
        return left
    pattern = _pattern(left)
    many = len(left) > _MANY  # then nearly every manifest holds one, and taking it apart is quicker than searching it
    rows = connection.execute(
        "SELECT seq, manifest, reply_hash FROM turn WHERE seq > ? AND seq <= ? ORDER BY seq DESC", (after, until)
    )
    for seq, manifest, reply in rows:
        if seq in leaving or not (many or reply in left or pattern.search(manifest)):
            continue
        before = len(left)
        left -= _hashes((manifest, reply))
        if not left:
            break
        if len(left) < before:
            many = len(left) > _MANY
            pattern = pattern if many else _pattern(left)
    return left


def _pattern(hashes: Iterable[bytes]) -> re.Pattern[bytes]:
    """Return a search for any of the hashes: most manifests hold none, and are not taken apart."""
    joined = b"|".join(re.escape(key) for key in islice(hashes, _MANY + 1) if len(key) == HASH_SIZE)
    return re.compile(joined or rb"(?!)", re.DOTALL)


def _ids(
    connection: sqlite3.Connection, table: str, conversations: Sequence[tuple[str, str]], column: str = "id"
) -> list[str]:
    found: list[str] = []
    keyed = table != "label_item"
    for name, key in conversations:
        more = " AND coalesce(key_id, '') = ?" if keyed else ""
        values = (name, key) if keyed else (name,)
        rows = connection.execute(f"SELECT {column} FROM {table} WHERE conversation_id = ?{more}", values)  # noqa: S608
        found += [row[0] for row in rows]
    return found


def _of_turns(connection: sqlite3.Connection, table: str, ids: Sequence[str]) -> list[str]:
    found: list[str] = []
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        rows = connection.execute(f"SELECT id FROM {table} WHERE turn_id IN ({', '.join('?' * len(some))})", some)  # noqa: S608
        found += [row[0] for row in rows]
    return found


def _delete(connection: sqlite3.Connection, table: str, column: str, values: Sequence[Any]) -> int:
    gone = 0
    for start in range(0, len(values), _AT_ONCE):
        some = values[start : start + _AT_ONCE]
        query = f"DELETE FROM {table} WHERE {column} IN ({', '.join('?' * len(some))})"  # noqa: S608 - names of our schema
        gone += connection.execute(query, tuple(some)).rowcount
    return gone


def _delete_conversations(
    connection: sqlite3.Connection, table: str, conversations: Sequence[tuple[str, str]], *, keyed: bool
) -> int:
    gone = 0
    for name, key in conversations:
        more = " AND coalesce(key_id, '') = ?" if keyed else ""
        values = (name, key) if keyed else (name,)
        gone += connection.execute(f"DELETE FROM {table} WHERE conversation_id = ?{more}", values).rowcount  # noqa: S608
    return gone
