"""Letting what was said leave the store after a time, while the figures stay."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from pointsman.store.bodies import Codec, manifest
from pointsman.store.erasing import Doomed, erase_bodies, with_bodies
from pointsman.store.store import Store

_EMPTY: Final = manifest([], [])
_AT_ONCE: Final = 5000
_SPOKEN: Final = (
    ("step", "error_text = NULL", "turn_seq IN (SELECT seq FROM turn WHERE at_us < ?) AND error_text IS NOT NULL"),
    ("rejection", "raw = X'00', failures = '[]', repairs = '[]'", "at_us < ? AND raw <> X'00'"),
    (
        "shadow",
        "reply = NULL, detail = '{}'",
        "turn_seq IN (SELECT seq FROM turn WHERE at_us < ?) AND reply IS NOT NULL",
    ),
    ("grade", "detail = '{}'", "turn_id IN (SELECT id FROM turn WHERE at_us < ?) AND detail <> '{}'"),
    ("feedback", "comment = NULL", "at_us < ? AND comment IS NOT NULL"),
    ("judgement", "reason = ''", "at_us < ? AND reason <> ''"),
    ("label", "note = ''", "at_us < ? AND note <> ''"),
)
"""Tables beside the turns with words in them: what is set, and where. The last run's work is not done again."""
_RUNS: Final = "SELECT id FROM agent_run WHERE updated_at_us < ? AND state IN ('done', 'failed', 'cancelled')"


def old_turns(store: Store, before_us: int, *, spoken: bool, limit: int = _AT_ONCE) -> list[tuple[int, str]]:
    """Return up to ``limit`` turns from before a moment, as (seq, id); ``spoken``: only those whose words are still there."""
    more = " AND length(manifest) > ?" if spoken else ""
    values = (before_us, len(_EMPTY), limit) if spoken else (before_us, limit)
    with store.reading() as connection:
        return connection.execute(
            f"SELECT seq, id FROM turn WHERE at_us < ?{more} ORDER BY at_us LIMIT ?",  # noqa: S608
            values,
        ).fetchall()


def count_old(store: Store, before_us: int, *, spoken: bool) -> int:
    """Return how many turns are from before a moment; ``spoken``: only those whose words are still there."""
    more = f" AND length(manifest) > {len(_EMPTY)}" if spoken else ""
    with store.reading() as connection:
        return int(connection.execute(f"SELECT count(*) FROM turn WHERE at_us < ?{more}", (before_us,)).fetchone()[0])  # noqa: S608


def drop_words(store: Store, before_us: int) -> tuple[int, int]:
    """Take the words of turns from before a moment out of the store; return how many turns and bodies that were.

    Requests, replies, plans that were passed on, texts of checks, graders' quotes, comments and agents' runs go. Counts, costs,
    times, decisions and verdicts stay. In pieces, so that no turn waits for long.

    Raises:
        StoreError: the store cannot be written.
    """
    turns = bodies = 0
    while some := old_turns(store, before_us, spoken=True):
        doomed = with_bodies(store, Doomed(tuple(some)))
        bodies += store.write_sync(lambda connection, doomed=doomed: _silence(connection, doomed))  # type: ignore[misc]
        turns += len(some)
    store.write_sync(lambda connection: _silence_beside(connection, before_us))
    return turns, bodies


def _silence(connection: sqlite3.Connection, doomed: Doomed) -> int:
    codec = Codec()
    for seq, _ in doomed.turns:
        row = connection.execute("SELECT detail FROM turn WHERE seq = ?", (seq,)).fetchone()
        if row is not None:
            connection.execute(
                "UPDATE turn SET manifest = ?, reply_hash = NULL, detail = ? WHERE seq = ?",
                (_EMPTY, codec.pack(_without_words(codec.unpack(row[0])), 1024), seq),
            )
    return erase_bodies(connection, doomed)


def _without_words(detail: bytes) -> bytes:
    """Return a turn's stored detail without the plans that were passed on and the texts of checks (see ``rows``)."""
    parts: list[Any] = msgspec.msgpack.decode(detail)
    if len(parts) > 3:  # noqa: PLR2004 - decision, dropped parameters, metadata come first
        parts[3] = [[kind, source, target, b"null"] for kind, source, target, _ in parts[3]]
    if len(parts) > 4:  # noqa: PLR2004
        parts[4] = [{**check, "text": ""} for check in parts[4]]
    return msgspec.msgpack.encode(parts)


def _silence_beside(connection: sqlite3.Connection, before_us: int) -> None:
    for table, change, where in _SPOKEN:
        connection.execute(f"UPDATE {table} SET {change} WHERE {where}", (before_us,))  # noqa: S608 - names from above
    for table, column in (("agent_step", "run_id"), ("agent_call", "run_id"), ("agent_run", "id")):
        connection.execute(f"DELETE FROM {table} WHERE {column} IN ({_RUNS})", (before_us,))  # noqa: S608
