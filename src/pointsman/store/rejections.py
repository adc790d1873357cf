"""Rejected and repaired replies, kept raw: what the contracts report and the regression set are made from.

A rejection is written when it happens, not when its turn ends, and ``pointsman regressions`` reads the same table.
The text kept is what the caller hands over: redact it before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from pointsman.domain.message import JsonObject
from pointsman.errors import StoreError
from pointsman.store.bodies import Codec
from pointsman.store.reading import mappings
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

DIMENSIONS = ("kind", "model", "contract", "version", "purpose", "agent", "outcome")
"""What a report can be taken by. A reply with two kinds counts under both."""


class Rejection(msgspec.Struct, frozen=True):
    """One reply that did not satisfy its contract as it came.

    ``failures`` are (kind, JSON pointer, message) each, ``repairs`` (what, JSON pointer). ``id`` is 0 until it is stored.
    ``at_us`` is Unix time in microseconds.
    """

    at_us: int
    outcome: Literal["rejected", "repaired"]
    contract: str
    version: str
    model: str
    failures: tuple[tuple[str, str, str], ...]
    raw: str
    repairs: tuple[tuple[str, str], ...] = ()
    purpose: str = "answer"
    attempt: int = 1
    turn_id: str | None = None
    conversation_id: str | None = None
    agent: str | None = None
    id: int = 0

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the failures, each once, in their order."""
        return tuple(dict.fromkeys(kind for kind, _, _ in self.failures))


class RejectionFilter(msgspec.Struct, frozen=True):
    """Which rejections: each field that is not None must match. Times are Unix microseconds, ``until_us`` not included."""

    since_us: int | None = None
    until_us: int | None = None
    outcome: str | None = None
    kind: str | None = None
    model: str | None = None
    contract: str | None = None
    version: str | None = None
    agent: str | None = None
    turn_id: str | None = None
    conversation_id: str | None = None


EVERY = RejectionFilter()


class RejectionSum(msgspec.Struct, frozen=True):
    """A group of a report. ``turns``: how many recorded turns they belong to."""

    by: dict[str, str | None]
    replies: int
    rejected: int
    repaired: int
    turns: int
    first_us: int
    last_us: int


async def record_rejection(store: Store, rejection: Rejection, schema: JsonObject | None = None) -> int:
    """Keep ``rejection``, and ``schema`` under its version; return its id once it is durable.

    Raises:
        StoreError: it could not be written.
    """
    return await store.write(_job(rejection, schema))


def record_rejection_sync(store: Store, rejection: Rejection, schema: JsonObject | None = None) -> int:
    """As ``record_rejection``, for code without an event loop."""
    return store.write_sync(_job(rejection, schema))


def _job(rejection: Rejection, schema: JsonObject | None) -> Callable[[sqlite3.Connection], int]:
    queries = load_queries("rejections")

    def job(connection: sqlite3.Connection) -> int:
        codec = Codec()
        if schema is not None:
            packed = codec.pack(msgspec.json.encode(schema))
            values = (rejection.version, rejection.contract, packed, rejection.at_us)
            connection.execute(queries["insert_schema"], values)
        cursor = connection.execute(queries["insert_rejection"], _row(rejection, codec))
        return int(cursor.lastrowid or 0)

    return job


def _row(one: Rejection, codec: Codec) -> tuple[Any, ...]:
    kinds, failures, repairs = (_lossy(msgspec.to_builtins(part)) for part in (one.kinds, one.failures, one.repairs))
    # surrogatepass: a reply with half a surrogate pair is rejected for it, and must be kept all the same.
    raw = codec.pack(one.raw.encode("utf-8", "surrogatepass"))
    return (
        *(one.at_us, one.outcome, one.contract, one.version, one.model, kinds, failures, repairs, raw),
        *(one.purpose, one.attempt, one.turn_id, one.conversation_id, one.agent),
    )


def _lossy(value: Any) -> str:
    """Return JSON; pointers and messages may quote characters that no encoding has."""
    import json

    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def list_rejections(store: Store, chosen: RejectionFilter = EVERY, limit: int = 20) -> list[Rejection]:
    """Return the newest ``limit`` rejections and repairs that match, newest first."""
    condition, values = _where(chosen)
    query = load_queries("rejections")["list_rejections"].format(where=condition)
    with store.reading() as connection:
        rows = mappings(connection.execute(query, {**values, "limit": limit}))
    codec = Codec()
    return [_rejection(row, codec) for row in rows]


def sum_rejections(store: Store, by: tuple[str, ...] = (), chosen: RejectionFilter = EVERY) -> list[RejectionSum]:
    """Sum up by the dimensions named (``DIMENSIONS``), most rejected first; all in one row without any.

    Raises:
        StoreError: an unknown dimension, or the store cannot be read.
    """
    unknown = [name for name in by if name not in DIMENSIONS]
    if unknown:
        raise StoreError(f"rejections cannot be summed by {unknown[0]!r:.80}: use {', '.join(DIMENSIONS)}")
    columns = {name: "one.value" if name == "kind" else f"rejection.{name}" for name in by}
    keys = "".join(f"{column} AS key_{name}, " for name, column in columns.items())
    group = f"GROUP BY {', '.join(columns.values())}" if by else ""
    condition, values = _where(chosen)
    queries = load_queries("rejections")
    query = queries["sum_rejections_by_kind" if "kind" in by else "sum_rejections"]
    with store.reading() as connection:
        rows = mappings(connection.execute(query.format(keys=keys, where=condition, group=group), values))
    return [_sum(row, by) for row in rows if row["replies"]]


_CLAUSES = {
    "since_us": "rejection.at_us >= :since_us",
    "until_us": "rejection.at_us < :until_us",
    "kind": "EXISTS (SELECT 1 FROM json_each(rejection.kinds) AS any_kind WHERE any_kind.value = :kind)",
}


def _where(chosen: RejectionFilter) -> tuple[str, dict[str, Any]]:
    values = {name: value for name, value in msgspec.structs.asdict(chosen).items() if value is not None}
    clauses = [_CLAUSES.get(name, f"rejection.{name} = :{name}") for name in values]
    return " AND ".join(clauses) or "true", values


def _rejection(row: dict[str, Any], codec: Codec) -> Rejection:
    return Rejection(
        at_us=row["at_us"],
        outcome=row["outcome"],
        contract=row["contract"],
        version=row["version"],
        model=row["model"],
        failures=msgspec.json.decode(row["failures"], type=tuple[tuple[str, str, str], ...]),
        raw=codec.unpack(row["raw"]).decode("utf-8", "surrogatepass"),
        repairs=msgspec.json.decode(row["repairs"], type=tuple[tuple[str, str], ...]),
        purpose=row["purpose"],
        attempt=row["attempt"],
        turn_id=row["turn_id"],
        conversation_id=row["conversation_id"],
        agent=row["agent"],
        id=row["id"],
    )


def _sum(row: dict[str, Any], by: tuple[str, ...]) -> RejectionSum:
    return RejectionSum(
        by={name: row[f"key_{name}"] for name in by},
        replies=row["replies"],
        rejected=row["rejected"],
        repaired=row["repaired"],
        turns=row["turns"],
        first_us=row["first_us"],
        last_us=row["last_us"],
    )
