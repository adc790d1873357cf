"""Which of two calls wins, and how many second calls there may be."""

from __future__ import annotations

import asyncio

import pytest

from pointsman.errors import BudgetExceeded, PointsmanError, ProviderError
from pointsman.execution.hedging import Hedge, Try, race

DOWN = ProviderError("down", kind="server_error")
NEVER = object()


async def outcome(what: object, cut: list[object], name: int) -> PointsmanError | None:
    if what is NEVER:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cut.append(name)
            raise
    if isinstance(what, BudgetExceeded):
        raise what
    assert what is None or isinstance(what, PointsmanError)
    return what


async def late(what: object, cut: list[object]) -> PointsmanError | None:
    """The first call, whose end comes when the second one's does."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return await outcome(what, cut, 0)


@pytest.mark.parametrize(
    ("first", "second", "won", "error", "cut"),
    [
        (None, None, 0, None, []),
        (None, DOWN, 0, None, []),
        (DOWN, None, 1, None, []),
        (DOWN, DOWN, None, DOWN, []),
        (NEVER, None, 1, None, [0]),
        (None, NEVER, 0, None, [1]),
        (BudgetExceeded("no"), None, 1, None, []),
        (DOWN, BudgetExceeded("no"), None, DOWN, []),
    ],
)
def test_the_first_content_wins(first: object, second: object, won: int | None, error: object, cut: list[int]) -> None:
    left: list[object] = []

    async def run() -> None:
        def other() -> Try:
            return outcome(second, left, 1)

        assert await race(late(first, left), other, Hedge(0, 1)) == (won, error)
        assert len(asyncio.all_tasks()) == 1, "nothing goes on beside it"

    asyncio.run(run())
    assert left == cut


def test_an_error_that_forbids_the_call_is_raised() -> None:
    async def run() -> None:
        await race(late(BudgetExceeded("no"), []), lambda: outcome(DOWN, [], 1), Hedge(0, 1))

    with pytest.raises(BudgetExceeded):
        asyncio.run(run())


def test_who_waits_for_both_may_leave() -> None:
    left: list[object] = []

    async def run() -> None:
        racing = asyncio.ensure_future(race(late(NEVER, left), lambda: outcome(NEVER, left, 1), Hedge(0, 1)))
        for _ in range(6):
            await asyncio.sleep(0)
        racing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await racing
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())
    assert left == [0, 1]


def test_second_calls_are_a_share_of_the_turns() -> None:
    hedge = Hedge(1, 0.05)
    made = 0
    for _ in range(1000):
        hedge.count()
        made += hedge.take()
    assert made == 51, "one at the start, then 5 %"
    for _ in range(10_000):
        hedge.count()
    assert sum(hedge.take() for _ in range(100)) == 5, "a quiet day saves up no more than the share of 100 turns"
