"""pass^k and clustered errors against inspect_ai's own code, which ``make oracle-test`` brings."""

from __future__ import annotations

import math
import random

import pytest

from pointsman.evaluation.statistics.clustered import clustered_mean
from pointsman.evaluation.statistics.repeats import mean_pass_hat_k, pass_hat_k
from support import inspect_original

pytestmark = pytest.mark.skipif(
    not inspect_original.installed(), reason="NOT COMPARED: inspect_ai is not there; `make oracle-test` brings it"
)


@pytest.fixture(scope="module")
def original() -> inspect_original.Original:
    return inspect_original.Original()


def test_pass_k_is_inspect_ais(original: inspect_original.Original) -> None:
    compared = 0
    for n in range(1, 13):
        for passed in range(n + 1):
            for k in range(1, n + 2):
                expected, found = original.reduced("pass_k", k, passed, n), pass_hat_k(passed, n, k)
                if math.isnan(expected):
                    assert found is None
                else:
                    assert found == pytest.approx(expected, abs=1e-9)
                compared += 1
    print(f"pass^k: {compared:,} compared with inspect_ai")  # noqa: T201 - what was compared


def test_means_over_cases_leave_out_what_it_leaves_out(original: inspect_original.Original) -> None:
    chance = random.Random(3)
    cases = [(chance.randint(0, n), n) for n in [chance.randint(1, 6) for _ in range(200)]]
    theirs = [one for passed, n in cases if not math.isnan(one := original.reduced("pass_k", 4, passed, n))]
    mean, count = mean_pass_hat_k(cases, 4)
    assert count == len(theirs)
    assert mean == pytest.approx(sum(theirs) / len(theirs), abs=1e-9)


def test_standard_errors_are_inspect_ais(original: inspect_original.Original) -> None:
    chance = random.Random(5)
    for size in (2, 3, 10, 60, 400):
        for groups in (2, 3, 40):
            values = [chance.choice((0.0, 1.0, chance.random())) for _ in range(size)]
            clusters = [f"c{chance.randrange(groups)}" for _ in range(size)]
            assert clustered_mean(values).error == pytest.approx(original.error(values), abs=1e-9)
            ours = clustered_mean(values, clusters)
            if ours.error is not None:
                assert ours.error == pytest.approx(original.error(values, clusters), abs=1e-9)
