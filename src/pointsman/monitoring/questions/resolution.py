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


_SOURCES = "histogram(coalesce(o.source, 'unnamed')) FILTER (o.conv IS NOT NULL) AS sources"
_FIGURES = f"""
    count(*) AS conversations,
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
    {_SOURCES}
"""


def ask(board: Board, chosen: Slice, by: By = ()) -> Resolutions:
    """Return how the conversations of the slice ended, whole and by ``by``."""
    whole = _rows(board, chosen, ())
    if not whole:
        return Resolutions(None, ())
    return Resolutions(whole[0], tuple(_rows(board, chosen, by)) if by else ())


def _rows(board: Board, chosen: Slice, by: By) -> list[Resolution]:
    keys = [f"{key} AS k{n}" for n, key in enumerate(dimensions(by))]
    names = [f"c.k{n}" for n in range(len(by))]
    where, values = chosen.where()
    # Only conversations with an outcome are put together one by one, the rest are just counted: most have none.
    query = f"""
        WITH c AS (
            SELECT {"".join(f"{key}, " for key in keys)} turn.conv AS conv, count(*) = count(turn.cost) AS counted,
                sum(turn.cost)::BIGINT AS cost
            FROM turn WHERE {where} GROUP BY ALL
        )
        SELECT {"".join(f"{name}, " for name in names)} {_FIGURES} FROM c LEFT JOIN outcome AS o ON o.conv = c.conv
        {"GROUP BY " + ", ".join(names) if names else ""} ORDER BY conversations DESC
    """
    rows = board.rows(query, values)
    for row in rows:
        row["by"] = {name: row.pop(f"k{n}") for n, name in enumerate(by)}
    return [_resolution(row) for row in rows if row["conversations"]]


def _resolution(row: Row) -> Resolution:
    n = row["conversations"]
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
