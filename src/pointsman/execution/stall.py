"""A time limit for each of many short waits, for the price of one timer.

``asyncio.timeout`` makes and cancels a timer each time, which costs more than reading a frame of a stream. Here the timer of the
first wait stays: when it rings it looks at the wait of that moment, and is set again while that still has time.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self


class StallClock:
    """Use ``with clock.within(seconds):`` around one await after the other; ``close`` when there will be none."""

    def __init__(self) -> None:
        self._limit_s = 0.0
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._rang = False

    def within(self, limit_s: float) -> Self:
        """Set the limit of the next wait, in seconds.

        Raises:
            TimeoutError: (from the ``with``) the wait took longer; what was awaited has been cancelled.
        """
        self._limit_s = limit_s
        return self

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        self._task = task
        self._cancelling = 0 if task is None else task.cancelling()
        self._rang = False
        self._due = due = loop.time() + self._limit_s
        timer = self._timer
        if timer is None or timer.when() > due:
            self.close()
            self._timer = loop.call_at(due, self._ring)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        task, self._task, self._due = self._task, None, None
        # As in asyncio.timeout: somebody else's cancellation goes on, ours ends here.
        if self._rang and task is not None and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _ring(self) -> None:
        self._timer = None
        if self._due is None or self._task is None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._due:
            self._timer = loop.call_at(self._due, self._ring)
        else:
            self._rang = True
            self._task.cancel()
