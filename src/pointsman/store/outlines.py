"""Turns in outline, in the order of their commits: what readers need that only count. Half the time of reading them whole.

An outline is a ``TurnRecord`` without the request, the reasons and signals of its decision, its handoffs' artifacts, its
metadata, and what single calls cost. It has the reply only where that calls tools.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from pointsman.domain.decision import Decision
from pointsman.domain.record import CheckRecord, StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.errors import StoreError
from pointsman.store.bodies import Codec
from pointsman.store.money import from_pico
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

_log = logging.getLogger(__name__)
Outline = tuple[int, TurnRecord]
_TOOLS: Final = "tool_use"


class _Decided(msgspec.Struct):
    decided_us: float = 0.0


class _Detail(msgspec.Struct, array_like=True):
    """What is read of the part of a record that the store keeps in one piece (``rows._Detail``)."""

    decision: _Decided
    dropped_params: msgspec.Raw
    metadata: msgspec.Raw
    handoffs: msgspec.Raw = msgspec.Raw()
    checks: tuple[CheckRecord, ...] = ()
    prepared_ms: float | None = None


_DECODER: Final = msgspec.msgpack.Decoder(_Detail)


def outlines_after(store: Store, seq: int, limit: int = 500) -> list[Outline]:
    """Return up to ``limit`` turns committed after ``seq`` with their places, in that order; damaged ones are left out.

    Raises:
        StoreError: the store cannot be read.
    """
    queries = load_queries("outlines")
    with store.reading() as connection:
        rows = connection.execute(queries["turns_after"], (seq, limit)).fetchall()
        if not rows:
            return []
        steps = connection.execute(queries["steps_between"], (seq, rows[-1][0]))
        return _outlines(connection, rows, steps)


def outlines_between(
    store: Store, start_us: int, end_us: int, *, simulated: bool, limit: int = 1000
) -> list[TurnRecord]:
    """Return the newest ``limit`` turns that arrived in this time; damaged ones are left out.

    Raises:
        StoreError: the store cannot be read.
    """
    queries = load_queries("outlines")
    with store.reading() as connection:
        seqs = connection.execute(queries["seqs_between"], (start_us, end_us, simulated, limit)).fetchall()
        chosen = msgspec.json.encode([row[0] for row in seqs]).decode()
        rows = connection.execute(queries["turns_in"], (chosen,)).fetchall()
        steps = connection.execute(queries["steps_in"], (chosen,))
        return [record for _, record in _outlines(connection, rows, steps)]


def _outlines(connection: sqlite3.Connection, rows: Sequence[Any], steps: Iterable[Any]) -> list[Outline]:
    by_turn: dict[int, list[Any]] = {}
    for step in steps:
        by_turn.setdefault(step[0], []).append(step)
    codec = Codec()
    found: list[Outline] = []
    for row in rows:
        try:
            found.append((row[0], _outline(connection, row, by_turn.get(row[0], ()), codec)))
        except StoreError as error:
            _log.warning("a turn is not counted: %s", error)
    return found


def _outline(connection: sqlite3.Connection, row: Any, steps: Sequence[Any], codec: Codec) -> TurnRecord:
    try:
        detail = _DECODER.decode(codec.unpack(row[21]))
    except msgspec.MsgspecError as error:
        raise StoreError(f"turn {row[1]}: its decision is damaged ({error}). Restore the store from a copy.") from error
    calls = any(step[8] == _TOOLS for step in steps)
    return TurnRecord(
        id=row[1],
        conversation_id=row[2],
        at_us=row[3],
        dialect=row[4],
        status=row[5],
        decision=Decision(
            row[1], row[7], row[6], row[8], row[10], intent=row[9], decided_us=detail.decision.decided_us
        ),
        steps=tuple([_step(step) for step in steps]),
        duration_ms=row[13],
        channel=row[11],
        http_status=row[12],
        ttft_ms=row[14],
        gateway_us=row[15],
        usage=_usage(row[22:28]),
        cost_usd=from_pico(row[16]),
        error_code=row[17],
        simulated=bool(row[18]),
        key_id=row[19],
        reply=_body(connection, row[20], codec) if calls and row[20] is not None else b"",
        checks=detail.checks,
        prepared_ms=detail.prepared_ms,
    )


def _step(row: Any) -> StepRecord:
    return StepRecord(
        purpose=row[1],
        model=row[2],
        status=row[3],
        duration_ms=row[4],
        attempt=row[5],
        http_status=row[6],
        error_code=row[7],
        stop_reason=row[8],
        usage=_usage(row[9:15]),
        estimated=bool(row[15]),
        ttft_ms=row[16],
        upstream_model=row[17],
    )


def _usage(row: Sequence[Any]) -> Usage | None:
    return None if row[0] is None else Usage(*row)


def _body(connection: sqlite3.Connection, key: bytes, codec: Codec) -> bytes:
    found = connection.execute(load_queries("turns")["body_by_hash"], (key,)).fetchone()
    return codec.unpack(found[0]) if found else b""  # bodies may be deleted; the turn is counted all the same
