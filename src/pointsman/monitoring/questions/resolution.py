"""How conversations end, and what a resolved one costs.

A conversation counts once in every group in which it has a turn, with the cost of its turns there and of the people who took
over. Cost per resolution is a ratio of two sums over conversations; its interval is the linearised one (W. G. Cochran,
"Sampling Techniques", 3rd ed., section 2.11).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from pointsman.domain.figures import Estimate, Rate
from pointsman.domain.intervals import Z_95
from pointsman.monitoring.asking.board import Board, Row, usd
from pointsman.monitoring.asking.slice import By, Slice, dimensions
from pointsman.store.money import PICO


class Resolution(msgspec.Struct, frozen=True):
    """One group's conversations. In each rate ``unknown`` are the conversations of which nobody said.

    ``per_resolution`` (usd) rests on the ``counted`` conversations whose resolution and every cost are known; ``counted_usd`` is
    what these cost, ``handoff_usd`` the part of it that went to people. ``sources`` says who reported how many.
    """

    by: dict[str, str | None]
    conversations: int
    resolved: Rate
    escalated: Rate
    reopened: Rate
    csat: Estimate
    per_resolution: Estimate
    counted: int
    counted_usd: Decimal | None
    handoff_usd: Decimal | None
    sources: dict[str, int]


class Resolutions(msgspec.Struct, frozen=True):
    """The whole slice (None: no turn) and its groups, the largest first."""

    total: Resolution | None
    rows: tuple[Resolution, ...]


_FIGURES = """
    count(o.resolved) AS resolved_n, count(*) FILTER (o.resolved) AS resolved,
    count(o.escalated) AS escalated_n, count(*) FILTER (o.escalated) AS escalated,
    count(o.reopened) AS reopened_n, count(*) FILTER (o.reopened) AS reopened,
    count(o.csat) AS csat_n, avg(o.csat) AS csat, stddev_samp(o.csat) AS csat_deviation,
    count(*) FILTER (c.counted AND o.resolved IS NOT NULL) AS counted,
    count(*) FILTER (c.counted AND o.resolved) AS counted_resolved,
    sum(c.cost + coalesce(o.handoff_cost, 0)) FILTER (c.counted AND o.resolved IS NOT NULL) AS spent,
    sum(o.handoff_cost) FILTER (c.counted AND o.resolved IS NOT NULL) AS handoff,
    sum(power((c.cost + coalesce(o.handoff_cost, 0)) / 1e12, 2)) FILTER (c.counted AND o.resolved IS NOT NULL) AS squares,
    sum((c.cost + coalesce(o.handoff_cost, 0)) / 1e12) FILTER (c.counted AND o.resolved) AS crossed,
    histogram(coalesce(o.source, 'unnamed')) AS sources
"""


_COUNTED = (
    "resolved",
    "escalated",
    "reopened",
    "resolved_n",
    "escalated_n",
    "reopened_n",
    "csat_n",
    "counted",
    "counted_resolved",
)


def ask(board: Board, chosen: Slice, by: By = ()) -> Resolutions:
    """Return how the conversations of the slice ended, whole and by ``by``."""
    whole = _rows(board, chosen, ())
    if not whole:
        return Resolutions(None, ())
    return Resolutions(whole[0], tuple(_rows(board, chosen, by)) if by else ())


def _rows(board: Board, chosen: Slice, by: By) -> list[Resolution]:
    where, values = chosen.where()
    keys = "".join(f"{key} AS k{n}, " for n, key in enumerate(dimensions(by)))
    names = [f"k{n}" for n in range(len(by))]
    named = "".join(f"c.{name}, " for name in names)
    grouped = "GROUP BY " + ", ".join(f"c.{name}" for name in names) if names else ""
    alike = " AND ".join(f"n.{name} IS NOT DISTINCT FROM e.{name}" for name in names) or "true"
    left_out = f"EXCLUDE ({', '.join(names)})" if names else ""
    # Most conversations have no outcome: they are only counted, and the sums are made over the others.
    query = f"""
        WITH c AS MATERIALIZED (
            SELECT {keys} turn.conv AS conv, count(*) = count(turn.cost) AS counted, sum(turn.cost)::BIGINT AS cost
            FROM turn WHERE {where} GROUP BY ALL
        ), n AS (SELECT {named} count(*) AS conversations FROM c {grouped}),
        e AS (SELECT {named} {_FIGURES} FROM c JOIN outcome AS o ON o.conv = c.conv {grouped})
        SELECT n.conversations, {"".join(f"n.{name}, " for name in names)} e.* {left_out} FROM n LEFT JOIN e ON {alike}
        ORDER BY n.conversations DESC
    """
    rows = board.rows(query, values)
    for row in rows:
        row["by"] = {name: row.pop(f"k{n}") for n, name in enumerate(by)}
    return [_resolution(row) for row in rows if row["conversations"]]


def _resolution(row: Row) -> Resolution:
    n = row["conversations"]
    for name in _COUNTED:
        row[name] = row[name] or 0  # no conversation of this group has an outcome
    return Resolution(
        row["by"],
        n,
        Rate(row["resolved"], row["resolved_n"], n - row["resolved_n"]),
        Rate(row["escalated"], row["escalated_n"], n - row["escalated_n"]),
        Rate(row["reopened"], row["reopened_n"], n - row["reopened_n"]),
        _csat(row),
        _ratio(row),
        row["counted"],
        usd(row["spent"]),
        usd(row["handoff"]),
        dict(row["sources"] or {}),
    )


def _csat(row: Row) -> Estimate:
    n = row["csat_n"]
    if not n:
        return Estimate(None, 0, "of 5", why="nobody was asked, or nobody answered")
    if row["csat_deviation"] is None:
        return Estimate(row["csat"], n, "of 5")
    half = Z_95 * row["csat_deviation"] / n**0.5
    return Estimate(row["csat"], n, "of 5", max(1.0, row["csat"] - half), min(5.0, row["csat"] + half))


def _ratio(row: Row) -> Estimate:
    n, resolved = row["counted"], row["counted_resolved"]
    if not n:
        return Estimate(None, 0, "usd", why="no conversation with a known outcome and a known cost")
    if not resolved:
        return Estimate(None, n, "usd", why=f"none of {n} conversations was resolved")
    ratio = float(row["spent"] / PICO) / resolved
    if n < 2:  # noqa: PLR2004 - one value has no spread
        return Estimate(ratio, n, "usd")
    # Residuals y - R x with x = 1 where resolved: their squares add up from the sums that were kept.
    squares = row["squares"] - 2 * ratio * (row["crossed"] or 0.0) + ratio * ratio * resolved
    half = Z_95 * (max(0.0, squares) * n / (n - 1)) ** 0.5 / resolved
    return Estimate(ratio, n, "usd", max(0.0, ratio - half), ratio + half)
