"""Charts on a page: drawn by ``pointsman.charts``, which escapes what it is given, so they alone pass unescaped."""

from __future__ import annotations

from collections.abc import Callable

import markupsafe
import msgspec

from pointsman.charts.figure import figure, verdict_mark


class Plot(msgspec.Struct, frozen=True):
    """A drawn chart. Make it with ``plot``."""

    html: str


def plot(caption: str, draw: Callable[[int], str], table: str, *, note: str = "") -> Plot:
    """Return a chart with its caption and its figures as a table behind a toggle; as ``charts.figure.figure``.

    ``draw`` is given the width and calls a chart function; ``table`` comes from that module's own table function.
    """
    return Plot(figure(caption, draw, table, note=note))


def markup(chart: object) -> markupsafe.Markup:
    """Let a chart through unescaped.

    Raises:
        TypeError: it is any other text.
    """
    if not isinstance(chart, Plot):
        raise TypeError(f"a chart must be a Plot, and this is a {type(chart).__name__}")
    return markupsafe.Markup(chart.html)  # noqa: S704 - drawn by our own room, which escapes what it is given


def mark(verdict: str, word: str = "") -> markupsafe.Markup:
    """Return a verdict (pass, fail, hold) as icon and word in its colour; anything else as the plain word.

    ``word`` stands in place of the verdict's own.
    """
    if verdict in ("pass", "fail", "hold"):
        return markupsafe.Markup(verdict_mark(verdict, word))  # type: ignore[arg-type]  # noqa: S704 - escaped there
    return markupsafe.escape(word or verdict)
