"""The sampler: looks at every turn once, in the order of commits, and chooses which are checked.

What it chose, how many it saw, where its quantile stands and its cursor are written in one transaction: a crash at any moment
repeats no draw and loses no turn.
"""

from __future__ import annotations

import asyncio

import msgspec

from pointsman.monitoring.shadow.draw import Recent, Shares, draw
from pointsman.store.cursors import read_cursor
from pointsman.store.shadow import CURSOR, Shadows
from pointsman.store.shadow_rows import Candidate, Choice
from pointsman.store.store import Store

BATCH = 500
"""Turns read at a time."""


class _Look(msgspec.Struct, frozen=True):
    after: int
    read: list[Candidate]
    choices: list[Choice]


class Sampler:
    """Chooses turns of one store. Several processes may do so side by side: one of them is faster, the others read on."""

    def __init__(self, store: Store, shares: Shares) -> None:
        self._store = store
        self._shadows = Shadows(store)
        self._shares = shares
        self._recent = Recent()
        self._known_at: int | None = None

    async def begin(self, *, from_first: bool) -> None:
        """Begin behind the newest turn, or at the first one; nothing happens where the sampler has begun before."""
        await self._shadows.begin(0 if from_first else self._shadows.last_seq())

    async def step(self, limit: int = BATCH) -> int:
        """Look at the next turns; return how many were read, 0 when there are none (yet).

        Raises:
            StoreError: the store cannot be read or written.
        """
        found = await asyncio.to_thread(self._look, limit)  # in a thread: the gateway's loop has turns to serve
        if found is None:
            await self.begin(from_first=False)
            return 0
        if not found.read:
            return 0
        self._known_at = None
        if await self._shadows.choose(found.after, found.read, found.choices, self._recent.values()):
            self._known_at = found.read[-1].seq
        return len(found.read)

    def _look(self, limit: int) -> _Look | None:
        after = read_cursor(self._store, CURSOR)
        memory = self._shadows.memory()
        if after is None or memory is None:
            return None
        read = self._shadows.candidates(after, limit)
        if read and self._known_at != after:  # a restart, or another process went on meanwhile
            self._recent = Recent(memory.recent)
        choices = [choice for one in read if (choice := self._chosen(one, memory.salt)) is not None]
        return _Look(after, read, choices)

    def _chosen(self, one: Candidate, salt: bytes) -> Choice | None:
        if not one.whole:
            return None
        drawn = draw(one.id, one.confidence, self._recent, self._shares, salt)
        if one.confidence is not None:
            self._recent.add(one.confidence)
        return None if drawn.why is None else Choice(one, drawn.why, drawn.probability)
