"""Any rate over time, in buckets of the viewer's zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from pointsman.domain.figures import Estimate, Rate
from pointsman.errors import RequestError
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.quantiles import Counts, estimate
from pointsman.monitoring.asking.slice import By, Slice, dimensions

Of = Literal[
    "turns",
    "errors",
    "escalated",
    "retried",
    "cache_hit",
    "known_cost",
    "resolved",
    "conforming",
    "cost_usd",
    "cost_per_turn",
    "ttft_p50",
    "ttft_p95",
    "tokens_s_p50",
]
_BIN_US = 900_000_000
_DAY_US = 86_400_000_000
_WEEK_US = 7 * _DAY_US
_MONDAY_US = 3 * _DAY_US
"""1970-01-01 was a Thursday: so much later a week begins on Monday."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what a clock shows, in no zone yet
_LENGTHS_US = {
    "1m": 60_000_000,
    "5m": 300_000_000,
    "15m": _BIN_US,
    "hour": 4 * _BIN_US,
    "6h": 24 * _BIN_US,
    "day": _DAY_US,
    "week": _WEEK_US,
}
_QUANTILES = {"ttft_p50": ("ttft_bucket", 0.5, "ms"), "ttft_p95": ("ttft_bucket", 0.95, "ms")} | {
    "tokens_s_p50": ("tokens_s_bucket", 0.5, "tokens/s")
}
_MOST_POINTS = 20_000


class Options(msgspec.Struct, frozen=True):
    """``of`` what, in which ``bucket``, days and weeks beginning at midnight (Monday) of ``zone``."""

    of: Of = "turns"
    bucket: Literal["1m", "5m", "15m", "hour", "6h", "day", "week"] = "hour"
    zone: Annotated[str, Meta(max_length=64)] = "UTC"


class Point(msgspec.Struct, frozen=True):
    """One bucket from ``start_us`` up to ``end_us``. ``rate`` where it is a share, else ``figure``.

    A bucket without turns is not there: no data is not zero.
    """

    by: dict[str, str | None]
    start_us: int
    end_us: int
    turns: int
    rate: Rate | None = None
    figure: Estimate | None = None


class Series(msgspec.Struct, frozen=True):
    """The points, by group and then by time."""

    of: str
    bucket: str
    zone: str
    points: tuple[Point, ...]


class _Cell(msgspec.Struct):
    turns: int = 0
    hits: int = 0
    n: int = 0
    unknown: int = 0
    counts: Counts = msgspec.field(default_factory=dict)


_RATES = {
    "errors": ("count(*) FILTER (status IN ('error', 'broken'))", "count(*) FILTER (status <> 'cancelled')"),
    "escalated": ("count(*) FILTER (turn.escalated)", "count(*)"),
    "retried": ("count(*) FILTER (retried > 0)", "count(*)"),
    "cache_hit": (
        "coalesce(sum(cache_read_tokens), 0)",
        "coalesce(sum(input_uncached + cache_read_tokens + coalesce(cache_write_tokens, 0)), 0)",
    ),
    "known_cost": ("count(cost)", "count(*)"),
    "resolved": ("count(*) FILTER (o.resolved)", "count(o.resolved)"),
    "conforming": ("count(*) FILTER (checked.passed)", "count(checked.passed)"),
    "turns": ("0", "count(*)"),
    "cost_usd": ("coalesce(sum(cost), 0)", "count(cost)"),
    "cost_per_turn": ("coalesce(sum(cost), 0)", "count(cost)"),
}
_JOINS = {
    "resolved": "LEFT JOIN outcome AS o ON o.conv = turn.conv",
    "conforming": "JOIN checked ON checked.turn_seq = turn.seq AND checked.kind = 'contract'",
}


def ask(board: Board, chosen: Slice, by: By = (), options: Options = Options()) -> Series:  # noqa: B008 - frozen
    """Return the series of the slice, split by ``by``.

    Raises:
        RequestError: no such zone, or more points than anybody can look at.
    """
    zone = _zone(options.zone)
    length = _LENGTHS_US[options.bucket]
    where, values = chosen.where()
    [ends] = board.rows(f"SELECT min(at_us) AS first, max(at_us) AS last FROM turn WHERE {where}", values)
    if ends["first"] is None:
        return Series(options.of, options.bucket, options.zone, ())
    bin_of = _bin_of(_offsets(zone, ends["first"], ends["last"]), length)
    cells: dict[tuple[tuple[str | None, ...], int], _Cell] = {}
    for row in _read(board, chosen, by, options, bin_of):
        cell = cells.setdefault((tuple(row[: len(by)]), int(row[len(by)])), _Cell())
        _add(cell, row[len(by) + 1 :], quantile=options.of in _QUANTILES)
    if len(cells) > _MOST_POINTS:
        raise RequestError(
            f"that would be {len(cells):,} points: choose a longer bucket or a shorter time", param="bucket"
        )
    ordered = sorted(cells.items(), key=lambda item: ([(part is None, part or "") for part in item[0][0]], item[0][1]))
    points = tuple(
        _point(dict(zip(by, key, strict=True)), _span(index, length, zone), cell, options.of)
        for (key, index), cell in ordered
    )
    return Series(options.of, options.bucket, options.zone, points)


def _read(board: Board, chosen: Slice, by: By, options: Options, bin_of: str) -> list[tuple]:  # type: ignore[type-arg]
    keys = "".join(f"{key}, " for key in dimensions(by))
    where, values = chosen.where()
    if options.of in _QUANTILES:
        column = _QUANTILES[options.of][0]
        columns, joined, more = f"{column} AS b, count(*)", "", f" AND {column} IS NOT NULL"
    else:
        hits, n = _RATES[options.of]
        columns, joined, more = f"count(*), {hits}, {n}", _JOINS.get(options.of, ""), ""
    query = f"SELECT {keys}{bin_of} AS bin, {columns} FROM turn {joined} WHERE {where}{more} GROUP BY ALL"
    return board.connection.execute(query, values).fetchall()


def _add(cell: _Cell, row: tuple, *, quantile: bool) -> None:  # type: ignore[type-arg]
    if quantile:
        bucket, n = row
        cell.counts[bucket] = cell.counts.get(bucket, 0) + n
        cell.turns += n
        return
    turns, hits, n = row
    cell.turns += turns
    cell.hits += int(hits)
    cell.n += int(n)


def _point(by: dict[str, str | None], span: tuple[int, int], cell: _Cell, of: Of) -> Point:
    start, end = span
    if of in _QUANTILES:
        _, share, unit = _QUANTILES[of]
        return Point(by, start, end, cell.turns, figure=estimate(cell.counts, share, unit))
    if of == "turns":
        return Point(by, start, end, cell.turns, figure=Estimate(float(cell.turns), cell.turns, "turns"))
    if of in {"cost_usd", "cost_per_turn"}:
        value = None if not cell.n else cell.hits / 1e12 / (cell.n if of == "cost_per_turn" else 1)
        why = "" if cell.n else "no turn's cost is known"
        return Point(by, start, end, cell.turns, figure=Estimate(value, cell.n, "usd", why=why))
    unknown = max(0, cell.turns - cell.n) if of == "resolved" else 0
    return Point(by, start, end, cell.turns, Rate(cell.hits, cell.n, unknown))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RequestError(
            f"zone: {name[:64]!r} is no time zone; write one like Europe/Berlin or UTC", param="zone"
        ) from None


def _offsets(zone: ZoneInfo, first_us: int, last_us: int) -> list[tuple[int, int]]:
    """Return from which moment on the zone's clock is how far ahead of UTC, in microseconds; the first entry holds from ever."""
    found = [(0, _offset(zone, first_us))]
    at = first_us
    while at < last_us:
        later = min(at + _DAY_US, last_us)
        if _offset(zone, later) != found[-1][1]:
            low, high = at // _BIN_US, later // _BIN_US + 1
            while high - low > 1:  # clocks are changed on a quarter of an hour
                half = (low + high) // 2
                low, high = (half, high) if _offset(zone, half * _BIN_US) == found[-1][1] else (low, half)
            found.append((high * _BIN_US, _offset(zone, later)))
        at = later
    return found


def _offset(zone: ZoneInfo, at_us: int) -> int:
    offset = datetime.fromtimestamp(at_us / 1e6, zone).utcoffset() or timedelta()
    return round(offset.total_seconds()) * 1_000_000


def _bin_of(offsets: list[tuple[int, int]], length: int) -> str:
    """Return SQL for the number of a turn's bucket, counted on the zone's clock."""
    shift = str(offsets[0][1])
    if len(offsets) > 1:
        cases = " ".join(f"WHEN turn.at_us >= {start} THEN {offset}" for start, offset in reversed(offsets))
        shift = f"(CASE {cases} ELSE {offsets[0][1]} END)"
    return f"((turn.at_us + {shift} + {_MONDAY_US if length == _WEEK_US else 0}) // {length})"


def _span(index: int, length: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the bucket's moments in UTC. Days follow the zone's clock: some have 23 or 25 hours."""
    start = index * length - (_MONDAY_US if length == _WEEK_US else 0)
    return _moment(start, zone), _moment(start + length, zone)


def _moment(clock_us: int, zone: ZoneInfo) -> int:
    """Return the moment at which the zone's clock shows so much since 1970-01-01."""
    shown = _EPOCH + timedelta(microseconds=clock_us)
    return round(shown.replace(tzinfo=zone).timestamp() * 1_000_000)
