"""The clock of a stream's pauses: what is late is cut off, what is not goes on, and nobody's cancellation is lost."""

from __future__ import annotations

import asyncio

import pytest

from pointsman.execution.stall import StallClock


async def _never() -> None:
    await asyncio.Event().wait()


def test_a_wait_that_is_too_long_is_a_timeout_and_the_task_goes_on() -> None:
    async def test() -> None:
        clock = StallClock()
        for _ in range(2):
            with pytest.raises(TimeoutError), clock.within(0.01):
                await _never()
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        clock.close()

    asyncio.run(test())


def test_waits_that_end_in_time_are_left_alone_also_after_the_first_limit() -> None:
    async def test() -> None:
        clock, loop = StallClock(), asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + 0.1:
            with clock.within(0.03):
                await asyncio.sleep(0)
        clock.close()

    asyncio.run(test())


def test_time_between_two_waits_does_not_count() -> None:
    async def test() -> None:
        clock, rung = StallClock(), asyncio.Event()
        with clock.within(0.01):
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.03, rung.set)
        await rung.wait()
        with clock.within(5):
            await asyncio.sleep(0)
        clock.close()

    asyncio.run(test())


def test_a_shorter_limit_is_kept_after_a_longer_one() -> None:
    async def test() -> None:
        clock = StallClock()
        with clock.within(60):
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), clock.within(0.01):
            await _never()
        clock.close()

    asyncio.run(test())


def test_a_cancellation_from_outside_stays_one() -> None:
    async def test() -> None:
        clock, waiting = StallClock(), asyncio.Event()

        async def wait() -> None:
            with clock.within(60):
                waiting.set()
                await _never()

        task = asyncio.create_task(wait())
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        clock.close()

    asyncio.run(test())


def test_another_failure_is_passed_on() -> None:
    async def test() -> None:
        clock = StallClock()
        with pytest.raises(KeyError), clock.within(60):
            raise KeyError
        clock.close()

    asyncio.run(test())
