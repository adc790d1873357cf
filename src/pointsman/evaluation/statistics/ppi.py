"""A rate from many judged cases and few human labels, corrected for what the judge gets wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, pvariance

import msgspec

from pointsman.domain.intervals import Z_95
from pointsman.errors import UsageError


class Corrected(msgspec.Struct, frozen=True):
    """A corrected rate with its 95 % interval; ``tuned`` is the weight the judge's verdicts were given (0: none, 1: full)."""

    rate: float
    low: float
    high: float
    tuned: float


def prediction_powered(judged: Sequence[float], judged_labelled: Sequence[float], human: Sequence[float]) -> Corrected:
    """Return the mean of the human label over all traffic: judged everywhere, labelled by people on a sample.

    ``judged`` are the judge's verdicts of the unlabelled cases, ``judged_labelled`` and ``human`` both verdicts of the
    labelled ones. mean = w mean(judged) + mean(human - w judged_labelled), with the w of least variance: A. Angelopoulos,
    J. Duchi and T. Zrnic, "PPI++", arXiv 2311.01453, example 6.1.

    Raises:
        UsageError: fewer than two cases on either side, or labels that do not pair up.
    """
    n, unlabelled = len(human), len(judged)
    if n < 2 or unlabelled < 2 or n != len(judged_labelled):  # noqa: PLR2004 - a variance needs two
        raise UsageError("at least two labelled and two unlabelled cases, and a judge's verdict for each labelled one")
    human_mean, labelled_mean = fmean(human), fmean(judged_labelled)
    covariance = fmean((h - human_mean) * (j - labelled_mean) for h, j in zip(human, judged_labelled, strict=True))
    spread = pvariance([*judged, *judged_labelled])
    weight = 0.0 if spread == 0 else min(1.0, max(0.0, covariance / ((1 + n / unlabelled) * spread)))
    rectifier = [h - weight * j for h, j in zip(human, judged_labelled, strict=True)]
    rate = weight * fmean(judged) + fmean(rectifier)
    error = math.sqrt(weight**2 * pvariance(judged) / unlabelled + pvariance(rectifier) / n)
    return Corrected(rate, rate - Z_95 * error, rate + Z_95 * error, weight)
