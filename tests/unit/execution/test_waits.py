from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import ProviderError
from pointsman.execution.hop import _wait


@given(st.floats(0, 600), st.integers(2, 5), st.integers())
def test_the_providers_wish_is_kept_and_spread_a_little(wish: float, attempt: int, seed: int) -> None:
    random.seed(seed)
    assert wish <= _wait(ProviderError("x", retry_after=wish), attempt) <= wish * 1.1 + 1e-9


def test_without_a_wish_the_jitter_is_full() -> None:
    random.seed(7)
    waits = [_wait(ProviderError("x"), 2) for _ in range(2_000)]
    assert 0 <= min(waits) < 0.02, "not all come back at once: some at once"
    assert 0.48 < max(waits) <= 0.5
    assert 0.23 < sum(waits) / len(waits) < 0.27
