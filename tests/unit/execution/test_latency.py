"""What is learned of first-token times."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.record import StepRecord
from pointsman.domain.usage import Usage
from pointsman.execution.routes.latency import LEAST, LatencyBook, Sketch


def step(ms: float, prompt: int = 100, cached: int = 0, **more: str) -> StepRecord:
    usage = Usage(input_uncached=prompt - cached, output=5, cache_read=cached)
    fields = {"purpose": "reply", "model": "a/x", "status": "ok"} | more
    return StepRecord(**fields, duration_ms=ms, ttft_ms=ms, usage=usage)  # type: ignore[arg-type]


@given(st.lists(st.floats(1, 60_000), min_size=LEAST, max_size=300), st.floats(0.05, 0.99))
def test_a_quantile_is_right_to_within_a_twentieth(values: list[float], share: float) -> None:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    found = sketch.quantile(share)
    assert found is not None
    exact = sorted(values)
    place = min(len(exact) - 1, max(0, -(-int(share * len(exact) * 1e9) // 10**9) - 1))
    near = exact[max(0, place - 1) : place + 2]
    assert min(near) * 0.94 <= found <= max(near) * 1.06


def test_too_few_say_nothing() -> None:
    book = LatencyBook()
    book.learn([step(100)] * (LEAST - 1))
    assert book.first_ms("a/x", 100) is None
    book.learn([step(100)])
    assert book.first_ms("a/x", 100) == pytest.approx(100, rel=0.05)
    assert book.first_ms("a/x", 100_000) is None
    assert book.first_ms("a/y", 100) is None


def test_warm_and_cold_are_kept_apart() -> None:
    book = LatencyBook()
    book.learn([step(900)] * LEAST + [step(100, cached=90)] * LEAST)
    assert book.predict("a/x")("a/x", 100) == pytest.approx(100, rel=0.05)
    assert book.predict(None)("a/x", 100) == pytest.approx(900, rel=0.05)


def test_it_follows_a_provider_that_grows_slower() -> None:
    book = LatencyBook()
    chance = random.Random(7)
    for base in (100, 1000):
        book.learn([step(base * chance.uniform(0.9, 1.1)) for _ in range(2000)])
    assert (book.first_ms("a/x", 100, share=0.5) or 0) > 800


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    now = [0.0]
    book = LatencyBook(lambda: now[0])
    book.learn([step(5000)] * LEAST)
    now[0] = 601
    assert book.first_ms("a/x", 100) is None
    book.learn([step(100)])
    assert book.first_ms("a/x", 100) is None


def test_a_call_cut_off_took_at_least_that_long() -> None:
    book = LatencyBook()
    cut = StepRecord("plan", "a/x", "error", duration_ms=300, error_code="timeout")
    failed = StepRecord("plan", "a/x", "error", duration_ms=1, error_code="server_error")
    book.learn([cut, failed] * LEAST)
    assert book.whole_ms("a/x", "plan") == pytest.approx(300, rel=0.05)
