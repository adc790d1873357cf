"""Asks questions of a store: the one door for the command line, the HTTP API, the pages and the monitors."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import EVERYTHING, By, Slice
from pointsman.monitoring.columns.file import ColumnFile
from pointsman.monitoring.fold import Fold, Folded
from pointsman.monitoring.questions.registry import ask
from pointsman.store import Store


def now_us() -> int:
    """Return the time, in Unix microseconds."""
    return time.time_ns() // 1000


class Asker:
    """Answers questions about the turns of one store. ``tiers`` names the model that stands for each tier (for savings).

    Its calls block for as long as a query takes: from an event loop, use ``asyncio.to_thread``.
    """

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        tiers: Mapping[str, str] | None = None,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._tiers = dict(tiers or {})
        self._clock = clock
        # On a read-only disk the columns are made anew somewhere else, for as long as this object lives.
        self._scratch = None if os.access(store.path.parent, os.W_OK) else tempfile.TemporaryDirectory()
        self.file = ColumnFile(store.path, folder=None if self._scratch is None else Path(self._scratch.name))

    def fold(self) -> Folded:
        """Bring the columns up to the store, until nothing is left.

        Raises:
            StoreError: the store or the column file cannot be read or written.
        """
        return Fold(self._store, self._catalog, file=self.file).run()

    @contextlib.contextmanager
    def board(self) -> Iterator[Board]:
        """Lend the board for several questions of one moment. The columns are made first where there are none yet.

        Raises:
            StoreError: the column file cannot be read.
        """
        if not self.file.path.exists():
            self.fold()
        with self.file.reading() as connection:
            yield Board(connection, self._catalog, self._clock(), self._tiers)

    def ask(
        self, name: str, chosen: Slice = EVERYTHING, by: By = (), options: Mapping[str, str] | None = None
    ) -> msgspec.Struct:
        """Ask one question by its name (``questions.registry``).

        Raises:
            NotFound, RequestError, StoreError: as ``questions.registry.ask``.
        """
        with self.board() as board:
            return ask(name, board, chosen, by, options)
