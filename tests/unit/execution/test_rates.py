from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.rates import Allowance, RateState
from pointsman.errors import RateLimited
from pointsman.execution.limits.rates import Rates, duration
from pointsman.execution.limits.scopes import Scopes
from pointsman.routing.sections_budgets import Rate

BOT = Scopes("t", key="bot")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def rates(clock: Clock, **fields: object) -> Rates:
    return Rates([Rate.model_validate({"of": "key"} | fields)], clock)


def test_no_more_turns_than_allowed_and_the_wait_is_exact() -> None:
    clock = Clock()
    limits = rates(clock, requests_per_minute=2)
    limits.admit(BOT)
    clock.now += 10
    limits.admit(BOT)
    with pytest.raises(RateLimited, match="key bot: at most 2 requests a minute") as caught:
        limits.admit(BOT)
    assert caught.value.retry_after == 50
    assert caught.value.rates == RateState(requests=Allowance(2, 0, 60))
    limits.admit(Scopes("t", key="another"))
    clock.now += 50
    limits.admit(BOT)


def test_tokens_are_reserved_and_corrected() -> None:
    clock = Clock()
    limits = rates(clock, tokens_per_minute=1000)
    ticket = limits.take(BOT, 900)
    assert limits.room(BOT) == 100
    with pytest.raises(RateLimited, match="900 are used, this call may take up to 200 tokens") as caught:
        limits.take(BOT, 200)
    assert caught.value.retry_after == 60
    ticket.settle(150)
    assert limits.room(BOT) == 850
    limits.take(BOT, 850).settle(None)
    assert limits.state(BOT) == RateState(tokens=Allowance(1000, 0, 60))


def test_a_call_larger_than_the_limit_is_told_so_and_not_to_wait() -> None:
    limits = rates(Clock(), tokens_per_minute=1000)
    for tokens in (1001, None):
        with pytest.raises(RateLimited, match="set a smaller limit for the reply") as caught:
            limits.take(BOT, tokens)
        assert caught.value.retry_after is None


def test_a_late_correction_changes_nothing_that_has_left_the_window() -> None:
    clock = Clock()
    limits = rates(clock, tokens_per_minute=1000)
    ticket = limits.take(BOT, 500)
    clock.now += 61
    assert limits.room(BOT) == 1000
    ticket.settle(900)
    assert limits.room(BOT) == 1000


def test_durations_as_openai_writes_them() -> None:
    assert [duration(s) for s in (0, 0.02, 1, 59.2, 360)] == ["0ms", "20ms", "1s", "1m0s", "6m0s"]


@given(st.lists(st.tuples(st.floats(0, 40), st.integers(1, 400)), max_size=60))
def test_in_no_minute_more_than_the_limit(calls: list[tuple[float, int]]) -> None:
    clock = Clock()
    limits = rates(clock, tokens_per_minute=1000)
    passed: deque[tuple[float, int]] = deque()
    for wait, tokens in calls:
        clock.now += wait
        try:
            limits.take(BOT, tokens)
        except RateLimited as error:
            clock.now += (error.retry_after or 0) + 1e-6  # floats: the sum may fall short by a hair
            limits.take(BOT, tokens)
        passed.append((clock.now, tokens))
        assert sum(amount for at, amount in passed if at > clock.now - 60) <= 1000
