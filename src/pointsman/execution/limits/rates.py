"""Rate limits in turns and tokens per minute: reserved before, settled after, and never exceeded in any 60 seconds.

A turn counts when it arrives. A call's tokens are reserved at their upper bound when it is sent, and corrected to what the
provider counted when it ends; unknown counts keep the bound. The window slides: what was used leaves it 60 seconds after it
came in, so there is no edge at which twice the limit passes.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from pointsman.domain.rates import Allowance, RateState
from pointsman.errors import RateLimited
from pointsman.execution.limits.scopes import Scopes, scope_id, words
from pointsman.routing.sections_budgets import Rate

MINUTE_S = 60.0
_MOST = 20_000
"""Windows in memory; those of clients that are silent leave first."""


class _Entry:
    __slots__ = ("amount", "at")

    def __init__(self, at: float, amount: int) -> None:
        self.at = at
        self.amount = amount


class _Window:
    """What one client used in the last minute."""

    def __init__(self) -> None:
        self.entries: deque[_Entry] = deque()
        self.used = 0

    def expire(self, now: float) -> None:
        while self.entries and self.entries[0].at <= now - MINUTE_S:
            self.used -= self.entries.popleft().amount

    def add(self, now: float, amount: int) -> _Entry:
        entry = _Entry(now, amount)
        self.entries.append(entry)
        self.used += amount
        return entry

    def correct(self, entry: _Entry, amount: int, now: float) -> None:
        self.expire(now)
        if entry.at > now - MINUTE_S:
            self.used += amount - entry.amount
        entry.amount = amount

    def wait_for(self, room: int, now: float) -> float:
        """Return the seconds until no more than ``room`` of what is used now is left in the window."""
        left = self.used
        for entry in self.entries:
            if left <= room:
                break
            left -= entry.amount
            wait = entry.at + MINUTE_S - now
            if left <= room:
                return max(0.0, wait)
        return 0.0


class Ticket:
    """Tokens reserved for one call."""

    def __init__(self, taken: Sequence[tuple[_Window, _Entry]], clock: Callable[[], float]) -> None:
        self._taken = taken
        self._clock = clock

    def settle(self, tokens: int | None) -> None:
        """Correct the reservation to the tokens counted; None keeps it."""
        if tokens is not None:
            for window, entry in self._taken:
                window.correct(entry, tokens, self._clock())
        self._taken = ()


class Rates:
    """All rate limits of a policy. ``clock`` gives monotonic seconds. Used by one event loop."""

    def __init__(self, rates: Sequence[Rate], clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = tuple(rates)
        self._clock = clock
        self._named = {(rate.of, rate.name) for rate in rates if rate.name is not None}
        self._windows: OrderedDict[tuple[str, str, str], _Window] = OrderedDict()

    def admit(self, scopes: Scopes) -> None:
        """Count one turn.

        Raises:
            RateLimited: there were too many in the last minute.
        """
        now = self._clock()
        found = self._found(scopes, "requests", now)
        for rate, who, window in found:
            limit = rate.requests_per_minute or 0
            if window.used + 1 > limit:
                raise RateLimited(
                    f"{words(rate.of, who)}: at most {limit:,} requests a minute",
                    retry_after=window.wait_for(limit - 1, now),
                    rates=self.state(scopes),
                )
        for _, _, window in found:
            window.add(now, 1)

    def room(self, scopes: Scopes) -> int | None:
        """Return how many tokens may be taken now; None where nothing limits them."""
        found = self._found(scopes, "tokens", self._clock())
        return min(((rate.tokens_per_minute or 0) - window.used for rate, _, window in found), default=None)

    def take(self, scopes: Scopes, tokens: int | None) -> Ticket:
        """Reserve the tokens of one call; None: their number has no bound.

        Raises:
            RateLimited: they do not fit into the minute.
        """
        now = self._clock()
        found = self._found(scopes, "tokens", now)
        for rate, who, window in found:
            limit = rate.tokens_per_minute or 0
            if tokens is None or window.used + tokens > limit:
                raise self._too_many(scopes, rate, who, window, tokens, now)
        return Ticket([(window, window.add(now, tokens or 0)) for _, _, window in found], self._clock)

    def _too_many(  # noqa: PLR0913, PLR0917 - one sentence about one limit
        self, scopes: Scopes, rate: Rate, who: str, window: _Window, tokens: int | None, now: float
    ) -> RateLimited:
        limit = rate.tokens_per_minute or 0
        asked = "a number of tokens without bound" if tokens is None else f"up to {tokens:,} tokens"
        text = f"{words(rate.of, who)}: at most {limit:,} tokens a minute, {window.used:,} are used, this call may take {asked}"
        if tokens is None or tokens > limit:
            return RateLimited(
                f"{text}; set a smaller limit for the reply or shorten the prompt", rates=self.state(scopes)
            )
        return RateLimited(text, retry_after=window.wait_for(limit - tokens, now), rates=self.state(scopes))

    def state(self, scopes: Scopes) -> RateState | None:
        """Return what is left of the tightest limits; None where there are none."""
        if not self._rates:
            return None
        requests, tokens = self._tightest(scopes, "requests"), self._tightest(scopes, "tokens")
        return None if requests is None and tokens is None else RateState(requests, tokens)

    def _tightest(self, scopes: Scopes, kind: str) -> Allowance | None:
        now = self._clock()
        found = [
            Allowance(limit, max(0, limit - window.used), window.wait_for(0, now))
            for rate, _, window in self._found(scopes, kind, now)
            if (limit := _limit(rate, kind)) is not None
        ]
        return min(found, key=lambda allowance: allowance.remaining, default=None)

    def _found(self, scopes: Scopes, kind: str, now: float) -> list[tuple[Rate, str, _Window]]:
        found = []
        for rate in self._rates:
            who = scope_id(scopes, rate.of)
            if who is None or _limit(rate, kind) is None or not self._applies(rate, scopes.name(rate.of)):
                continue
            window = self._window((kind, rate.of, who))
            window.expire(now)
            found.append((rate, who, window))
        return found

    def _applies(self, rate: Rate, name: str | None) -> bool:
        return rate.name == name if rate.name is not None else (rate.of, name) not in self._named

    def _window(self, place: tuple[str, str, str]) -> _Window:
        window = self._windows.get(place)
        if window is not None:
            self._windows.move_to_end(place)
            return window
        window = self._windows[place] = _Window()
        if len(self._windows) > _MOST:
            # Names of users come from clients, so memory is bounded first: whose window leaves early starts anew.
            self._windows.popitem(last=False)
        return window


def _limit(rate: Rate, kind: str) -> int | None:
    return rate.requests_per_minute if kind == "requests" else rate.tokens_per_minute


def duration(seconds: float) -> str:
    """Return a duration as OpenAI's headers write it: ``6m0s``, ``1s``, ``120ms``."""
    if seconds < 1:
        return f"{max(0, math.ceil(seconds * 1000))}ms"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s" if whole >= MINUTE_S else f"{whole}s"
