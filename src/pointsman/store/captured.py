"""Turns captured from traces: which conversation a trace belongs to, and calls that wait until it is known."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

Job = Callable[[sqlite3.Connection], None]
_CHUNK: Final = 500
_EVER_US: Final = 1 << 62
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(TurnRecord)


class TraceRow(msgspec.Struct, frozen=True):
    """What is known of a trace; ``conversation_id`` None: its outermost span came and named none."""

    trace_id: str
    conversation_id: str | None


def known_traces(store: Store, trace_ids: Iterable[str], key_id: str | None) -> dict[str, str | None]:
    """Return the conversation of each trace whose outermost or naming span has come.

    Raises:
        StoreError: the store cannot be read.
    """
    found: dict[str, str | None] = {}
    query = load_queries("captured")["known_traces"]
    with store.reading() as connection:
        for chunk in _chunks(sorted(set(trace_ids))):
            rows = connection.execute(query.format(marks=",".join("?" * len(chunk))), [key_id or "", *chunk])
            found.update({row[0]: row[1] for row in rows})
    return found


def known_turns(store: Store, turn_ids: Iterable[str], *, waiting: bool = True) -> set[str]:
    """Return which of these turns are in the store, or wait to be.

    Raises:
        StoreError: the store cannot be read.
    """
    found: set[str] = set()
    queries = load_queries("captured")
    names = ("stored", "held") if waiting else ("stored",)
    with store.reading() as connection:
        for chunk in _chunks(sorted(set(turn_ids))):
            marks = ",".join("?" * len(chunk))
            for name in names:
                found.update(row[0] for row in connection.execute(queries[name].format(marks=marks), chunk))
    return found


def keep_job(
    traces: Sequence[TraceRow], waiting: Sequence[tuple[str, TurnRecord]], key_id: str | None, now_us: int
) -> Job:
    """Return the job that notes what is known of traces, and keeps calls (with their trace) that wait."""
    queries, key = load_queries("captured"), key_id or ""
    held = [(record.id, trace, key, _ENCODER.encode(record), now_us) for trace, record in waiting]
    named = [
        {"trace_id": one.trace_id, "key_id": key, "conversation_id": one.conversation_id, "now_us": now_us}
        for one in traces
    ]

    def job(connection: sqlite3.Connection) -> None:
        connection.executemany(queries["put_trace"], named)
        connection.executemany(queries["put_waiting"], held)

    return job


def due(store: Store, waited_since_us: int, limit: int = 500) -> list[TurnRecord]:
    """Return calls whose trace is known by now, or that have waited since before this moment, each with its conversation.

    Raises:
        StoreError: the store cannot be read.
    """
    with store.reading() as connection:
        rows = connection.execute(
            load_queries("captured")["due"], {"since_us": waited_since_us, "limit": limit}
        ).fetchall()
    found = []
    for raw, conversation in rows:
        record = _DECODER.decode(raw)
        found.append(record if conversation is None else msgspec.structs.replace(record, conversation_id=conversation))
    return found


def settle_waiting(store: Store) -> int:
    """Write all calls that wait as turns now; return how many. For who must see all there is, such as a deletion.

    Raises:
        StoreError: the store cannot be read or written.
    """
    written = 0
    while found := due(store, _EVER_US):
        there = known_turns(store, (record.id for record in found), waiting=False)
        for record in found:
            if record.id not in there:
                store.append_sync(record)
        store.write_sync(release_job([record.id for record in found]))
        written += len(found)
    return written


def release_job(turn_ids: Sequence[str]) -> Job:
    """Return the job that ends the waiting of calls that are turns now."""
    query = load_queries("captured")["release"]

    def job(connection: sqlite3.Connection) -> None:
        connection.executemany(query, [(one,) for one in turn_ids])

    return job


def forget_job(seen_before_us: int) -> Job:
    """Return the job that forgets traces that ended long ago."""
    query = load_queries("captured")["forget"]

    def job(connection: sqlite3.Connection) -> None:
        connection.execute(query, (seen_before_us,))

    return job


def _chunks(ids: list[str]) -> Iterable[list[str]]:
    return (ids[at : at + _CHUNK] for at in range(0, len(ids), _CHUNK))
