from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.monitoring.shadow.draw import Recent, Shares, draw, number

SALT = b"0123456789abcdef"
SHARES = Shares(low=0.05, everyone=0.01)


def low_share(stream: list[float], window: int = 500) -> float:
    """Return which share of a stream the running quantile chooses, in expectation over the draw."""
    recent, chosen = Recent(window=window), 0.0
    for one in stream:
        chosen += recent.chance(one, 0.05)
        recent.add(one)
    return chosen / len(stream)


@pytest.mark.parametrize("kind", ["spread", "few values", "one value", "near one"])
def test_the_lowest_share_is_chosen_whatever_the_confidences_look_like(kind: str) -> None:
    chance = random.Random(7)
    makes: dict[str, Callable[[], float]] = {
        "spread": chance.random,
        "few values": lambda: chance.choice([0.75, 0.9, 0.95]),
        "one value": lambda: 0.9,
        "near one": lambda: 1 - chance.random() / 1000,
    }
    make = makes[kind]
    assert low_share([make() for _ in range(4_000)]) == pytest.approx(0.05, abs=0.008)


def test_a_drifting_stream_is_followed() -> None:
    chance = random.Random(8)
    falling = [0.9 - n / 8_000 + chance.random() * 0.1 for n in range(3_000)]
    after = [0.3 + chance.random() * 0.1 for _ in range(2_000)]
    recent = Recent(window=500)
    for one in falling:
        recent.add(one)
    # A constant threshold that suited the beginning would choose every turn by now, or (rising) none.
    shares = []
    for one in after:
        shares.append(recent.chance(one, 0.05))
        recent.add(one)
    assert sum(shares[:200]) / 200 > 0.2  # all of them are lower than what was known
    assert sum(shares[600:]) / len(shares[600:]) == pytest.approx(0.05, abs=0.01)


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0, 1), st.floats(0.001, 1))
def test_every_turn_can_be_chosen_and_its_probability_is_what_is_stored(
    before: list[float], confidence: float, floor: float
) -> None:
    recent = Recent(before)
    drawn = draw("turn", confidence, recent, Shares(0.05, floor), SALT)
    low = recent.chance(confidence, 0.05)
    assert floor - 1e-12 <= drawn.probability <= 1
    assert drawn.probability == pytest.approx(low + (1 - low) * floor)


def test_the_draw_keeps_to_its_probability() -> None:
    recent = Recent(n / 100 for n in range(100))
    drawn = [draw(f"turn {n}", 0.05, recent, Shares(0.055, 0.1), SALT) for n in range(4_000)]
    probability = drawn[0].probability
    assert 0.2 < probability < 0.8
    assert sum(one.why is not None for one in drawn) / 4_000 == pytest.approx(probability, abs=0.03)


def test_the_same_turn_is_drawn_alike_and_another_salt_draws_otherwise() -> None:
    assert number("turn 1", "low", SALT) == number("turn 1", "low", SALT)
    assert number("turn 1", "low", SALT) != number("turn 1", "floor", SALT) != number("turn 1", "floor", b"x" * 16)


def test_unknown_confidence_takes_part_in_the_floor() -> None:
    assert draw("t", None, Recent(), SHARES, SALT).probability == 0.01
    assert draw("t", None, Recent(), Shares(0.05, 0.01, unknown=0.2), SALT).probability == 0.2
