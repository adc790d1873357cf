"""Judges against people: what is corrected covers the truth, whatever was labelled first."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from pointsman.evaluation.judging_corrected import Seen, corrected_rate, weighted_kappa
from pointsman.evaluation.judging_standing import LEAST_LABELS, missing, seen_of
from pointsman.evaluation.label_queue import places
from pointsman.evaluation.statistics.agreement import cohen_kappa
from pointsman.store.labels import PREFERENCE, Judgement

VALUES = {"a": -1.0, "b": 1.0, "same": 0.0}


def judged(truth: Sequence[str], seed: int, wrong: float) -> list[Judgement]:
    """A judge that is biased towards b where it errs, and flips on a part of what it errs on."""
    chance = random.Random(seed)
    found = []
    for number, right in enumerate(truth):
        errs = chance.random() < wrong
        flipped = errs and chance.random() < 0.5
        verdict = "tie" if flipped else "b" if errs else right
        found.append(Judgement(str(number), "j", "v", PREFERENCE, verdict, 0, flipped))
    return found


def test_the_corrected_interval_covers_the_truth_where_the_judge_is_biased() -> None:
    covered = raw_covered = 0
    runs = 120
    for seed in range(runs):
        chance = random.Random(seed)
        truth = chance.choices(["a", "b", "same"], [0.5, 0.3, 0.2], k=400)
        said = judged(truth, seed, 0.3)
        order = places([(one.item_id, bool(one.flipped)) for one in said], seed=str(seed))
        chosen = sorted(order, key=order.__getitem__)[:120]
        found = corrected_rate(seen_of(said, {item: truth[int(item)] for item in chosen}))
        assert found.low is not None
        assert found.high is not None
        assert found.raw is not None
        covered += found.low <= -0.2 <= found.high
        raw_covered += abs(found.raw + 0.2) < 0.08
    assert covered / runs > 0.9
    assert raw_covered / runs < 0.3  # the judge's own figure is far off


def test_a_stratum_without_labels_is_named() -> None:
    seen = [Seen("decided", "b", 1.0, n, "b", 1.0) for n in range(30)]
    seen += [Seen("flipped", "same", 0.0, f"f{n}") for n in range(30)]
    found = corrected_rate(seen)
    assert found.rate is None
    assert found.why == "0 of the 30 flipped items are labelled, 5 are needed"


def test_perfect_agreement_on_few_labels_keeps_an_interval() -> None:
    seen = [Seen("decided", "b", 1.0, n, *(("b", 1.0) if n < 20 else (None, None))) for n in range(200)]
    found = corrected_rate(seen)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 0.1


def test_kappa_stands_for_all_items_where_flips_are_labelled_more_often() -> None:
    gaps: list[float] = []
    naive: list[float] = []
    for seed in range(6):
        truth = random.Random(seed).choices(["a", "b", "same"], k=400)
        said = judged(truth, seed, 0.4)
        everything = seen_of(said, {str(n): value for n, value in enumerate(truth)})
        whole = weighted_kappa(everything)
        assert whole == cohen_kappa([one.judged for one in everything], [one.human or "" for one in everything])
        order = places([(one.item_id, bool(one.flipped)) for one in said], seed=str(seed))
        chosen = sorted(order, key=order.__getitem__)[:200]
        seen = seen_of(said, {item: truth[int(item)] for item in chosen})
        part = weighted_kappa(seen)
        known = [(one.judged, one.human or "") for one in seen if one.human is not None]
        unweighted = cohen_kappa([judged_as for judged_as, _ in known], [human for _, human in known])
        for found, into in ((part, gaps), (unweighted, naive)):
            assert found is not None
            assert found.kappa is not None
            assert whole.kappa is not None
            into.append(found.kappa - whole.kappa)
    assert abs(sum(gaps) / 6) < 0.05
    assert sum(naive) / 6 < -0.1  # as if the flips were everything


def test_what_is_missing_is_said_with_its_number() -> None:
    assert missing(37) == ("37 labels, 100 needed (`pointsman label`)",)
    assert missing(LEAST_LABELS) == ()


def test_the_queue_mixes_two_of_three_and_is_random_inside() -> None:
    order = places([(f"u{n}", True) for n in range(50)] + [(f"r{n}", False) for n in range(500)])
    first = sorted(order, key=order.__getitem__)[:60]
    assert sum(name.startswith("u") for name in first) == pytest.approx(40, abs=2)
    assert [name for name in first if name.startswith("u")] != sorted(name for name in first if name.startswith("u"))
