"""The few marks a plot is made of, as text. Whatever comes from outside is cleaned and escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final, Literal

Tone = Literal["small", "mid", "flagship", "pass", "fail", "hold", "ink", "soft", "faint", "pale"]
"""What a mark's colour means: a tier, a verdict, or nothing (ink in four strengths)."""

INKS: Final[tuple[Tone, ...]] = ("ink", "soft", "faint", "pale")
_DASHES: Final = 6
SAMPLE: Final = 23.0
"""Room that the piece of a line before its name takes."""

_CLASSES: Final = {"small": "tier-small", "mid": "tier-mid", "flagship": "tier-flagship"}
_CHAR: Final = 6.4
"""Width of an average character at 12 px in the system's fonts, a little on the safe side."""

_UNSEEN: Final = {
    place: None
    for place in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
    )
    if place not in (0x09, 0x0A)
} | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
"""Control and direction marks, which could turn a line around, and halves of pairs, which no file can hold."""


def clean(text: str) -> str:
    """Return text from outside without what would be no letter on the page."""
    return text.translate(_UNSEEN)


def safe(text: str) -> str:
    """Return text from outside for the inside of an element or of a quoted attribute."""
    return escape(clean(text), quote=True)


def link(href: str) -> str:
    """Return an address inside this site; anything else (``javascript:``, another host) is no link and gives ''."""
    return href if href.startswith(("/", "#", "?")) and not href.startswith(("//", "/\\")) and "\n" not in href else ""


def tone_class(tone: Tone) -> str:
    """Return the class that gives a mark its colour."""
    return _CLASSES.get(tone, tone)


def line_class(tone: Tone | None, place: int) -> str:
    """Return the classes of a line: its own tone, or for the ``place``-th without one an ink with its own dashes."""
    if tone is not None:
        return tone_class(tone)
    dashes = place % _DASHES
    return f"{INKS[dashes % 2]} dash-{dashes}" if dashes else "ink"


def named_line(x: float, y: float, name: str, room: float, classes: str) -> str:
    """Return the name of a line, after a piece of it where dashes tell it from others."""
    sample = ""
    if "dash-" in classes:
        sample, x, room = el("path", class_="line", d=f"M{at(x)} {at(y)}h18"), x + 23, room - 23
    words = label(x, y + 4, cut(name, room), classes="toned")
    return el("g", f"<title>{safe(name)}</title>{sample}{words}", class_=classes)


def at(value: float) -> str:
    """Return a coordinate, short."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def el(name: str, content: str = "", /, **attributes: str | float) -> str:
    """Return an element. ``content`` is markup already; attributes are escaped; ``class_`` is class, ``_`` in names is ``-``."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{safe(value) if isinstance(value, str) else at(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{told}>{content}</{name}>" if content else f"<{name}{told}/>"


def label(x: float, y: float, text: str, *, anchor: str = "start", classes: str = "") -> str:
    """Return a line of text whose foot stands at ``y``; ``anchor`` says which end of it stands at ``x``."""
    more = {"class_": classes} if classes else {}
    return el("text", safe(text), x=x, y=y, text_anchor=anchor, **more)


def marked(mark: str, said: str, href: str = "") -> str:
    """Return a mark that says ``said`` under the pointer and leads to ``href``."""
    body = el("g", f"<title>{safe(said)}</title>{mark}")
    target = link(href)
    return el("a", body, href=target, aria_label=said) if target else body


def path(points: Iterable[tuple[float, float]], *, closed: bool = False) -> str:
    """Return the ``d`` of a path through the points."""
    return "M" + "L".join(f"{at(x)} {at(y)}" for x, y in points) + ("Z" if closed else "")


def wide(text: str) -> float:
    """Return about how wide a text is."""
    return len(text) * _CHAR


def cut(text: str, room: float) -> str:
    """Return text cut to a width, with an ellipsis where something is missing."""
    most = max(1, int(room / _CHAR))
    text = " ".join(clean(text).split())
    return text if len(text) <= most else text[: max(1, most - 1)] + "…"


def picture(width: float, height: float, title: str, marks: Iterable[str], *, more: str = "") -> str:
    """Return the whole plot. One with links in it is a group for screen readers: an image would hide them."""
    body = "".join(marks)
    role = "group" if "<a " in body else "img"
    described = f"<desc>{safe(more)}</desc>" if more else ""
    return el(
        "svg",
        described + body,
        class_="chart",
        viewBox=f"0 0 {at(width)} {at(height)}",
        width=width,
        height=height,
        role=role,
        aria_label=title,
    )


def nothing(width: float, title: str, why: str = "nothing to show yet") -> str:
    """Return the picture of no figures: it says so."""
    return picture(width, 64, f"{title}: {why}", [label(width / 2, 36, why, anchor="middle", classes="dim")])
