from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from pointsman.monitoring.drift.canary import Nightly, judged
from pointsman.monitoring.drift.mix import compared, psi
from pointsman.monitoring.drift.rates import discoveries, scan
from pointsman.monitoring.drift.served import changes
from pointsman.monitoring.monitors.tallies import MemoryCounts, Source
from pointsman.store.canaries import Night
from pointsman.store.tallies import Sighting, Tally

DAY = 86_400_000_000
MODEL = "openai/gpt-5-mini"


def night(at: int, passed: int, served: str = "gpt-5-mini-2025-08-07", n: int = 100, cases: str = "v1") -> Night:
    return Night(at * DAY, MODEL, cases, False, n, passed, (), {served: n} if n else {}, Decimal("0.1"))


def test_another_model_id_is_told_before_accuracy() -> None:
    found = judged([night(1, 95), night(2, 94), night(3, 60, served="gpt-5-mini-2026-11-01")], 0.03)
    assert found.state == "firing"
    assert found.text.startswith(
        "openai/gpt-5-mini is served as gpt-5-mini-2026-11-01, before as gpt-5-mini-2025-08-07; 60 of 100"
    )


def test_accuracy_must_fall_by_the_floor_and_beyond_chance() -> None:
    before = [night(1, 95), night(2, 95), night(3, 95)]
    assert judged([*before, night(4, 78)], 0.03).state == "firing"
    assert judged([*before, night(4, 91)], 0.03).state == "fine"  # four points, and chance may do that
    assert judged([*before, night(4, 95)], 0.03).state == "recovered"
    assert judged([night(1, 95), night(2, 50)], 0.03).state == "unknown"  # one night is no habit
    assert judged([*before, night(4, 50, cases="v2")], 0.03).state == "unknown"  # other cases are not compared
    assert judged([*before, night(4, 0, n=0)], 0.03).state == "unknown"


def test_a_night_is_due_once_and_made_up_for() -> None:
    three = Nightly.at("03:00")
    day = 20_000 * DAY
    assert three.due(None, day)
    assert not three.due(day + 4 * 3_600_000_000, day + 20 * 3_600_000_000)
    assert three.due(day - DAY, day + 5 * 3_600_000_000)


def sighting(served: str, first: int, n: int) -> Sighting:
    return Sighting(MODEL, False, served, first, first + 1000, n)


def test_a_new_id_on_ordinary_traffic_is_told_once_it_is_no_slip() -> None:
    old, new = sighting("a", 10 * DAY, 1000), sighting("b", 30 * DAY, 3)
    [found] = changes([old, new], {}, 30 * DAY + 5)
    assert "answers as b" in found.text
    assert changes([old, sighting("b", 30 * DAY, 2)], {}, 30 * DAY + 5) == []
    assert changes([old, new], {MODEL: 30 * DAY + 1}, 30 * DAY + 5) == []  # somebody has resolved it
    assert changes([old, new], {}, 32 * DAY) == []
    assert changes([sighting("a", 30 * DAY, 5), new], {}, 30 * DAY + 5) == []  # two from the start


def test_psi_needs_five_hundred_turns() -> None:
    base = {"a": 700, "b": 300}
    assert compared("intent", {"a": 300, "b": 100}, base).psi is None
    moved = compared("intent", {"a": 200, "b": 400}, base)
    assert moved.psi == pytest.approx(psi({"a": 200, "b": 400}, base))
    assert moved.psi == pytest.approx(0.5633, abs=1e-3)
    assert moved.most in {"a", "b"}


def test_psi_is_quiet_where_nothing_moved() -> None:
    chance = random.Random(3)
    kinds, weights = "abcdefgh", [40, 20, 12, 8, 8, 6, 4, 2]

    def draw(n: int) -> Counter[str]:
        return Counter(chance.choices(kinds, weights, k=n))

    assert sum(psi(draw(500), draw(2000)) > 0.1 for _ in range(100)) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_discoveries_are_benjamini_hochbergs(values: list[float]) -> None:
    assert discoveries(values, 0.05) == multipletests(values, 0.05, method="fdr_bh")[0].tolist()


def test_what_is_unknown_is_no_discovery_and_no_test() -> None:
    assert discoveries([None, 0.04, None], 0.05) == [False, True, False]
    assert discoveries([], 0.05) == []


def test_a_changed_rate_is_found_where_it_changed_and_steady_ones_are_not() -> None:
    chance = random.Random(5)
    source = Source("tool_calls", per="model")
    counts = MemoryCounts()
    for hour in range(24 * 14):
        for series in ("steady/1", "steady/2", "steady/3", "changed/4"):
            share = 0.85 if series == "changed/4" and hour >= 200 else 0.97
            hits = sum(chance.random() < share for _ in range(100))
            counts.add(source, 600_000 + hour * 60, Tally(100, hits), series)
    counts.add(source, 600_000 + 24 * 14 * 60, Tally(100, 10), "young/5")
    found = {one.series: one for one in scan(counts, [source], 600_000, 600_000 + 24 * 14 * 60 + 60)}
    changed = found["changed/4"]
    assert changed.told
    assert changed.at is not None
    assert abs((changed.at - 600_000) / 60 - 200) <= 3
    assert [one.series for one in found.values() if one.told] == ["changed/4"]
    assert found["young/5"].p is None
