"""Rate limits: counting per key and model, and the headers each vendor reports them in."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.models import ModelFacts
from pointsman.emulator.script import RateLimit

_MINUTE = 60.0
_USUAL = RateLimit(requests_per_minute=4_000, tokens_per_minute=4_000_000)


class Limiter:
    """Counts requests and tokens in windows of one minute. ``clock`` gives monotonic seconds, ``wall`` Unix seconds."""

    def __init__(self, limit: RateLimit | None, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._wall = wall
        self._windows: dict[tuple[str, str], list[float]] = {}

    def admit(self, key: str, facts: ModelFacts, tokens: int) -> dict[str, str]:
        """Count a request and return its rate headers.

        Raises:
            RejectedError: 429, with the headers and the seconds to wait.
        """
        now = self._clock()
        window = self._windows.get((key, facts.name))
        if window is None or now >= window[0] + _MINUTE:
            window = self._windows[key, facts.name] = [now, 0, 0]
        enforced = self._limit if self._limit and fnmatchcase(facts.name, self._limit.model) else None
        left = window[0] + _MINUTE - now
        over = enforced is not None and _over(enforced, window, tokens)
        if not over:
            window[1] += 1
            window[2] += tokens
        headers = self._headers(facts, enforced or _USUAL, window, left)
        if over:
            raise RejectedError(
                "Rate limit reached. Please try again later.",
                status=429,
                retry_after_s=math.ceil(left),
                headers=headers,
            )
        return headers

    def _headers(self, facts: ModelFacts, limit: RateLimit, window: list[float], left: float) -> dict[str, str]:
        requests = limit.requests_per_minute or _USUAL.requests_per_minute or 0
        tokens = limit.tokens_per_minute or _USUAL.tokens_per_minute or 0
        counts = {"requests": (requests, window[1]), "tokens": (tokens, window[2])}
        if facts.dialect == "anthropic":
            reset = datetime.fromtimestamp(self._wall() + left, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            counts |= {"input-tokens": counts["tokens"], "output-tokens": (tokens, 0)}
            return {
                f"anthropic-ratelimit-{kind}-{field}": value
                for kind, (most, used) in counts.items()
                for field, value in (
                    ("limit", str(most)),
                    ("remaining", str(max(0, int(most - used)))),
                    ("reset", reset),
                )
            }
        if facts.vendor in {"google", "local"}:
            return {}
        return {
            f"x-ratelimit-{field}-{kind}": value
            for kind, (most, used) in counts.items()
            for field, value in (
                ("limit", str(most)),
                ("remaining", str(max(0, int(most - used)))),
                ("reset", _duration(left)),
            )
        }


def _over(limit: RateLimit, window: list[float], tokens: int) -> bool:
    requests, most = limit.requests_per_minute, limit.tokens_per_minute
    return (requests is not None and window[1] >= requests) or (most is not None and window[2] + tokens > most)


def _duration(seconds: float) -> str:
    """Return a duration as Go prints it: ``6m0s``, ``1s``, ``120ms``."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))}ms"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s" if whole >= _MINUTE else f"{whole}s"
