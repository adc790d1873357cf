"""Runs the calls of a bench, several at once, until they are done or the money is spent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from decimal import Decimal

import msgspec

from pointsman.errors import PointsmanError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Job

AskJob = Callable[[Job], Awaitable[Answer | None]]
"""Answers a job; None where it may not be asked any more."""

Told = Callable[[Job, Answer], None]
"""Hears of every answer, as it comes."""


class Made(msgspec.Struct, frozen=True):
    """A job that was asked, with its answer."""

    job: Job
    answer: Answer


class BenchRun(msgspec.Struct, frozen=True):
    """What was asked, in the order of the jobs. ``left`` jobs were not asked: the cap was reached."""

    made: tuple[Made, ...]
    left: int = 0


async def run_jobs(jobs: Sequence[Job], ask: AskJob, *, at_once: int = 4, told: Told | None = None) -> BenchRun:
    """Ask every job, at most ``at_once`` of them together. The order of the result is that of ``jobs``.

    Raises:
        UsageError: as ``ask``.
    """
    found: dict[int, Made] = {}
    waiting = iter(enumerate(jobs))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(jobs))):
                group.create_task(_worker(waiting, ask, found, told))
    except* PointsmanError as errors:
        raise errors.exceptions[0] from None
    made = tuple(found[place] for place in sorted(found))
    return BenchRun(made, len(jobs) - len(made))


async def _worker(waiting: Iterator[tuple[int, Job]], ask: AskJob, found: dict[int, Made], told: Told | None) -> None:
    for place, job in waiting:
        answer = await ask(job)
        if answer is None:
            return
        found[place] = Made(job, answer)
        if told is not None:
            told(job, answer)


class Price(msgspec.Struct, frozen=True):
    """What one model's calls cost before they are made, in dollars: usually, and at worst. None: unknown."""

    model: str
    calls: int
    usual_usd: Decimal | None
    worst_usd: Decimal | None


def price_list(
    jobs: Sequence[Job], usual: Callable[[Job], Decimal | None], worst: Callable[[Job], Decimal | None]
) -> tuple[Price, ...]:
    """Return the price of the jobs by model, in the order of their first call."""
    names = tuple(dict.fromkeys(job.model for job in jobs))
    by_model = {name: [job for job in jobs if job.model == name] for name in names}
    return tuple(
        Price(name, len(mine), total([usual(job) for job in mine]), total([worst(job) for job in mine]))
        for name, mine in by_model.items()
    )


def total(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum of dollars; None where one of them is unknown."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None
