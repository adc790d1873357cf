"""Grades in other processes: recorded answers cost nothing but the grading, which one core bounds.

Answers go out in batches and come back as rows; at most two batches a process are on their way, so memory stays flat. What a
grader says does not depend on where it runs, so the grades are the same as without a pool.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType
from typing import Self

import msgspec

from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case
from pointsman.evaluation.conformance import Conformance
from pointsman.evaluation.grade_rows import grade_row
from pointsman.evaluation.graders.registry import grader
from pointsman.evaluation.grading_seam import Grader
from pointsman.evaluation.run_log import GradeRow

_BATCH = 200
_AHEAD = 2


class Ungraded(msgspec.Struct, frozen=True):
    """An answer that waits for its grade."""

    case: Case
    content: bytes
    answer: Answer


class Here:
    """Grades in this process, at once."""

    def __init__(self, chosen: Grader, kept: Callable[[GradeRow], None]) -> None:
        self._grader = chosen
        self._kept = kept
        self._conformance = Conformance()

    async def take(self, one: Ungraded) -> None:
        """Grade an answer and hand its row over."""
        self._kept(_row(self._grader, self._conformance, one))

    async def finish(self) -> None:
        """Nothing waits."""


class Pool:
    """Grades in ``processes`` others. The grader is one of the registry, known there by its name."""

    def __init__(self, chosen: Grader, kept: Callable[[GradeRow], None], processes: int) -> None:
        # Not a fork: this process may have threads (an emulator, the store's writer), which a fork would leave half copied.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, mp_context=context)
        self._name = chosen.name
        self._kept = kept
        self._most = processes * _AHEAD
        self._batch: list[Ungraded] = []
        self._sent: list[asyncio.Future[list[GradeRow]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    async def take(self, one: Ungraded) -> None:
        """Line an answer up; waits where the others are behind."""
        self._batch.append(one)
        if len(self._batch) >= _BATCH:
            self._send()
            while len(self._sent) > self._most:
                await self._oldest()

    async def finish(self) -> None:
        """Wait until every answer is graded."""
        if self._batch:
            self._send()
        while self._sent:
            await self._oldest()

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        self._sent.append(loop.run_in_executor(self._pool, _graded, self._name, self._batch))
        self._batch = []

    async def _oldest(self) -> None:
        for row in await self._sent.pop(0):
            self._kept(row)


def _graded(name: str, batch: list[Ungraded]) -> list[GradeRow]:
    chosen, conformance = grader(name), Conformance()
    return [_row(chosen, conformance, one) for one in batch]


def _row(chosen: Grader, conformance: Conformance, one: Ungraded) -> GradeRow:
    grade = chosen.grade(one.case, one.answer)
    return grade_row(one.case, one.content, one.answer, grade, conformance.conforms(one.case, one.answer))
