"""A plot with what belongs to it: its caption, a narrow twin for small screens, its figures as a table behind a toggle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from pointsman.charts.svg import el, link, safe

WIDE: Final = 880
NARROW: Final = 358
"""Units of a picture for a page of 390 px: 16 px are left on either side."""

Verdict = Literal["pass", "fail", "hold"]
_ICONS: Final = {"pass": "M2 8.5 6 12.5 14 3.5", "fail": "M3 3 13 13M13 3 3 13", "hold": "M5.5 3V13M10.5 3V13"}
_MOST_ROWS: Final = 500


def figure(caption: str, draw: Callable[[int], str], table: str = "", *, note: str = "") -> str:
    """Return a plot drawn wide and narrow, of which the stylesheet shows one; ``table`` comes from ``table_behind``."""
    said = el("p", safe(note), class_="note") if note else ""
    both = f'<div class="wide-only">{draw(WIDE)}</div><div class="narrow-only narrow">{draw(NARROW)}</div>'
    return f'<figure class="figure"><figcaption>{safe(caption)}</figcaption>{said}{both}{table}</figure>'


def table_behind(
    names: Sequence[str], rows: Sequence[Sequence[str]], *, summary: str = "Figures", links: Sequence[str] = ()
) -> str:
    """Return figures as a table behind a toggle. ``links``: where the first cell of each row leads.

    A plot of very many marks gives its first 500 rows, and says how many there are.
    """
    head = "".join(f'<th scope="col">{safe(name)}</th>' for name in names)
    body = "".join(_row(row, links[place] if place < len(links) else "") for place, row in enumerate(rows[:_MOST_ROWS]))
    more = f"<p>The first {_MOST_ROWS} of {len(rows):,} rows.</p>" if len(rows) > _MOST_ROWS else ""
    return (
        f'<details class="behind"><summary>{safe(summary)}</summary><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}</details>"
    )


def _row(cells: Sequence[str], href: str) -> str:
    told = [safe(cell) for cell in cells]
    if told and (target := link(href)):
        told[0] = el("a", told[0] or "–", href=target)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in told) + "</tr>"


def verdict_mark(verdict: Verdict, word: str = "") -> str:
    """Return a verdict for a page: an icon and a word, in its colour."""
    icon = f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{_ICONS[verdict]}"/></svg>'
    return f'<span class="verdict {verdict}">{icon}{safe(word or verdict)}</span>'


def verdict_icon(verdict: Verdict, x: float, y: float, size: float = 11) -> str:
    """Return the same icon inside a plot, with its middle at a place."""
    scale = size / 16
    move = f"translate({x - size / 2:.1f} {y - size / 2:.1f}) scale({scale:.3f})"
    return el("path", class_=f"line {verdict}", d=_ICONS[verdict], transform=move)
