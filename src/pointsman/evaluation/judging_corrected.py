"""A judge measured against people, and its figures corrected by what people said of a sample of the same items.

What is labelled is no random sample of everything: what a judge was unsure of is labelled more often, since it teaches more.
Inside a stratum (flipped, or decided) the order of labelling is random, so every figure is made stratum by stratum and weighted
by how many items each has.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from statistics import NormalDist, fmean, pvariance

import msgspec

from pointsman.evaluation.statistics.agreement import Kappa, cohen_kappa
from pointsman.evaluation.statistics.ppi import prediction_powered

_DRAWS = 1000
LEAST_IN_STRATUM = 5
"""Labels a stratum needs before its share can be corrected, or all of it where it has fewer items."""


class Seen(msgspec.Struct, frozen=True):
    """One judged item: what the judge said, and what a person did (None: not labelled). Values are what a rate is a mean of."""

    stratum: str
    judged: str
    judged_value: float
    cluster: Hashable
    human: str | None = None
    human_value: float | None = None


class CorrectedRate(msgspec.Struct, frozen=True):
    """A mean of human labels over everything judged, by prediction-powered inference. ``low``, ``high``: two-sided bounds.

    ``rate`` None: it cannot be corrected, and ``why`` says what is missing. ``raw`` is the judge's own mean.
    """

    rate: float | None
    low: float | None
    high: float | None
    raw: float | None
    n: int
    labelled: int
    error: float | None = None
    why: str = ""

    def bounds(self, alpha: float, alpha_high: float | None = None) -> tuple[float, float] | None:
        """Return one-sided bounds, the lower at ``alpha`` and the upper at ``alpha_high`` (None: the same)."""
        if self.rate is None or self.error is None:
            return None
        below, above = (NormalDist().inv_cdf(1 - level) for level in (alpha, alpha_high or alpha))
        return self.rate - below * self.error, self.rate + above * self.error


def corrected_rate(seen: Sequence[Seen]) -> CorrectedRate:
    """Return the corrected mean over all items.

    In each stratum the estimate of ``prediction_powered``; over strata their mean weighted by size. The error is that of the
    influence of each item, summed inside clusters (a conversation), as in ``clustered_mean``.
    """
    n, labelled = len(seen), sum(one.human_value is not None for one in seen)
    raw = fmean(one.judged_value for one in seen) if seen else None
    strata: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        strata[one.stratum].append(one)
    rate = spread = 0.0
    influence: dict[Hashable, float] = defaultdict(float)
    for name, items in sorted(strata.items()):
        known = [one for one in items if one.human_value is not None]
        needed = min(LEAST_IN_STRATUM, len(items))
        if len(known) < needed:
            why = f"{len(known)} of the {len(items):,} {name} items are labelled, {needed} are needed"
            return CorrectedRate(None, None, None, raw, n, labelled, why=why)
        share = len(items) / n
        found, floor = _stratum(items, known, share, influence)
        rate += share * found
        spread += floor
    if not seen:
        return CorrectedRate(None, None, None, None, 0, 0, why="nothing is judged")
    groups = len(influence)
    squares = math.fsum(value**2 for value in influence.values())
    error = math.sqrt(squares * (groups / (groups - 1) if groups > 1 else 1.0) + spread)
    z = NormalDist().inv_cdf(0.975)
    return CorrectedRate(rate, rate - z * error, rate + z * error, raw, n, labelled, error)


def _stratum(
    items: Sequence[Seen], known: Sequence[Seen], share: float, influence: dict[Hashable, float]
) -> tuple[float, float]:
    """Return a stratum's estimate, and the variance to add where the labels show none: few labels never show it all."""
    human = [one.human_value or 0.0 for one in known]
    judged = [one.judged_value for one in known]
    rest = [one for one in items if one.human_value is None]
    weight = 0.0
    if len(rest) > 1 and len(known) > 1:
        weight = prediction_powered([one.judged_value for one in rest], judged, human).tuned
    gaps = [h - weight * j for h, j in zip(human, judged, strict=True)]
    gap = fmean(gaps)
    for one, value in zip(known, gaps, strict=True):
        influence[one.cluster] += share * (value - gap) / len(known)
    estimate = gap
    if weight:
        middle = fmean(one.judged_value for one in rest)
        estimate += weight * middle
        for one in rest:
            influence[one.cluster] += share * weight * (one.judged_value - middle) / len(rest)
    # As if one label more had been seen, and it had been otherwise; and the variance of a sample, not of all there is.
    seen, n = pvariance(gaps), len(known)
    wider = max(seen, (n * seen + 1) / (n + 1)) * n / (n - 1) if rest and n > 1 else seen
    floor = (wider - seen) / n
    return estimate, share**2 * floor


def weighted_kappa(seen: Sequence[Seen], *, seed: int = 0) -> Kappa | None:
    """Return the kappa of judge and people over all items, from the labelled ones; None where nothing is labelled.

    Where every stratum is labelled alike it is Cohen's kappa with its analytic interval. Else the labelled items stand for their
    strata, and the interval is a bootstrap inside strata (B. Efron and R. Tibshirani, 1993, chapter 8).
    """
    sizes = Counter(one.stratum for one in seen)
    known: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in seen:
        if one.human is not None:
            known[one.stratum].append((one.judged, one.human))
    total = sum(map(len, known.values()))
    if not total:
        return None
    weights = {name: sizes[name] / len(pairs) for name, pairs in known.items()}
    if max(weights.values()) - min(weights.values()) < 1e-9:  # noqa: PLR2004 - alike
        flat = [pair for pairs in known.values() for pair in pairs]
        return cohen_kappa([judged for judged, _ in flat], [human for _, human in flat])
    kappa, agreement = _kappa(known, weights)
    if kappa is None:
        return Kappa(None, None, None, agreement, total)
    chance = random.Random(seed)  # noqa: S311 - a bootstrap, no secret
    drawn = sorted(
        value
        for _ in range(_DRAWS)
        if (value := _kappa({name: chance.choices(pairs, k=len(pairs)) for name, pairs in known.items()}, weights)[0])
        is not None
    )
    low, high = drawn[int(0.025 * len(drawn))], drawn[min(len(drawn) - 1, int(0.975 * len(drawn)))]
    return Kappa(kappa, min(low, kappa), max(high, kappa), agreement, total)


def _kappa(known: Mapping[str, Sequence[tuple[str, str]]], weights: Mapping[str, float]) -> tuple[float | None, float]:
    cells: dict[tuple[str, str], float] = defaultdict(float)
    for name, pairs in known.items():
        for pair, count in Counter(pairs).items():
            cells[pair] += weights[name] * count
    total = sum(cells.values())
    rows: dict[str, float] = defaultdict(float)
    columns: dict[str, float] = defaultdict(float)
    for (judged, human), value in cells.items():
        rows[judged] += value / total
        columns[human] += value / total
    observed = sum(value for (judged, human), value in cells.items() if judged == human) / total
    expected = sum(share * columns[name] for name, share in rows.items() if name in columns)
    return (None if expected > 1 - 1e-12 else (observed - expected) / (1 - expected)), observed
