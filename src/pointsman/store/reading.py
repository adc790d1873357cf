"""Read turns back: one whole, or many as rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from pointsman.domain.decision import DecidedTier
from pointsman.domain.record import Status, TurnRecord
from pointsman.domain.turn import Channel
from pointsman.domain.usage import Usage
from pointsman.errors import StoreError
from pointsman.store.bodies import Codec, digest
from pointsman.store.money import from_pico
from pointsman.store.rows import read_turn, read_usage

Queries = Mapping[str, str]


class TurnFilter(msgspec.Struct, frozen=True):
    """Which turns: each field that is not None must match. Times are Unix microseconds, ``until_us`` not included.

    ``resolved`` and ``escalated`` are what was reported of the conversation; where nothing was, neither value matches.
    """

    since_us: int | None = None
    until_us: int | None = None
    status: str | None = None
    route: str | None = None
    model: str | None = None
    tier: str | None = None
    intent: str | None = None
    dialect: str | None = None
    channel: str | None = None
    policy: str | None = None
    conversation: str | None = None
    key_id: str | None = None
    resolved: bool | None = None
    escalated: bool | None = None


EVERYTHING = TurnFilter()


class TurnRow(msgspec.Struct, frozen=True):
    """A turn without its bodies, steps and reasons.

    ``model`` is the one that answered, or was tried last; the decided one when none was called.
    """

    id: str
    conversation_id: str
    at_us: int
    dialect: str
    status: Status
    requested_model: str
    model: str
    route: str
    tier: DecidedTier
    policy: str
    channel: Channel
    stream: bool
    http_status: int
    duration_ms: float
    simulated: bool
    intent: str | None = None
    confidence: float | None = None
    key_id: str | None = None
    error_code: str | None = None
    ttft_ms: float | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    flagship_model: str | None = None
    flagship_cost_usd: Decimal | None = None


_ENDED = (
    "(conversation_id, coalesce(key_id, '')) IN"
    " (SELECT outcome.conversation_id, outcome.key_id FROM outcome WHERE outcome.{0} = :{0})"
)
_CLAUSES = {
    "since_us": "at_us >= :since_us",
    "until_us": "at_us < :until_us",
    "conversation": "conversation_id = :conversation",
    "resolved": _ENDED.format("resolved"),
    "escalated": _ENDED.format("escalated"),
}


def where(chosen: TurnFilter) -> tuple[str, dict[str, Any]]:
    """Return the condition of a filter and its values. Column names are ours, values are bound: nothing to inject."""
    values = {name: value for name, value in msgspec.structs.asdict(chosen).items() if value is not None}
    clauses = [_CLAUSES.get(name, f"{name} = :{name}") for name in values]
    return " AND ".join(clauses) or "true", values


def list_turns(connection: sqlite3.Connection, queries: Queries, chosen: TurnFilter, limit: int) -> list[TurnRow]:
    """Return the newest turns first."""
    condition, values = where(chosen)
    query = queries["list_turns"].format(where=condition)
    return [_turn_row(row) for row in mappings(connection.execute(query, {**values, "limit": limit}))]


def count_turns(connection: sqlite3.Connection, queries: Queries, chosen: TurnFilter) -> int:
    """Return how many turns match."""
    condition, values = where(chosen)
    return int(connection.execute(queries["count_turns"].format(where=condition), values).fetchone()[0])


def find_turn(connection: sqlite3.Connection, queries: Queries, turn_id: str) -> TurnRecord | None:
    """Return a whole turn, None if there is none under this id.

    Raises:
        StoreError: a body is missing or damaged.
    """
    rows = mappings(connection.execute(queries["turn_by_id"], (turn_id,)))
    if not rows:
        return None
    steps = mappings(connection.execute(queries["steps_of"], (rows[0]["seq"],)))
    codec = Codec()

    def fetch(key: bytes) -> bytes:
        found = connection.execute(queries["body_by_hash"], (key,)).fetchone()
        body = codec.unpack(found[0]) if found else b""
        if not found or digest(body) != key:
            raise StoreError(f"turn {turn_id}: a message body is missing or damaged. Restore the store from a copy.")
        return body

    return read_turn(rows[0], steps, fetch, codec)


def mappings(cursor: sqlite3.Cursor) -> list[dict[str, Any]]:
    """Return the rows of a cursor as dictionaries by column name."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _turn_row(row: dict[str, Any]) -> TurnRow:
    return TurnRow(
        id=row["id"],
        conversation_id=row["conversation_id"],
        at_us=row["at_us"],
        dialect=row["dialect"],
        status=row["status"],
        requested_model=row["requested_model"],
        model=row["model"],
        route=row["route"],
        tier=row["tier"],
        policy=row["policy"],
        channel=row["channel"],
        stream=bool(row["stream"]),
        http_status=row["http_status"],
        duration_ms=row["duration_ms"],
        simulated=bool(row["simulated"]),
        intent=row["intent"],
        confidence=row["confidence"],
        key_id=row["key_id"],
        error_code=row["error_code"],
        ttft_ms=row["ttft_ms"],
        usage=read_usage(row),
        cost_usd=from_pico(row["cost_pico"]),
        flagship_model=row["flagship_model"],
        flagship_cost_usd=from_pico(row["flagship_cost_pico"]),
    )
