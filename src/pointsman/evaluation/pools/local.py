"""Grades in this process, or in others beside it: recorded answers cost nothing but the grading, which one core bounds."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Awaitable
from concurrent.futures import ProcessPoolExecutor
from typing import Self

from pointsman.evaluation.conformance import Conformance
from pointsman.evaluation.grading_seam import Grader
from pointsman.evaluation.pools.seam import Batches, Kept, Ungraded, grade_batch, grade_here, packed
from pointsman.evaluation.run_log import GradeRow


class Here:
    """Grades in this process, at once."""

    def __init__(self, chosen: Grader, kept: Kept) -> None:
        self._grader = chosen
        self._kept = kept
        self._conformance = Conformance()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        """Nothing was opened."""

    async def take(self, one: Ungraded) -> None:
        """Grade an answer and hand its row over."""
        self._kept(grade_here(self._grader, self._conformance, one))

    async def finish(self) -> None:
        """Nothing waits."""


class Processes(Batches):
    """Grades in ``count`` other processes."""

    def __init__(self, chosen: Grader, kept: Kept, count: int) -> None:
        # Not a fork: this process may have threads (an emulator, the store's writer), which a fork would leave half copied.
        self._pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
        self._packed = packed(chosen)
        super().__init__(kept, count, self._sent_off)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._pool.shutdown(wait=failure[0] is None, cancel_futures=True)

    def _sent_off(self, batch: list[Ungraded]) -> Awaitable[list[GradeRow]]:
        return asyncio.get_running_loop().run_in_executor(self._pool, grade_batch, self._packed, batch)
