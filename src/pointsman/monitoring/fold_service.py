"""Folding while ``pointsman serve`` runs: once a second, in a thread, in batches too small for a turn to notice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from pointsman.catalog.book import Catalog
from pointsman.monitoring.fold import Fold
from pointsman.store import Store

_EVERY_S: Final = 1.0
_CATCHING_UP_S: Final = 0.02
_BATCH: Final = 1000
"""Turns at once: Python is kept from the event loop for a few milliseconds at most."""


class HasStore(Protocol):
    """What folding needs of a router."""

    store: Store
    catalog: Catalog


class FoldService:
    """Keeps the column file a second behind the turns."""

    name = "fold"

    def __init__(self, fold: Fold, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._fold = fold
        self._pause = pause

    async def run(self) -> None:
        """Fold until cancelled; a batch under way is finished, since its thread cannot be stopped."""
        done = True
        while True:
            # First a pause: DuckDB takes a tenth of a second to load, and the gateway's first turn should not wait for that.
            await self._pause(_EVERY_S if done else _CATCHING_UP_S)
            done = (await asyncio.to_thread(self._fold.step)).done


def build(router: HasStore) -> FoldService:
    """Return the service for a router's store."""
    return FoldService(Fold(router.store, router.catalog, batch=_BATCH))
