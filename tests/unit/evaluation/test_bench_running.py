from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.turn import Turn
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Job, Purse
from pointsman.evaluation.bench_running import price_list, run_jobs


def _job(number: int, model: str = "a/m") -> Job:
    return Job(str(number), model, Turn(()))


def test_answers_come_in_the_order_of_the_jobs_and_few_are_asked_at_once() -> None:
    under_way = most = 0

    async def ask(job: Job) -> Answer | None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(5 - int(job.case_id) % 5):
            await asyncio.sleep(0)
        under_way -= 1
        return Answer(job.case_id, job.model, job.repeat, "simulated")

    run = asyncio.run(run_jobs([_job(n) for n in range(20)], ask, at_once=3))
    assert [one.job.case_id for one in run.made] == [str(n) for n in range(20)]
    assert (most, run.left) == (3, 0)


def test_jobs_beyond_the_cap_are_counted_as_left() -> None:
    async def ask(job: Job) -> Answer | None:
        return Answer(job.case_id, job.model, 1, "live") if int(job.case_id) < 4 else None

    run = asyncio.run(run_jobs([_job(n) for n in range(10)], ask, at_once=1))
    assert (len(run.made), run.left) == (4, 6)


def test_a_mistake_of_the_caller_ends_the_run_as_itself() -> None:
    async def ask(job: Job) -> Answer | None:
        raise UsageError("no price")

    with pytest.raises(UsageError, match="no price"):
        asyncio.run(run_jobs([_job(n) for n in range(5)], ask))


@given(
    st.integers(0, 1000),
    st.lists(st.tuples(st.integers(0, 300), st.one_of(st.none(), st.integers(0, 300)), st.integers(0, 3)), max_size=40),
)
def test_a_purse_is_never_overdrawn(cap: int, calls: list[tuple[int, int | None, int]]) -> None:
    """No call costs more than its worst case; calls end in another order than they began."""
    purse = Purse(Decimal(cap) / 10**12)
    open_calls: list[tuple[int, int | None]] = []
    for worst, actual, ended in calls:
        if purse.take(worst):
            open_calls.append((worst, None if actual is None else min(actual, worst)))
        for _ in range(min(ended, len(open_calls))):
            purse.settle(*open_calls.pop(0))
        assert purse.spent * 10**12 <= cap
    for worst, cost in open_calls:
        purse.settle(worst, cost)
    assert purse.spent * 10**12 <= cap


def test_a_price_list_does_not_know_the_price_of_a_model_with_one_unknown_call() -> None:
    jobs = [_job(1), _job(1, "b/m"), _job(2)]
    prices = price_list(jobs, lambda job: Decimal(1) if job.model == "a/m" else None, lambda job: Decimal(2))
    assert [(one.model, one.calls, one.usual_usd, one.worst_usd) for one in prices] == [
        ("a/m", 2, Decimal(2), Decimal(4)),
        ("b/m", 1, None, Decimal(2)),
    ]
