"""Hedging: a second call beside a slow one, for a bounded share of turns.

The first content wins; the other call is cut. Both are paid for, so the share is bounded (Dean and Barroso, "The Tail at
Scale", 2013: past the 95th percentile a second request costs about 5 % more load).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from pointsman.errors import PointsmanError

Try = Coroutine[Any, Any, PointsmanError | None]
"""A call on its way to its first content: None when it has some, else the error."""

_BURST = 100
"""How many turns' shares are saved up at most: after a quiet day, a slow provider must not get a flood of second calls."""


class Hedge:
    """When a second call is made, and how many may be. Used by one event loop. ``share`` is of the turns that could have one."""

    def __init__(self, after_s: float, share: float) -> None:
        self.after_s = after_s
        self._share = share
        self._most = max(1.0, _BURST * share)
        self._credit = 1.0

    def count(self) -> None:
        """Count a turn that could have a second call."""
        self._credit = min(self._most, self._credit + self._share)

    def take(self) -> bool:
        """Return whether a second call may be made now; it is counted then."""
        if self._credit < 1:
            return False
        self._credit -= 1
        return True


async def race(first: Try, second: Callable[[], Try], hedge: Hedge) -> tuple[int | None, PointsmanError | None]:
    """Return which call had content first (0 or 1; None: neither), and the first one's error.

    The other call is cancelled and over when this returns, also by cancellation.

    Raises:
        PointsmanError: the first call may not be made, and there is no second.
    """
    tries = [asyncio.ensure_future(first)]
    try:
        await asyncio.wait(tries, timeout=hedge.after_s)
        if tries[0].done() or not hedge.take():
            error = await tries[0]
            return (0 if error is None else None), error
        tries.append(asyncio.ensure_future(second()))
        pending = set(tries)
        while pending:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for number, one in enumerate(tries):
                if one.done() and one.exception() is None and one.result() is None:
                    return number, None
        return None, await tries[0]
    finally:
        for one in tries:
            one.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
