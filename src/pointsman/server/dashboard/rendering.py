"""From a page's data to HTML: one Jinja environment, strict and escaping everything."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

import jinja2
import markupsafe
import msgspec

from pointsman.charts import numbers
from pointsman.charts.style import CHARTS_CSS, PALETTE_CSS
from pointsman.charts.svg import clean
from pointsman.domain.figures import Estimate, Rate
from pointsman.evaluation.flip_style import FLIPS_CSS
from pointsman.server.dashboard.figures import exactly, interval, quantity
from pointsman.server.dashboard.plots import mark, markup
from pointsman.server.dashboard.tables import Column, cell

_PACKAGE: Final = "pointsman.server.dashboard"
MEDIA: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_UNITS: Final = {"usd": "usd", "ms": "ms", "share": "share", "count": "count", "number": ""}
_CLIP: Final = 20_000
_LONG_WORD: Final = 24
_WORD_ENDS: Final = re.compile(r"[\s\-]")
"""Where a browser breaks a line of its own accord."""
_ESCAPED: Final = re.compile(r"\\\\|(?:\\u[0-9a-fA-F]{4})+")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class Static(msgspec.Struct, frozen=True):
    """A file that pages load: its bytes, media type, and a mark of its content for the address."""

    body: bytes
    media_type: str
    mark: str


@cache
def static_files() -> Mapping[str, Static]:
    """Return the static files by name; there are no others, whatever a path says."""
    found = {}
    for entry in files(_PACKAGE).joinpath("static").iterdir():
        ending = entry.name.rpartition(".")[2]
        if ending in MEDIA:
            body = entry.read_bytes()
            found[entry.name] = _static(body, ending)
    found["charts.css"] = _static((PALETTE_CSS + CHARTS_CSS + FLIPS_CSS).encode(), "css")
    return found


def _static(body: bytes, ending: str) -> Static:
    return Static(body, MEDIA[ending], hashlib.sha256(body).hexdigest()[:10])


def environment() -> jinja2.Environment:
    """Return the environment that all pages are rendered with."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(_PACKAGE, "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "money": numbers.money,
        "count": numbers.count,
        "percent": numbers.percent,
        "duration": numbers.duration,
        "points": numbers.points,
        "quantity": quantity,
        "clip": clip,
        "plot": markup,
        "as_json": as_json,
        "pretty": pretty,
        "short": short_model,
    }
    made.globals |= {
        "static": static_url,
        "cell": cell,
        "mark": mark,
        "bounds": interval,
        "cell_class": cell_class,
        "reason": reason,
        "value_text": value_text,
        "when": when,
        "absolute": absolute,
    }
    return made


def static_url(name: str) -> str:
    """Return the address of a static file; it changes with the content, so browsers may keep it for good."""
    return f"/static/{name}?v={static_files()[name].mark}"


def clip(text: object, limit: int = _CLIP) -> str:
    """Return a text cut at ``limit`` characters, saying so: nobody reads more, and a browser must lay it out."""
    whole = clean(str(text))
    return whole if len(whole) <= limit else f"{whole[:limit]}… ({numbers.count(len(whole))} characters)"


def as_json(value: object) -> str:
    """Return a value as indented JSON, bytes as the JSON they are, anything else as text."""
    try:
        if isinstance(value, bytes | msgspec.Raw):
            value = msgspec.json.decode(value)
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except (msgspec.MsgspecError, TypeError, ValueError):
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def pretty(text: str) -> str:
    r"""Return a text as indented JSON where it is some, else as it is. Letters stand as such: ``ü``, not ``\u00fc``."""
    if len(text) > _CLIP or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return _ESCAPED.sub(_letters, msgspec.json.format(text, indent=2))
    except (msgspec.DecodeError, RecursionError):
        return text


def _letters(found: re.Match[str]) -> str:
    if found[0] == "\\\\":  # an escaped backslash: what follows it is no escape
        return found[0]
    try:
        plain = msgspec.json.decode(f'"{found[0]}"', type=str)
    except msgspec.DecodeError:
        return found[0]
    return plain if plain.isprintable() and '"' not in plain and "\\" not in plain else found[0]


def short_model(model: str) -> str:
    """Return a model's name without its provider."""
    return model.partition("/")[2] or model


def absolute(at_us: int | None, zone: ZoneInfo) -> str:
    """Return a moment in the viewer's zone: 2026-11-22 14:03:09 CET."""
    if at_us is None:
        return numbers.UNKNOWN
    try:
        return datetime.fromtimestamp(at_us / 1e6, zone).strftime("%Y-%m-%d %H:%M:%S %Z")
    except (ValueError, OverflowError, OSError):
        return "a time out of range"


def when(at_us: int | None, now_us: int, zone: ZoneInfo) -> markupsafe.Markup:
    """Return a moment as people say it ("3 min ago"), with the absolute time on hover."""
    if at_us is None:
        return markupsafe.Markup('<span class="none">–</span>')
    try:
        stamp = datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return markupsafe.Markup('<span class="none">out of range</span>')
    words = relative((now_us - at_us) / 1e6)
    return markupsafe.Markup('<time datetime="{}" title="{}" tabindex="0">{}</time>').format(
        stamp, absolute(at_us, zone), words
    )


def relative(seconds: float) -> str:
    """Return how long ago something was, or how far ahead it is."""
    size = abs(seconds)
    if size < 5:  # noqa: PLR2004 - nobody counts less
        return "now"
    for limit, unit, word in ((_MINUTE, 1, "s"), (_HOUR, _MINUTE, "min"), (2 * _DAY, _HOUR, "h")):
        if size < limit:
            text = f"{size / unit:.0f}{numbers.THIN}{word}"
            break
    else:
        text = f"{size / _DAY:.0f}{numbers.THIN}days"
    return f"{text} ago" if seconds > 0 else f"in {text}"


def cell_class(column: Column, value: Any, grey: bool) -> str:
    """Return the classes of a cell: grey, monospace, and whether a word in it is so long that it must be broken."""
    text = value[:400] if isinstance(value, str) else ""
    long = any(len(word) > _LONG_WORD for word in _WORD_ENDS.split(text))
    name = column.kind == "model" and len(short_model(text)) <= _LONG_WORD
    named = (("few", grey), ("mono", column.kind == "id"), ("long", long), ("nb", name))
    return " ".join(name for name, holds in named if holds)


def reason(column: Column, value: Any) -> str:
    """Return why a table's value is a dash, "" where it is none."""
    if isinstance(value, Rate | Estimate):
        if value.value is not None:
            return ""
        return (
            (value.why if isinstance(value, Estimate) else "") or column.why or "nothing was counted that could be told"
        )
    return column.why or "unknown, or there is none" if value is None else ""


def value_text(column: Column, value: Any) -> str:
    """Return a table's value as text, by the kind of its column."""
    if value is None:
        return numbers.UNKNOWN
    if isinstance(value, Rate | Estimate):
        return exactly(value) or numbers.UNKNOWN
    if column.kind == "price" and isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, str) and column.kind in _UNITS:
        return quantity(value, _UNITS[column.kind])
    return clip(value, 400)
