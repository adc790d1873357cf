"""Our formulas against statsmodels and krippendorff, and the laws they must keep."""

from __future__ import annotations

import math
import random
from itertools import combinations

import krippendorff
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa

from pointsman.errors import UsageError
from pointsman.evaluation.statistics.agreement import cohen_kappa, krippendorff_alpha
from pointsman.evaluation.statistics.clustered import clustered_mean
from pointsman.evaluation.statistics.eprocess import Betting
from pointsman.evaluation.statistics.mcnemar import mcnemar_exact
from pointsman.evaluation.statistics.paired import paired_share
from pointsman.evaluation.statistics.ppi import prediction_powered
from pointsman.evaluation.statistics.repeats import mean_pass_hat_k, pass_hat_k
from pointsman.evaluation.statistics.sample_size import advised_cases, cases_needed
from pointsman.evaluation.statistics.verdict import non_inferior

LABELS = st.sampled_from("abc")
PAIRS = st.lists(st.tuples(LABELS, LABELS), min_size=2, max_size=60)


@given(st.integers(1, 8), st.data())
def test_pass_k_counts_the_draws(n: int, data: st.DataObject) -> None:
    passed, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    draws = list(combinations([True] * passed + [False] * (n - passed), k))
    assert pass_hat_k(passed, n, k) == pytest.approx(sum(all(draw) for draw in draws) / len(draws), abs=1e-12)


def test_too_few_repeats_are_unknown_not_zero() -> None:
    assert pass_hat_k(2, 3, 4) is None
    assert mean_pass_hat_k([(2, 3), (4, 4)], 4) == (1.0, 1)
    assert mean_pass_hat_k([(2, 3)], 4) == (None, 0)
    with pytest.raises(UsageError, match="5 passed of 4"):
        pass_hat_k(5, 4, 1)


@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 6)), min_size=3, max_size=40))
def test_the_clustered_error_is_that_of_statsmodels(rows: list[tuple[float, int]]) -> None:
    values, groups = [value for value, _ in rows], [group for _, group in rows]
    ours = clustered_mean(values, groups)
    if ours.clusters == 1:
        assert ours.error is None
        return
    n, g = ours.n, ours.clusters
    fit = sm.OLS(values, np.ones(n)).fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": True})
    # statsmodels corrects by (n - 1) / (n - k) too, which is 1 for a mean.
    assert ours.error == pytest.approx(float(fit.bse[0]), abs=1e-9)
    assert g == len(set(groups))


def test_one_value_a_cluster_gives_the_textbook_error() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    spread = np.std(values, ddof=1) / math.sqrt(len(values))
    assert clustered_mean(values).error == pytest.approx(float(spread), abs=1e-12)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_that_of_statsmodels(first: int, second: int) -> None:
    theirs = mcnemar([[5, first], [second, 5]], exact=True).pvalue if first + second else 1.0
    assert mcnemar_exact(first, second) == pytest.approx(float(theirs), abs=1e-9)


@given(PAIRS)
def test_kappa_is_that_of_statsmodels(pairs: list[tuple[str, str]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    ours = cohen_kappa(first, second)
    names = sorted({*first, *second})
    if len({*first}) == 1 or len({*second}) == 1:
        # One rater has one word for everything: statsmodels divides by zero on the way to an answer nobody should use.
        assert ours.kappa is None or ours.kappa <= 0
        return
    table = [[pairs.count((a, b)) for b in names] for a in names]
    theirs = cohens_kappa(np.array(table))
    assert ours.kappa == pytest.approx(float(theirs.kappa), abs=1e-9)
    assert ours.low is not None
    assert ours.high is not None
    width = 2 * 1.959963984540054 * math.sqrt(max(0.0, float(theirs.var_kappa)))
    assert ours.high - ours.low == pytest.approx(width, abs=1e-9)


@given(st.lists(st.lists(st.sampled_from([0, 1, 2, None]), min_size=3, max_size=3), min_size=3, max_size=30))
def test_alpha_is_that_of_krippendorff(items: list[list[int | None]]) -> None:
    ratings = [list(rater) for rater in zip(*items, strict=True)]
    ours = krippendorff_alpha(ratings)
    if ours is None:
        return
    table = np.array([[np.nan if label is None else label for label in rater] for rater in ratings], dtype=float)
    assert ours == pytest.approx(krippendorff.alpha(table, level_of_measurement="nominal"), abs=1e-9)


def test_a_few_cases_without_a_difference_prove_little() -> None:
    same = paired_share([1.0] * 20, [1.0] * 20)
    assert same.estimate == 0
    assert same.low < -0.1
    assert non_inferior(same, 0.02).answer == "hold"
    assert non_inferior(paired_share([1.0] * 300, [1.0] * 300), 0.02).answer == "pass"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_the_interval_holds_the_estimate_and_turns_with_the_arms(pairs: list[tuple[bool, bool]]) -> None:
    old, new = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    one, other = paired_share(old, new), paired_share(new, old)
    assert -1 <= one.low <= one.estimate <= one.high <= 1
    assert one.low == pytest.approx(-other.high, abs=1e-9)


def test_turns_of_one_conversation_count_for_less() -> None:
    rng = random.Random(7)
    flips = [rng.random() < 0.1 for _ in range(100)]
    old = [1.0] * 600
    new = [0.0 if flips[case // 6] else 1.0 for case in range(600)]
    loose, tied = paired_share(old, new), paired_share(old, new, [case // 6 for case in range(600)])
    assert tied.estimate == loose.estimate
    assert tied.effective == pytest.approx(100, rel=0.1)
    assert tied.low < loose.low


@pytest.mark.parametrize(
    ("margin", "discordance", "cases"),
    [(0.02, 0.02, 310), (0.02, 0.04, 619), (0.02, 0.08, 1237), (0.03, 0.02, 138), (0.03, 0.04, 275), (0.03, 0.08, 550)],
)
def test_the_textbook_numbers(margin: float, discordance: float, cases: int) -> None:
    assert cases_needed(margin, discordance) == cases
    assert cases <= advised_cases(margin, discordance) <= cases * 1.7


def test_no_number_of_cases_proves_what_is_not_so() -> None:
    with pytest.raises(UsageError, match="outside the margin"):
        cases_needed(0.02, 0.05, -0.02)


def test_a_verdict_says_how_many_more() -> None:
    hold = non_inferior(paired_share([1.0] * 100, [1.0] * 98 + [0.0] * 2), 0.02)
    assert hold.answer == "hold"
    assert hold.more is not None
    assert hold.more > 100
    assert f"run {hold.more:,} more cases" in hold.text
    fail = non_inferior(paired_share([1.0] * 400, [1.0] * 340 + [0.0] * 60), 0.02)
    assert (fail.answer, fail.more) == ("fail", None)


def test_a_clear_case_settles_the_bet_and_a_fair_one_does_not() -> None:
    better, level = Betting(-0.02), Betting(0.0)
    for case in range(400):
        better.see(0.0 if case % 3 else 0.2)
        level.see(1.0 if case % 2 else -1.0)
    assert better.shown
    assert not level.shown
    with pytest.raises(UsageError, match="outside"):
        level.see(1.5)


def test_a_judge_with_a_bias_is_corrected() -> None:
    rng = random.Random(5)
    truth = [float(rng.random() < 0.8) for _ in range(4000)]
    judged = [1.0 if value or rng.random() < 0.5 else 0.0 for value in truth]  # passes half of what is wrong
    rate = prediction_powered(judged[400:], judged[:400], truth[:400])
    assert sum(judged) / len(judged) > 0.88
    assert rate.low < 0.8 < rate.high
    assert rate.high - rate.low < 0.1
