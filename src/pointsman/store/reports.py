"""Turns summed up by route, model, tier ...: errors, latency, tokens, cost, and cost against all-flagship."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from pointsman.domain.intervals import wilson
from pointsman.errors import StoreError
from pointsman.store.money import from_halves
from pointsman.store.reading import TurnFilter, mappings, where
from pointsman.store.sql import load_queries

_COLUMNS = {
    "route": "route",
    "model": "model",
    "tier": "tier",
    "intent": "intent",
    "dialect": "dialect",
    "status": "status",
    "channel": "channel",
    "policy": "policy",
    "conversation": "conversation_id",
    "outcome": (
        "(SELECT CASE WHEN o.escalated THEN 'escalated' WHEN o.resolved = 1 THEN 'resolved'"
        " WHEN o.resolved = 0 THEN 'unresolved' END FROM outcome AS o"
        " WHERE o.conversation_id = turn.conversation_id AND o.key_id = coalesce(turn.key_id, ''))"
    ),
}
_STREAMED = (
    "FROM step AS s WHERE s.turn_seq = turn.seq AND s.purpose = 'reply' AND s.duration_ms > s.ttft_ms"
    " AND s.output IS NOT NULL ORDER BY s.n DESC LIMIT 1"
)
DIMENSIONS = tuple(_COLUMNS)
"""What a report can be taken by."""

ENOUGH = 20
"""Below this many values a 95th percentile is just the largest of them, so it is shown as too few."""


class OutcomeFigures(msgspec.Struct, frozen=True):
    """How the conversations of a group ended. Each figure has its n: over how many conversations it is known.

    A conversation counts in every group in which it has a turn. ``reported`` have any outcome. ``csat`` is the mean.
    ``per_resolved_usd`` is what the turns of this group cost, plus handoffs, over the ``cost_n`` conversations whose resolution
    and every cost are known, divided by how many of them were resolved (``cost_resolved``); None when none was.
    """

    conversations: int
    reported: int
    resolved: int | None
    resolved_n: int
    escalated: int | None
    escalated_n: int
    reopened: int | None
    reopened_n: int
    csat: float | None
    csat_n: int
    handoff_usd: Decimal | None
    handoff_n: int
    cost_n: int
    cost_resolved: int
    per_resolved_usd: Decimal | None


class ReportRow(msgspec.Struct, frozen=True):
    """One group of turns. None always means unknown (nothing measured), never zero.

    ``by`` holds the group's value per dimension. ``errors`` are turns with no reply or a broken one; ``errors_low`` and
    ``errors_high`` bound their true share (Wilson, 95 %). ``cancelled`` turns were left by the client. First-token times
    are over the ``ttft_n`` streamed turns that have one, in ms. ``tokens_per_s`` is output per second of streaming after the
    first token. Tokens are sums over ``usage_known`` turns; those that fewer providers report, over as many as
    their ``..._known`` says. ``cost_usd`` sums the ``cost_known`` turns. ``flagship_usd``,
    ``compared_usd`` (what they did cost) and ``saving_usd`` cover the ``both_known`` turns where both costs are known.
    ``outcomes`` is None where no outcome was ever reported to this store.
    """

    by: dict[str, str | None]
    turns: int
    errors: int
    errors_low: float
    errors_high: float
    cancelled: int
    simulated: int
    ttft_n: int
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    tokens_per_s: float | None
    usage_known: int
    input_uncached: int | None
    cache_read: int | None
    cache_read_known: int
    cache_write: int | None
    cache_write_known: int
    output: int | None
    reasoning: int | None
    reasoning_known: int
    cost_known: int
    cost_usd: Decimal | None
    both_known: int
    compared_usd: Decimal | None
    flagship_usd: Decimal | None
    saving_usd: Decimal | None
    outcomes: OutcomeFigures | None = None


class CallsRow(msgspec.Struct, frozen=True):
    """Calls of one model for one purpose. ``turns`` had at least one; ``failed`` gave no whole reply; tokens sum what is known.

    ``cost_usd`` sums the ``cost_known`` of the ``billed`` calls (all that did not end in an error answer); None: none is known.
    """

    model: str
    purpose: str
    calls: int
    turns: int
    failed: int
    input: int | None
    output: int | None
    billed: int
    cost_known: int
    cost_usd: Decimal | None


def report_calls(connection: sqlite3.Connection, chosen: TurnFilter) -> list[CallsRow]:
    """Return what each model was called for, the most calls first."""
    condition, values = where(chosen)
    rows = mappings(connection.execute(load_queries("report")["calls"].format(where=condition), values))
    return [
        CallsRow(
            cost_usd=from_halves(row.pop("cost_micro"), row.pop("cost_rest")),
            **row,
        )
        for row in rows
    ]


def report(
    connection: sqlite3.Connection, queries: Mapping[str, str], by: tuple[str, ...], chosen: TurnFilter
) -> list[ReportRow]:
    """Return one row per group, the largest group first; no rows when no turn matches.

    Raises:
        StoreError: ``by`` names something a report cannot be taken by.
    """
    for name in by:
        if name not in _COLUMNS:
            raise StoreError(f"a report cannot be taken by {name!r}. It can by: {', '.join(DIMENSIONS)}.")
    condition, values = where(chosen)
    parts = {
        "keys": "".join(f"{_COLUMNS[name]} AS k{n}, " for n, name in enumerate(by)),
        "names": "".join(f"k{n}, " for n in range(len(by))),
        "partition": ", ".join(_COLUMNS[name] for name in by) or "NULL",
        "group": "GROUP BY " + ", ".join(f"k{n}" for n in range(len(by))) if by else "",
        "where": condition,
        "streamed": _STREAMED,
    }
    waits = {
        tuple(row[: len(by)]): row[len(by) :]
        for row in connection.execute(queries["first_tokens"].format(**parts), values)
    }
    rows = mappings(connection.execute(queries["groups"].format(**parts), values))
    ended = _outcomes(connection, by, parts, values)
    return [_row(by, row, waits, ended) for row in rows if row["turns"]]


def _outcomes(
    connection: sqlite3.Connection, by: tuple[str, ...], parts: dict[str, str], values: dict[str, Any]
) -> dict[tuple[Any, ...], OutcomeFigures]:
    queries = load_queries("outcomes")
    if not connection.execute(queries["any_outcome"]).fetchone()[0]:
        return {}
    rows = mappings(connection.execute(queries["outcome_groups"].format(**parts), values))
    return {tuple(row[f"k{n}"] for n in range(len(by))): _figures(row) for row in rows if row["conversations"]}


def _figures(row: dict[str, Any]) -> OutcomeFigures:
    spent = from_halves(row["spent_micro"], row["spent_rest"])
    resolved = row["cost_resolved"] or 0
    return OutcomeFigures(
        conversations=row["conversations"],
        reported=row["reported"],
        resolved=row["resolved"],
        resolved_n=row["resolved_n"],
        escalated=row["escalated"],
        escalated_n=row["escalated_n"],
        reopened=row["reopened"],
        reopened_n=row["reopened_n"],
        csat=row["csat"],
        csat_n=row["csat_n"],
        handoff_usd=from_halves(row["handoff_micro"], row["handoff_rest"]),
        handoff_n=row["handoff_n"],
        cost_n=row["cost_n"],
        cost_resolved=resolved,
        per_resolved_usd=spent / resolved if spent is not None and resolved else None,
    )


def _row(
    by: tuple[str, ...],
    row: dict[str, Any],
    waits: Mapping[tuple[Any, ...], tuple[Any, ...]],
    ended: Mapping[tuple[Any, ...], OutcomeFigures],
) -> ReportRow:
    key = tuple(row[f"k{n}"] for n in range(len(by)))
    ttft_n, p50, p95 = waits.get(key, (0, None, None))
    low, high = wilson(row["errors"], row["turns"]) or (0.0, 1.0)
    flagship = from_halves(row["flagship_micro"], row["flagship_rest"])
    compared = from_halves(row["compared_micro"], row["compared_rest"])
    streamed_ms = row["streamed_ms"]
    return ReportRow(
        by=dict(zip(by, key, strict=True)),
        turns=row["turns"],
        errors=row["errors"],
        errors_low=low,
        errors_high=high,
        cancelled=row["cancelled"],
        simulated=row["simulated"],
        ttft_n=ttft_n,
        ttft_p50_ms=p50,
        ttft_p95_ms=p95,
        tokens_per_s=row["streamed_output"] / streamed_ms * 1000 if streamed_ms else None,
        usage_known=row["usage_known"],
        input_uncached=row["input_uncached"],
        cache_read=row["cache_read"],
        cache_read_known=row["cache_read_known"],
        cache_write=row["cache_write"],
        cache_write_known=row["cache_write_known"],
        output=row["output"],
        reasoning=row["reasoning"],
        reasoning_known=row["reasoning_known"],
        cost_known=row["cost_known"],
        cost_usd=from_halves(row["cost_micro"], row["cost_rest"]),
        both_known=row["both_known"],
        compared_usd=compared,
        flagship_usd=flagship,
        saving_usd=None if flagship is None or compared is None else flagship - compared,
        outcomes=ended.get(key),
    )
