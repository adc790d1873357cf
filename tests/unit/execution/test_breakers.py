from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pointsman.execution.limits.breakers import Breakers, outcome_of_kind
from pointsman.routing.sections_budgets import Breaker as Settings

HERE = "openai/gpt-5-mini"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(**settings: object) -> tuple[Breakers, Clock]:
    clock = Clock()
    return Breakers(Settings.model_validate(settings), clock), clock


def call(breakers: Breakers, outcome: str, endpoint: str = HERE) -> bool:
    report = breakers.enter(endpoint)
    if report is None:
        return False
    report(outcome)  # type: ignore[arg-type]
    return True


def test_failures_in_a_row_open_it_and_a_probe_closes_it() -> None:
    breakers, clock = made(consecutive=3, open_s=10)
    for _ in range(3):
        assert call(breakers, "failed")
    assert breakers.state(HERE) == "open"
    assert not call(breakers, "ok")
    assert breakers.refused() == {HERE: "it kept failing; it is tried again in 10 s"}
    clock.now += 10
    assert breakers.state(HERE) == "half_open"
    assert breakers.refused() == {}
    probe = breakers.enter(HERE)
    assert probe is not None
    assert breakers.enter(HERE) is None, "one call at a time finds out"
    assert breakers.refused() == {HERE: "it kept failing; one call is finding out whether it is back"}
    probe("ok")
    assert breakers.state(HERE) == "closed"
    assert breakers.refused() == {}


def test_a_probe_that_fails_opens_it_longer_up_to_four_times() -> None:
    breakers, clock = made(consecutive=1, open_s=10)
    call(breakers, "failed")
    waits = []
    for _ in range(4):
        clock.now += breakers.due_in(HERE)
        call(breakers, "failed")
        waits.append(breakers.due_in(HERE))
    assert waits == [20, 40, 40, 40]


def test_the_share_counts_only_with_enough_calls_in_the_window() -> None:
    breakers, clock = made(consecutive=100, share=0.5, min_calls=4, window_s=60)
    for outcome in ("failed", "ok", "failed"):
        call(breakers, outcome)
    assert breakers.state(HERE) == "closed"
    clock.now += 61  # those have left the window
    for outcome in ("ok", "failed", "ok"):
        call(breakers, outcome)
    assert breakers.state(HERE) == "closed"
    call(breakers, "failed")
    assert breakers.state(HERE) == "open"


def test_a_probe_that_says_nothing_makes_room_for_the_next() -> None:
    breakers, clock = made(consecutive=1, open_s=5)
    call(breakers, "failed")
    clock.now += 5
    assert call(breakers, "nothing")
    assert breakers.enter(HERE) is not None


def test_somebody_may_try_when_everything_is_open() -> None:
    breakers, _ = made(consecutive=1)
    call(breakers, "failed")
    report = breakers.enter(HERE, force=True)
    assert report is not None
    report("ok")
    assert breakers.state(HERE) == "closed"


def test_switched_off_it_never_opens() -> None:
    breakers, _ = made(enabled=False, consecutive=1)
    for _ in range(5):
        assert call(breakers, "failed")


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("server_error", "failed"),
        ("overloaded", "failed"),
        ("timeout", "failed"),
        ("malformed_reply", "failed"),
        ("invalid_request", "nothing"),
        ("rate_limit", "nothing"),
        ("authentication", "nothing"),
        (None, "nothing"),
    ],
)
def test_only_the_providers_health_counts(kind: str | None, outcome: str) -> None:
    assert outcome_of_kind(kind) == outcome


class BreakerMachine(RuleBasedStateMachine):
    """Against a model kept apart: what must hold whatever the order of calls, reports and time."""

    def __init__(self) -> None:
        super().__init__()
        self.breakers, self.clock = made(consecutive=3, share=0.5, min_calls=6, window_s=30, open_s=10)
        self.running: list[tuple[object, bool]] = []
        self.row = 0

    @rule()
    def begin(self) -> None:
        state, refusal = self.breakers.state(HERE), self.breakers.refusal(HERE)
        report = self.breakers.enter(HERE)
        assert (report is None) == (refusal is not None)
        if state == "closed":
            assert report is not None
        if state == "open":
            assert report is None
        if report is not None:
            self.running.append((report, state == "half_open"))

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 20), outcome=st.sampled_from(["ok", "failed", "nothing"]))
    def end(self, which: int, outcome: str) -> None:
        report, probe = self.running.pop(which % len(self.running))
        before = self.breakers.state(HERE)
        report(outcome)  # type: ignore[operator]
        after = self.breakers.state(HERE)
        if outcome == "nothing":
            assert after == before
        if probe and outcome == "ok":
            assert after == "closed"
        if probe and outcome == "failed" and before != "closed":
            assert after == "open"
        if before == "open" and not probe:
            assert after == "open", "a call from before it opened tells nothing new"
        self.row = self.row + 1 if outcome == "failed" else 0 if outcome == "ok" else self.row

    @rule(seconds=st.sampled_from([1.0, 9.0, 10.0, 45.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def at_most_one_probe(self) -> None:
        if self.breakers.state(HERE) == "half_open":
            assert sum(probe for _, probe in self.running) <= 1

    @invariant()
    def it_is_never_open_for_ever(self) -> None:
        assert 0 <= self.breakers.due_in(HERE) <= 40

    @invariant()
    def closed_means_nobody_is_told_otherwise(self) -> None:
        assert (HERE in self.breakers.refused()) == (self.breakers.refusal(HERE) is not None)


TestBreakerMachine = BreakerMachine.TestCase
