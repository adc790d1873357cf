"""How many turns take which route, model, tier ... and how they fared: the share of traffic, errors, retries, escalations."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from pointsman.domain.figures import Rate
from pointsman.monitoring.asking.board import Board, Row, usd
from pointsman.monitoring.asking.slice import By, Slice


class MixRow(msgspec.Struct, frozen=True):
    """One group. ``share`` is of all turns of the slice; ``cost_usd`` sums the ``cost_known`` turns whose cost is known.

    ``errors`` gave no whole reply; turns that the client left (``cancelled``) are no part of its n. ``escalated`` were sent to
    a stronger model by a check, ``retried`` needed more than one answering call.
    """

    by: dict[str, str | None]
    turns: int
    share: Rate
    errors: Rate
    cancelled: int
    retried: Rate
    escalated: Rate
    simulated: int
    cost_known: int
    cost_usd: Decimal | None


class Mix(msgspec.Struct, frozen=True):
    """All routed turns of the slice, and its groups, the largest first. ``total`` None: no turn.

    ``captured`` turns of the slice are in no row: they were only read of, and took no route.
    """

    total: MixRow | None
    rows: tuple[MixRow, ...]
    captured: int = 0


_COLUMNS = """
    count(*) FILTER (status IN ('error', 'broken')) AS errors, count(*) FILTER (status = 'cancelled') AS cancelled,
    count(*) FILTER (retried > 0) AS retried, count(*) FILTER (escalated) AS escalated,
    count(*) FILTER (simulated) AS simulated,
    count(cost) AS cost_known, sum(cost) AS cost
"""


def ask(board: Board, chosen: Slice, by: By = ("route",)) -> Mix:
    """Return the mix of the slice by ``by``."""
    routed = chosen.routed()
    captured = captured_in(board, chosen) if chosen.captured == "both" else 0
    whole = board.groups(_COLUMNS, routed, ())
    if not whole:
        return Mix(None, (), captured)
    turns = whole[0]["turns"]
    return Mix(_row(whole[0], turns), tuple(_row(row, turns) for row in board.groups(_COLUMNS, routed, by)), captured)


def captured_in(board: Board, chosen: Slice) -> int:
    """Return how many turns of the slice were captured."""
    found = board.groups("0 AS nothing", msgspec.structs.replace(chosen, captured="yes"), ())
    return found[0]["turns"] if found else 0


def _row(row: Row, whole: int) -> MixRow:
    n = row["turns"]
    return MixRow(
        row["by"],
        n,
        Rate(n, whole),
        Rate(row["errors"], n - row["cancelled"]),
        row["cancelled"],
        Rate(row["retried"], n),
        Rate(row["escalated"], n),
        row["simulated"],
        row["cost_known"],
        usd(row["cost"]),
    )
