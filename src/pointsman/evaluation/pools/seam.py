"""What a pool is: it takes answers, and hands back their grades in the order in which they came."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Protocol, Self

import msgspec

from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case
from pointsman.evaluation.conformance import Conformance
from pointsman.evaluation.grade_rows import grade_row
from pointsman.evaluation.graders.registry import grader, graders
from pointsman.evaluation.grading_seam import Grader
from pointsman.evaluation.run_log import GradeRow

BATCH = 200
"""Answers that travel together."""
AHEAD = 2
"""Batches a worker may have on their way: memory stays flat, and nobody waits."""

Kept = Callable[[GradeRow], None]


class Ungraded(msgspec.Struct, frozen=True):
    """An answer that waits for its grade."""

    case: Case
    content: bytes
    answer: Answer


class Pool(Protocol):
    """Grades answers, somewhere. Rows come in the order of the answers: a run's files do not tell which pool it had."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *failure: object) -> None: ...

    async def take(self, one: Ungraded) -> None:
        """Line an answer up; waits where the others are behind."""
        ...

    async def finish(self) -> None:
        """Wait until every answer is graded."""
        ...


class Batches:
    """What pools of other workers share: answers travel in batches, and their rows come back in the order of sending."""

    def __init__(self, kept: Kept, workers: int, send: Callable[[list[Ungraded]], Awaitable[list[GradeRow]]]) -> None:
        self._kept = kept
        self._most = workers * AHEAD
        self._send = send
        self._batch: list[Ungraded] = []
        self._sent: deque[Awaitable[list[GradeRow]]] = deque()

    async def take(self, one: Ungraded) -> None:
        """Line an answer up; waits where the workers are behind."""
        self._batch.append(one)
        if len(self._batch) >= BATCH:
            self._off()
            while len(self._sent) > self._most:
                await self._oldest()

    async def finish(self) -> None:
        """Wait until every answer is graded."""
        if self._batch:
            self._off()
        while self._sent:
            await self._oldest()

    def _off(self) -> None:
        self._sent.append(self._send(self._batch))
        self._batch = []

    async def _oldest(self) -> None:
        for row in await self._sent.popleft():
            self._kept(row)


def grade_here(chosen: Grader, conformance: Conformance, one: Ungraded) -> GradeRow:
    """Return the row of one answer."""
    grade = chosen.grade(one.case, one.answer)
    return grade_row(one.case, one.content, one.answer, grade, conformance.conforms(one.case, one.answer))


def packed(chosen: Grader) -> bytes:
    """Return a grader as bytes, for workers that share no memory with us: those of the registry by their names."""
    return pickle.dumps(chosen.name if chosen in graders() else chosen)


def grade_batch(packed_grader: bytes, batch: list[Ungraded]) -> list[GradeRow]:
    """Return the rows of a batch; what a worker does."""
    chosen, conformance = _unpacked(packed_grader)
    return [grade_here(chosen, conformance, one) for one in batch]


@lru_cache(maxsize=4)
def _unpacked(packed_grader: bytes) -> tuple[Grader, Conformance]:
    # Kept from batch to batch with its compiled schemas. The bytes come from `packed`, in our own process.
    chosen = pickle.loads(packed_grader)  # noqa: S301
    return (grader(chosen) if isinstance(chosen, str) else chosen), Conformance()
