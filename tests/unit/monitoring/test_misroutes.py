from __future__ import annotations

import random

import pytest

from pointsman.domain.intervals import wilson
from pointsman.monitoring.misroutes import FEW_LABELS, Unit, errors_of, misroutes


def units(n: int, hits: int, probability: float = 0.1, **more: object) -> list[Unit]:
    return [Unit(probability, at < hits, f"c{at}", **more) for at in range(n)]  # type: ignore[arg-type]


def test_without_certain_turns_it_is_wilsons_interval() -> None:
    found = misroutes(units(100, 3), 1_000)
    low, high = wilson(3, 100) or (0, 0)
    assert [found.value, found.low, found.high] == pytest.approx([0.03, low, high])
    assert (found.n, found.chosen, found.turns, found.hits) == (100, 100, 1_000, 3)


def test_low_confidence_turns_stand_for_themselves_only() -> None:
    sure = units(50, 25, probability=1.0)
    chance = [Unit(0.01, at < 1, f"d{at}") for at in range(100)]
    found = misroutes(sure + chance, 10_050)
    # The plain share would be 26 / 150.
    assert found.value == pytest.approx((25 + 10_000 * 0.01) / 10_050)


def test_no_evidence_is_no_number() -> None:
    assert misroutes([], 100).value is None
    only_certain = misroutes(units(5, 1, probability=1.0), 100)
    assert only_certain.value is None
    assert "chance" in only_certain.why
    nobody = misroutes([Unit(0.1, None), Unit(0.1, None)], 20)
    assert (nobody.value, nobody.n, nobody.chosen) == (None, 0, 2)


def test_what_was_not_checked_is_bounded() -> None:
    found = misroutes([*units(80, 8), *[Unit(0.1, None, f"m{n}") for n in range(20)]], 1_000)
    assert found.value == pytest.approx(0.1)
    assert [found.if_fine, found.if_bad] == pytest.approx([0.08, 0.28])


def test_turns_of_one_conversation_are_worth_less() -> None:
    apart = misroutes(units(100, 20), 1_000)
    joined = misroutes([Unit(0.1, at < 20, f"c{at // 20}") for at in range(100)], 1_000)
    assert apart.low is not None
    assert joined.low is not None
    assert joined.low < apart.low
    assert joined.value == apart.value


def test_a_judge_that_errs_is_corrected_by_people() -> None:
    chance = random.Random(5)
    made = []
    for at in range(1_500):
        human = chance.random() < 0.1
        judged = human if chance.random() < 0.85 else not human  # right 85 % of the time, either way
        seen = judged or chance.random() < 0.4
        made.append(Unit(0.1, judged, f"c{at}", human if seen else None, 1.0 if judged else 0.4))
    plain, fixed = misroutes(made, 15_000), misroutes(made, 15_000, errors_of(made))
    assert plain.value == pytest.approx(0.22, abs=0.03)
    assert fixed.value == pytest.approx(0.10, abs=0.02)
    assert fixed.labels > 100
    assert fixed.low is not None
    assert fixed.high is not None
    assert fixed.low < 0.1 < fixed.high


def test_few_labels_correct_nothing() -> None:
    few = [Unit(0.1, at % 2 == 0, str(at), human=True, review=1.0) for at in range(2 * FEW_LABELS - 2)]
    assert errors_of(few) is None
