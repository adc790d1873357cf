"""Moments as people write them: ``30m``, ``12h``, ``7d``, ``2026-01-31``, ``2026-01-31T09:30``."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from pointsman.errors import UsageError

_AGO = re.compile(r"(\d{1,6})(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_moment(text: str, now_us: int, *, zone: tzinfo | None = None, flag: str = "--since") -> int:
    """Return Unix microseconds. A length of time counts back from now; a date or time without zone is in ``zone`` (None: local).

    Raises:
        UsageError: ``text`` is neither.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return max(0, now_us - int(ago[1]) * _SECONDS[ago[2]] * 1_000_000)
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
        return max(0, round(moment.timestamp() * 1_000_000))
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{flag} {text!r} is not a time. Write how long ago (30m, 12h, 7d) or a date (2026-01-31, 2026-01-31T09:30)."
        ) from None
