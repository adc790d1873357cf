"""Words that a caller hears while a model is still at work before the reply: the operator's own, no model said them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from pointsman.domain.reply import Event, TextDelta

Say = Callable[[list[Event]], Awaitable[None]]
"""Sends events to the client before there is a reply."""


class Filler:
    """What is said to one caller, at most once. ``spoken`` is the text as the client got it, ``at_ns`` when that was."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.spoken: str | None = None
        self.at_ns = 0

    @asynccontextmanager
    async def unless_done(self, text: str, within_s: float) -> AsyncIterator[None]:
        """Say ``text`` when what is inside takes longer than ``within_s`` seconds; nothing else is sent while it is said."""
        task = asyncio.ensure_future(self._speak(text, within_s))
        try:
            yield
        finally:
            if self.spoken is None:
                task.cancel()
            await asyncio.wait([task])
            _ = task.cancelled() or task.exception()  # what keeps it from being said will meet the reply too

    async def _speak(self, text: str, after_s: float) -> None:
        if after_s > 0:
            await asyncio.sleep(after_s)
        if self.spoken is None:
            self.spoken = f"{text} "
            self.at_ns = time.perf_counter_ns()
            await self._say([TextDelta(self.spoken)])
