"""How long customers wait for the first token, how fast it goes on after it, and what of it was ours.

Quantiles come from counts per bucket (``columns.sketch``): within 0.75 % of the value that was measured.
"""

from __future__ import annotations

import msgspec

from pointsman.domain.figures import Estimate
from pointsman.monitoring.asking.board import Board, Row
from pointsman.monitoring.asking.quantiles import Counts, counts, estimate
from pointsman.monitoring.asking.slice import By, Slice
from pointsman.monitoring.columns.sketch import middle


class Bar(msgspec.Struct, frozen=True):
    """Values from ``low`` up to ``high``, and how many there are."""

    low: float
    high: float
    n: int


class LatencyRow(msgspec.Struct, frozen=True):
    """One group. First-token times (ms) are of streamed turns in which something came, ``without`` are the other turns.

    ``tokens_s_p50`` and ``tokens_s_p05`` are tokens a second of the answering call after its first token; slow is low.
    ``gateway_us`` is the mean time Pointsman itself took before the request was sent on; ``prepared_ms`` the mean time other
    models (a planner, a summarizer) were at work before the answering call began, over the turns where any was.
    """

    by: dict[str, str | None]
    turns: int
    without: int
    ttft_p50: Estimate
    ttft_p95: Estimate
    ttft_p99: Estimate
    tokens_s_p50: Estimate
    tokens_s_p05: Estimate
    gateway_us: Estimate
    prepared_ms: Estimate
    ttft_bars: tuple[Bar, ...]
    tokens_s_bars: tuple[Bar, ...]


class Latency(msgspec.Struct, frozen=True):
    """The whole slice (None: no turn) and its groups, the largest first."""

    total: LatencyRow | None
    rows: tuple[LatencyRow, ...]


_COLUMNS = """
    avg(gateway_us) AS gateway, count(gateway_us) AS gateway_n, avg(prepared_ms) AS prepared, count(prepared_ms) AS prepared_n
"""
_BARS = 24


def ask(board: Board, chosen: Slice, by: By = ()) -> Latency:
    """Return the waits of the slice, whole and by ``by``."""
    whole = _rows(board, chosen, ())
    if not whole:
        return Latency(None, ())
    return Latency(whole[0], tuple(_rows(board, chosen, by)) if by else ())


def _rows(board: Board, chosen: Slice, by: By) -> list[LatencyRow]:
    waits = counts(board, "ttft_bucket", chosen, by)
    speeds = counts(board, "tokens_s_bucket", chosen, by)
    return [
        _row(row, waits.get(tuple(row["by"].values()), {}), speeds.get(tuple(row["by"].values()), {}))
        for row in board.groups(_COLUMNS, chosen, by)
    ]


def _row(row: Row, waits: Counts, speeds: Counts) -> LatencyRow:
    return LatencyRow(
        row["by"],
        row["turns"],
        row["turns"] - sum(waits.values()),
        estimate(waits, 0.5, "ms"),
        estimate(waits, 0.95, "ms"),
        estimate(waits, 0.99, "ms"),
        estimate(speeds, 0.5, "tokens/s"),
        estimate(speeds, 0.05, "tokens/s"),
        Estimate(row["gateway"], row["gateway_n"], "us", why="" if row["gateway_n"] else "not measured"),
        Estimate(
            row["prepared"], row["prepared_n"], "ms", why="" if row["prepared_n"] else "no other model was at work"
        ),
        _bars(waits),
        _bars(speeds),
    )


def _bars(found: Counts) -> tuple[Bar, ...]:
    """Return the buckets joined into at most ``_BARS`` bars of equal width on a logarithmic axis."""
    if not found:
        return ()
    first, last = min(found), max(found)
    width = max(1, -(-(last - first + 1) // _BARS))
    joined: Counts = {}
    for index, n in found.items():
        joined[(index - first) // width] = joined.get((index - first) // width, 0) + n
    return tuple(
        Bar(middle(first + i * width), middle(first + (i + 1) * width), joined.get(i, 0))
        for i in range((last - first) // width + 1)
    )
