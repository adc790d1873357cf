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
}
DIMENSIONS = tuple(_COLUMNS)
"""What a report can be taken by."""

ENOUGH = 20
"""Below this many values a 95th percentile is just the largest of them, so it is shown as too few."""


class ReportRow(msgspec.Struct, frozen=True):
    """One group of turns. None always means unknown (nothing measured), never zero.

    ``by`` holds the group's value per dimension. ``errors`` are turns with no reply or a broken one; ``errors_low`` and
    ``errors_high`` bound their true share (Wilson, 95 %). ``cancelled`` turns were left by the client. First-token times
    are over the ``ttft_n`` streamed turns that have one, in ms. ``tokens_per_s`` is output per second of streaming after the
    first token. Tokens are sums over ``usage_known`` turns. ``cost_usd`` sums the ``cost_known`` turns. ``flagship_usd``,
    ``compared_usd`` (what they did cost) and ``saving_usd`` cover the ``both_known`` turns where both costs are known.
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
    cache_write: int | None
    output: int | None
    reasoning: int | None
    cost_known: int
    cost_usd: Decimal | None
    both_known: int
    compared_usd: Decimal | None
    flagship_usd: Decimal | None
    saving_usd: Decimal | None


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
    }
    waits = {
        tuple(row[: len(by)]): row[len(by) :]
        for row in connection.execute(queries["first_tokens"].format(**parts), values)
    }
    rows = mappings(connection.execute(queries["groups"].format(**parts), values))
    return [_row(by, row, waits) for row in rows if row["turns"]]


def _row(by: tuple[str, ...], row: dict[str, Any], waits: Mapping[tuple[Any, ...], tuple[Any, ...]]) -> ReportRow:
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
        cache_write=row["cache_write"],
        output=row["output"],
        reasoning=row["reasoning"],
        cost_known=row["cost_known"],
        cost_usd=from_halves(row["cost_micro"], row["cost_rest"]),
        both_known=row["both_known"],
        compared_usd=compared,
        flagship_usd=flagship,
        saving_usd=None if flagship is None or compared is None else flagship - compared,
    )
