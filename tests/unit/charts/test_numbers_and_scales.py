"""How figures are written, and where round values stand."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.charts import numbers
from pointsman.charts.frame import spread
from pointsman.charts.scales import scale, time_ticks
from pointsman.domain.figures import Estimate, Rate


def _plain(text: str) -> str:
    return text.replace(numbers.THIN, " ")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (numbers.count(3_600_000), "3 600 000"),
        (numbers.money(Decimal(1860)), "$1 860.00"),
        (numbers.money(Decimal("0.00042")), "$0.0004"),
        (numbers.money(-0.5), "-$0.50"),
        (numbers.money_round(1912.4), "$1 912"),
        (numbers.money_round(12.4), "$12.40"),
        (numbers.duration(0.31), "0.3 ms"),
        (numbers.duration(640), "640 ms"),
        (numbers.duration(999.7), "1.0 s"),
        (numbers.duration(2100), "2.1 s"),
        (numbers.duration(210_000), "3.5 min"),
        (numbers.seconds(172_800), "2.0 d"),
        (numbers.percent(0.70), "70.0 %"),
        (numbers.points(0.012), "+1.2 pt"),
        (numbers.with_interval(0.013, 0.007, 0.022), "1.3 % (0.7 to 2.2)"),
        (numbers.with_interval(640, 600, 2100, "ms"), "640 ms (600 ms to 2.1 s)"),
        (numbers.with_interval(0.5, None, 0.6), "50.0 %"),
        (numbers.rate(Rate(50, 100)), "50.0 % (40.4 to 59.6)"),
        (numbers.rate(Rate(7, 14)), "too few (n = 14)"),
        (numbers.rate(Rate(0, 0)), "–"),
        (numbers.estimate(Estimate(0.4, 300, "usd", 0.3, 0.5)), "$0.40 ($0.30 to $0.50)"),
        (numbers.on_axis(0.5, "usd"), "$0.5"),
        (numbers.on_axis(25_000, "count"), "25 k"),
        (numbers.on_axis(1500, "ms"), "1.5 s"),
    ],
)
def test_figures_are_written_one_way(said: str, expected: str) -> None:
    assert _plain(said) == expected


@given(st.sampled_from([None, math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("Infinity")]))
def test_what_is_no_number_is_a_dash(value: float | Decimal | None) -> None:
    for write in (
        numbers.count,
        numbers.money,
        numbers.money_round,
        numbers.duration,
        numbers.seconds,
        numbers.percent,
        numbers.points,
    ):
        assert write(value) == "–"


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=8), st.booleans(), st.booleans(), st.integers(1, 12))
def test_a_scale_holds_its_values_and_its_ticks(values: list[float | None], zero: bool, log: bool, most: int) -> None:
    found = scale(values, 10, 200, zero=zero, log=log)
    assert math.isfinite(found.low) and found.low < found.high  # noqa: PT018 - one claim
    for value in values:
        if value is not None and math.isfinite(value):
            assert 10 <= found.at(value) <= 200
    ticks = found.ticks(most)
    assert ticks == sorted(ticks)
    assert len(ticks) <= 4 * most + 3
    assert all(9.9 <= found.at(tick) <= 200.1 for tick in ticks)


def test_round_values_are_one_two_five() -> None:
    assert scale([0, 97], 0, 100, zero=True).ticks(6) == [0, 20, 40, 60, 80, 100]
    assert scale([3, 4200], 0, 100, log=True).ticks(10) == [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
    assert scale([3, 4200], 0, 100, log=True).ticks(3) == [10, 100, 1000]


def test_moments_are_round_in_the_viewers_zone() -> None:
    start = datetime(2026, 11, 21, 22, 30, tzinfo=UTC).timestamp()
    ticks = time_ticks(start, start + 6 * 3600, ZoneInfo("Asia/Kolkata"), 4)
    assert [word for _, word in ticks] == ["04:00", "06:00", "08:00", "10:00"] or next(
        word for _, word in ticks
    ) == "04:00"
    days = time_ticks(start, start + 7 * 86_400, ZoneInfo("America/New_York"), 8)
    assert [word for _, word in days][:2] == ["22 Nov", "23 Nov"]
    assert datetime.fromtimestamp(days[0][0], ZoneInfo("America/New_York")).hour == 0


@given(st.floats(-1e12, 1e13), st.floats(0, 1e11), st.integers(1, 12))
def test_any_stretch_of_time_has_bounded_ticks(start: float, length: float, most: int) -> None:
    ticks = time_ticks(start, start + length, ZoneInfo("Europe/Berlin"), most)
    assert len(ticks) <= 6 * most + 8
    assert [place for place, _ in ticks] == sorted(place for place, _ in ticks)


@given(st.lists(st.floats(0, 100), max_size=12))
def test_names_at_line_ends_keep_apart_and_inside(places: list[float]) -> None:
    found = spread(places, 0, 100)
    gap = min(14.0, 100 / max(1, len(places) - 1))
    assert all(-1e-6 <= place <= 100 + 1e-6 for place in found)
    ordered = sorted(found)
    assert all(b - a >= gap - 1e-6 for a, b in itertools.pairwise(ordered))


def test_bounds_are_fine_enough_to_be_told_apart() -> None:
    assert numbers.with_interval(0.0201, 0.0192, 0.0209, "usd") == "$0.0201 ($0.0192 to $0.0209)"
    assert numbers.with_interval(10.13, 4.94, 22.15, "usd") == "$10.13 ($4.94 to $22.15)"
    assert numbers.with_interval(1120, 1110, 1140, "ms") == "1.12\u202fs (1.11\u202fs to 1.14\u202fs)"
    assert numbers.with_interval(0.02, 0.02, 0.02, "usd") == "$0.02 ($0.02 to $0.02)"
