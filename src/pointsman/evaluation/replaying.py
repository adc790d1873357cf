"""Replays cases on models: every case, every model, every repeat; each answer kept before the next call, then graded.

Nothing is held but counts: cases are read as they are needed, answers go to the run's file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Protocol

import msgspec

from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer, Origin
from pointsman.evaluation.case_file import CaseIndex
from pointsman.evaluation.cases import Case
from pointsman.evaluation.free_run import run_free
from pointsman.evaluation.grading_seam import Grader
from pointsman.evaluation.pools.local import Here
from pointsman.evaluation.pools.seam import Kept, Pool, Ungraded
from pointsman.evaluation.run_log import GradeRow, RunLog, key_of
from pointsman.evaluation.worlds.acting import Acting, Worlds

Pays = Callable[[Decimal], None]
"""Told of a paid call that is about to be made, with the most it may cost."""


class Source(Protocol):
    """What answers: a live model, an emulated or a recorded one.

    ``settings`` is what its answers depend on beside the case: a cached answer is used again only where it is the same.
    """

    name: str
    origin: Origin
    settings: str

    async def answer(self, case: Case, turn: Turn, repeat: int, pays: Pays) -> Answer | None:
        """Return the answer to ``turn`` (the case's own, or a later point of it); None where the spend cap leaves no money."""
        ...


class Tick(msgspec.Struct, frozen=True):
    """One answer, as the progress bar hears of it. ``reused``: it stood in the run already."""

    model: str
    passed: bool | None
    usd: Decimal | None
    error: str | None
    reused: bool


class Job(msgspec.Struct, frozen=True):
    """One answer to get."""

    case: Case
    content: bytes
    source: Source
    repeat: int


class Done(msgspec.Struct, frozen=True):
    """What a replay did. ``left`` answers were not asked for: the spend cap was reached."""

    asked: int
    reused: int
    left: int


class Replay:
    """One pass over the cases. ``told`` hears of every answer. ``pool`` makes what grades them: here, if left out."""

    def __init__(  # noqa: PLR0913 - the parts of a replay, by name
        self,
        *,
        index: CaseIndex,
        sources: Sequence[Source],
        log: RunLog,
        grader: Grader,
        repeats: int = 1,
        at_once: int = 4,
        pool: Callable[[Grader, Kept], Pool] = Here,
        worlds: Worlds | None = None,
        price: Callable[[Answer], Decimal | None] = lambda answer: answer.cost_usd,
        told: Callable[[Tick], None] = lambda tick: None,  # noqa: ARG005 - nobody listens
    ) -> None:
        self._index = index
        self._sources = sources
        self._log = log
        self._grader = grader
        self._repeats = repeats
        self._price = price
        self._told = told
        self._pool = pool
        self._worlds = worlds
        # Recorded answers need no waiting for: one worker keeps them in order.
        self._workers = 1 if all(source.origin == "recorded" for source in sources) else at_once
        self._free = log.head.mode == "free"
        self._asked = self._reused = self._done = 0
        self._flying = 0
        self._back = asyncio.Event()
        self._stopped = False

    async def run(self) -> Done:
        """Get and grade every answer that is not there yet.

        Raises:
            UsageError: a model cannot be asked at all.
        """
        with self._pool(self._grader, self._graded) as self._grading:
            try:
                async with asyncio.TaskGroup() as group:
                    jobs = self._jobs()
                    for _ in range(self._workers):
                        group.create_task(self._work(jobs))
                await self._grading.finish()
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None
        total = len(self._index) * len(self._sources) * self._repeats
        return Done(self._asked, self._reused, total - self._done)

    def _jobs(self) -> Iterator[Job]:
        for case in self._index:
            content = case.content
            for repeat in range(1, self._repeats + 1):
                for source in self._sources:
                    yield Job(case, content, source, repeat)

    async def _work(self, jobs: Iterator[Job]) -> None:
        for job in jobs:
            if self._stopped:
                return
            made: list[str] = []
            answer = await self._answered(job, made)
            while answer is None and self._flying and not self._stopped:
                # What is set aside for calls on their way may not be spent: look again when one of them is back.
                self._back.clear()
                await self._back.wait()
                answer = await self._answered(job, made)
            if answer is None:
                self._stopped = True
                self._back.set()
                return
            self._reused += not made
            self._done += 1
            await self._grade(job, answer)

    async def _answered(self, job: Job, made: list[str]) -> Answer | None:
        """Return the answer of a job; ``made`` takes the keys of the calls that had to be made for it."""
        self._flying += 1
        ask = partial(self._one, job, made)
        try:
            answer = await (run_free(job.case, ask, self._world(job.case)) if self._free else ask(job.case.turn, b""))
        finally:
            self._flying -= 1
        if answer is not None:
            self._back.set()
        return answer

    def _world(self, case: Case) -> Acting | None:
        return None if self._worlds is None else self._worlds.open(case)

    async def _one(self, job: Job, made: list[str], turn: Turn, step: bytes) -> Answer | None:
        """Return one answer: the one kept, or a new one, which is kept before anything else happens."""
        source = job.source
        place = (job.case.id, source.name, job.repeat)
        key = key_of(job.content, place, f"{self._log.head.mode} {source.settings}", step)
        known = self._log.find(key)
        if known is not None:
            return known
        answer = await source.answer(job.case, turn, job.repeat, lambda worst: self._log.sent(key, worst))
        if answer is not None:
            self._asked += 1
            made.append(key)
            self._log.keep(key, answer)
        return answer

    async def _grade(self, job: Job, answer: Answer) -> None:
        if answer.cost_usd is None:
            answer = msgspec.structs.replace(answer, cost_usd=self._price(answer))
        if self._log.is_graded(job.case.id, job.source.name, job.repeat):
            self._told(Tick(job.source.name, None, answer.cost_usd, answer.error, reused=True))
            return
        await self._grading.take(Ungraded(job.case, job.content, answer))

    def _graded(self, row: GradeRow) -> None:
        self._log.keep_grade(row)
        self._told(Tick(row.model, row.passed, row.usd, row.error, reused=False))
