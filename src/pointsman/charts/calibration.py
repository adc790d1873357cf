"""Does a confidence mean what it says? The share that was right, against the confidence it was said with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pointsman.charts.figure import table_behind
from pointsman.charts.frame import frame, grid_across, grid_up, rule
from pointsman.charts.numbers import count, percent, with_interval
from pointsman.charts.scales import Scale, finite
from pointsman.charts.svg import Tone, cut, el, label, marked, nothing, path, picture, tone_class


class Bucket(msgspec.Struct, frozen=True):
    """Turns of about the same confidence: the mean of it, the share that was right, its interval, and how many."""

    confidence: float
    right: float | None
    n: int
    low: float | None = None
    high: float | None = None
    few: bool = False
    href: str = ""


def reliability(
    buckets: Sequence[Bucket],
    *,
    title: str,
    x_name: str = "confidence",
    y_name: str = "share that was right",
    threshold: float | None = None,
    tone: Tone = "ink",
    width: int = 720,
    height: int = 340,
) -> str:
    """Return the diagram: on the diagonal a confidence is what it says, below it the router is too sure."""
    known = [one for one in buckets if finite(one.right) is not None and finite(one.confidence) is not None]
    if not known:
        return nothing(width, title)
    found = frame(width, height, left=60, right=16, top=28, bottom=46)
    x, y = Scale(0.0, 1.0, found.left, found.right), Scale(0.0, 1.0, found.bottom, found.top)
    drawn = [
        *grid_across(found, x, "share", x_name),
        *grid_up(found, y, "share"),
        label(8, 14, cut(y_name, width), classes="dim"),
    ]
    drawn.append(rule(x.at(0), y.at(0), x.at(1), y.at(1), "baseline"))
    if finite(threshold) is not None and threshold is not None:
        place = x.at(threshold)
        drawn.append(rule(place, found.top, place, found.bottom, "margin"))
        anchor = "end" if threshold > 0.5 else "start"  # noqa: PLR2004 - the half of the picture it stands in
        drawn.append(
            label(
                place + (-4 if anchor == "end" else 4),
                found.bottom - 6,
                f"threshold {percent(threshold)}",
                anchor=anchor,
                classes="halo",
            )
        )
    places = sorted((x.at(one.confidence), y.at(finite(one.right) or 0.0)) for one in known if not one.few)
    if len(places) > 1:
        drawn.append(el("path", class_="line", d=path(places)))
    most = max(one.n for one in known) or 1
    for one in known:
        left, top = x.at(one.confidence), y.at(finite(one.right) or 0.0)
        low, high = finite(one.low), finite(one.high)
        mark = rule(left, y.at(low), left, y.at(high), "whisker") if low is not None and high is not None else ""
        # The area tells how many there are.
        mark += el("circle", class_="dot", cx=left, cy=top, r=3 + 6 * (max(0, one.n) / most) ** 0.5)
        said = (
            f"said {percent(one.confidence)}, right {with_interval(one.right, one.low, one.high)}, n = {count(one.n)}"
        )
        drawn.append(el("g", marked(mark, said, one.href), class_="few" if one.few else "known"))
    return picture(width, height, title, [el("g", "".join(drawn), class_=tone_class(tone))])


def reliability_table(buckets: Sequence[Bucket]) -> str:
    """Return the figures of ``reliability`` as a table behind a toggle."""
    rows = [[percent(one.confidence), with_interval(one.right, one.low, one.high), count(one.n)] for one in buckets]
    return table_behind(["confidence", "right (95 %)", "n"], rows, links=[one.href for one in buckets])
