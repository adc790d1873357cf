"""The filter bar: which turns a page is about. It lives in the URL and goes from page to page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from pointsman.errors import RequestError
from pointsman.monitoring.asking.slice import FIELDS as SLICED
from pointsman.monitoring.asking.slice import Simulated, Slice
from pointsman.store.reading import TurnFilter

RANGES: Final[dict[str, tuple[str, timedelta | None]]] = {
    "15m": ("15 min", timedelta(minutes=15)),
    "1h": ("hour", timedelta(hours=1)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
    "180d": ("180 days", timedelta(days=180)),
    "all": ("all", None),
}
"""The presets of time by their name in the URL, with their words and length (None: since the beginning)."""
DEFAULT_RANGE: Final = "7d"
BAR: Final = ("agent", "route", "tier", "model", "intent", "channel", "policy", "key", "simulated")
"""The fields that the bar always offers; the others stand in it once a link has set them."""
FIELDS: Final = (*BAR, *(name for name in SLICED if name not in BAR), "captured")
"""The parameters that narrow, beside those of time."""
TIME: Final = ("range", "from", "to", "since_us", "until_us")
_LONGEST: Final = 200


class Filter(msgspec.Struct, frozen=True):
    """Which turns. Times are Unix microseconds, ``until_us`` not included; None: no bound.

    ``given`` are the parameters as they stand in the URL, without the empty ones.
    """

    since_us: int | None
    until_us: int | None
    given: Mapping[str, str]
    words: str

    def get(self, name: str) -> str | None:
        """Return what a field is narrowed to, None: not at all."""
        return self.given.get(name)

    def parameters(self) -> dict[str, str]:
        """Return the parameters for a link."""
        return dict(self.given)

    @property
    def narrowed(self) -> dict[str, str]:
        """The fields that are narrowed, time left out."""
        return {name: value for name, value in self.given.items() if name in FIELDS}

    @property
    def simulated(self) -> Simulated:
        """Whether simulated turns are meant."""
        return self._kind("simulated")

    def _kind(self, name: str) -> Simulated:
        chosen: dict[str, Simulated] = {"yes": "yes", "no": "no"}
        return chosen.get(self.given.get(name, ""), "both")

    def slice(self) -> Slice:
        """Return the same turns as the questions of ``pointsman.monitoring`` want them."""
        named = {name: (self.given[name],) for name in SLICED if name in self.given}
        return Slice(self.since_us, self.until_us, **named, simulated=self.simulated, captured=self._kind("captured"))

    def turns(self) -> TurnFilter:
        """Return the filter of the landing store, which knows fewer fields: ask a question for the others."""
        given = self.given
        return TurnFilter(
            since_us=self.since_us,
            until_us=self.until_us,
            route=given.get("route"),
            model=given.get("model"),
            tier=given.get("tier"),
            intent=given.get("intent"),
            channel=given.get("channel"),
            policy=given.get("policy"),
            key_id=given.get("key"),
            status=given.get("status"),
            conversation=given.get("conversation"),
        )

    def before(self) -> Filter | None:
        """Return the same filter over the period of the same length before, None where there is no such period."""
        if self.since_us is None or self.until_us is None:
            return None
        length = self.until_us - self.since_us
        return msgspec.structs.replace(self, since_us=self.since_us - length, until_us=self.since_us)


def read_filter(query: Mapping[str, str], now_us: int, zone: ZoneInfo) -> Filter:
    """Return the filter that a URL's parameters make.

    Raises:
        RequestError: a time cannot be read, or ends before it begins.
    """
    given = {name: query[name].strip()[:_LONGEST] for name in (*TIME, *FIELDS) if query.get(name, "").strip()}
    if "since_us" in given or "until_us" in given:
        exact = Slice.from_query((name, given[name]) for name in ("since_us", "until_us") if name in given)
        given = {name: value for name, value in given.items() if name not in ("range", "from", "to")}
        return Filter(exact.since_us, exact.until_us, given, "a chosen moment")
    if "from" in given or "to" in given:
        given.pop("range", None)
        since, until = _moment("from", given, zone), _moment("to", given, zone)
        if since is not None and until is not None and since >= until:
            raise RequestError(f"from {given['from']} is not before to {given['to']}: turn them round", param="from")
        words = f"{given.get('from', 'the beginning')} to {given.get('to', 'now')}".replace("T", " ")
        return Filter(since, until, given, words)
    name = given.get("range", DEFAULT_RANGE)
    if name not in RANGES:
        raise RequestError(f"range: {name!r} is none of {', '.join(RANGES)}", param="range")
    words, length = RANGES[name]
    if length is None:
        return Filter(None, None, given, "the whole record")
    begin = now_us - int(length.total_seconds() * 1e6)
    return Filter(begin, now_us, given, f"the last {words}")


def _moment(name: str, given: Mapping[str, str], zone: ZoneInfo) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        # A time without a zone is the viewer's.
        return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1e6)
    except (ValueError, OverflowError):
        raise RequestError(f"{name}: {text!r} is no time; write 2026-11-22 or 2026-11-22T14:30", param=name) from None
