"""How a figure moved over the time of the filter, as a chart: the same for every page."""

from __future__ import annotations

from typing import Final

from pointsman.charts.lines import Line, Point, time_lines, time_table
from pointsman.charts.numbers import Unit
from pointsman.charts.svg import Tone
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import By
from pointsman.monitoring.questions import series
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.view import View

_TONES: Final[dict[str, Tone]] = {"small": "small", "mid": "mid", "flagship": "flagship"}
_HOUR_US: Final = 3_600_000_000
_MOST_LINES: Final = 6


def bucket(view: View, board: Board) -> tuple[str, str]:
    """Return the bucket that gives some dozens of points over the filter's time, and its word."""
    chosen = view.slice
    since, until = chosen.since_us, chosen.until_us or view.now_us
    if since is None:
        [ends] = board.rows("SELECT min(at_us) AS first FROM turn")
        since = ends["first"] or until
    hours = (until - since) / _HOUR_US
    for most, name, word in ((1.5, "1m", "minute"), (6, "5m", "5 minutes"), (30, "15m", "quarter of an hour")):
        if hours <= most:
            return name, word
    for most, name, word in ((3, "hour", "hour"), (15, "6h", "6 hours"), (200, "day", "day")):
        if hours <= 24 * most:
            return name, word
    return "week", "week"


def course(  # noqa: PLR0913 - what is drawn and how it is called
    view: View, board: Board, of: series.Of, title: str, unit: Unit, *, by: By = (), zero: bool = False
) -> Plot | None:
    """Return a line chart of ``of`` over the filter's time; None where there are fewer than two points."""
    size, word = bucket(view, board)
    options = series.Options(of, size, view.zone.key)  # type: ignore[arg-type]  # one of its words
    found = series.ask(board, view.slice, by, options)
    lines: dict[str, list[Point]] = {}
    for point in found.points:
        name = " · ".join(value or "unknown" for value in point.by.values()) or of.replace("_", " ")
        link = view.link("turns", range=None, since_us=str(point.start_us), until_us=str(point.end_us))
        lines.setdefault(name, []).append(_point(point, link))
    if max(map(len, lines.values()), default=0) < 2:  # noqa: PLR2004 - one moment is no course
        return None
    ranked = sorted(lines.items(), key=lambda item: -sum(point.n or 0 for point in item[1]))[:_MOST_LINES]
    drawn = [Line(name, points, _TONES.get(name)) for name, points in ranked]
    whole = f"{title}, per {word}"
    return plot(
        whole,
        lambda width: time_lines(drawn, title=whole, unit=unit, zone=view.zone, zero=zero, width=width),
        time_table(drawn, unit=unit, zone=view.zone),
    )


def _point(point: series.Point, link: str) -> Point:
    at = point.start_us / 1e6
    if point.rate is not None:
        low, high = point.rate.interval or (None, None)
        return Point(at, point.rate.value, low, high, point.rate.n, point.rate.few, link)
    if point.figure is None:
        return Point(at, None, n=point.turns, href=link)
    shown = point.figure
    return Point(at, shown.value, shown.low, shown.high, shown.n, shown.few, link)
