"""How many paired cases a non-inferiority question needs."""

from __future__ import annotations

import math
from statistics import NormalDist

from pointsman.errors import UsageError
from pointsman.evaluation.statistics.paired import tango_variance

_NORMAL = NormalDist()


def cases_needed(
    margin: float, discordance: float, difference: float = 0.0, *, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return how many independent paired cases show non-inferiority within ``margin`` with chance ``power``.

    ``discordance`` is the share of cases on which the two arms differ, ``difference`` the true difference (candidate minus
    baseline); all as shares, not percent. One-sided ``alpha``. n = (z_alpha + z_power)^2 (discordance - difference^2) /
    (margin + difference)^2, the normal approximation for a mean of paired differences in {-1, 0, 1}.

    Raises:
        UsageError: the difference is outside the margin (no number of cases would do), or an argument is out of range.
    """
    if not (0 < margin <= 1 and 0 <= discordance <= 1 and 0 < alpha < 1 and 0 < power < 1):
        raise UsageError("margin must be in (0, 1], discordance in [0, 1], alpha and power in (0, 1)")
    if difference <= -margin:
        raise UsageError(
            f"a true difference of {difference:+g} is outside the margin of {margin:g}: no sample shows otherwise"
        )
    z = _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(power)
    variance = max(discordance - difference**2, 0.0)
    return max(1, math.ceil(z * z * variance / (margin + difference) ** 2))


def advised_cases(
    margin: float, discordance: float, difference: float = 0.0, *, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return how many independent paired cases ``paired_share`` needs, as ``cases_needed`` does for the textbook's test.

    The score interval keeps its error rate where few cases differ, and pays with some more cases:
    n = (z_alpha sqrt(V at -margin) + z_power sqrt(V at the truth))^2 / (margin + difference)^2.

    Raises:
        UsageError: as ``cases_needed``.
    """
    cases_needed(margin, discordance, difference, alpha=alpha, power=power)  # for its checks
    gained, lost = (discordance + difference) / 2, (discordance - difference) / 2
    at_margin = tango_variance(gained, lost, -margin)
    spread = _NORMAL.inv_cdf(1 - alpha) * math.sqrt(at_margin)
    spread += _NORMAL.inv_cdf(power) * math.sqrt(max(discordance - difference**2, 0.0))
    return max(1, math.ceil((spread / (margin + difference)) ** 2))


def design_effect(cases: int, clusters: int, icc: float) -> float:
    """Return by what factor clustering widens a sample: 1 + (average cluster size - 1) x intra-cluster correlation.

    L. Kish, "Survey Sampling" (1965), section 5.4.
    """
    return 1 + (cases / clusters - 1) * icc
