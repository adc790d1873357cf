"""Sums up a run: for each model how often it was right, how surely, how fast, for how much, and what went wrong."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from statistics import NormalDist

import msgspec

from pointsman.domain.intervals import Z_95, wilson
from pointsman.evaluation.run_columns import CaseCounts, Columns
from pointsman.evaluation.run_log import GradeRow
from pointsman.evaluation.statistics.clustered import clustered_mean
from pointsman.evaluation.statistics.repeats import mean_pass_hat_k

_MOST_K = 8


class Share(msgspec.Struct, frozen=True):
    """A share with its 95 % interval, over ``n`` cases. None: nothing was graded (share), or it cannot be told (interval)."""

    share: float | None
    low: float | None
    high: float | None
    n: int


class Quantile(msgspec.Struct, frozen=True):
    """A quantile with its distribution-free 95 % interval (order statistics); None where too few values were measured."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class ModelSum(msgspec.Struct, frozen=True):
    """One model of a run. ``usd`` is the sum of known costs of ``priced`` answers; ``usd_case`` the mean of one answer."""

    model: str
    origins: tuple[str, ...]
    cases: int
    answers: int
    graded: int
    accuracy: Share
    conformance: Share
    pass_hat: tuple[tuple[int, float, int], ...]
    usd: Decimal | None
    priced: int
    usd_case: Decimal | None
    ttft: tuple[Quantile, Quantile]
    latency: tuple[Quantile, Quantile]
    kinds: tuple[tuple[str, int], ...]
    errors: tuple[tuple[str, int], ...]
    write_errors: int
    diverged: int
    by_tag: dict[str, tuple[tuple[str, Share], ...]]


class _Model:
    """What is gathered of one model."""

    def __init__(self) -> None:
        self.columns = Columns()
        self.origins: set[str] = set()
        self.answers = self.graded = self.priced = self.write_errors = self.diverged = 0
        self.usd = Decimal(0)
        self.ttft = array("d")
        self.latency = array("d")
        self.kinds: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def add(self, row: GradeRow, group: str) -> None:
        self.answers += 1
        self.origins.add(row.origin)
        self.columns.add(row, group)
        self.graded += row.passed is not None
        if row.usd is not None:
            self.priced += 1
            self.usd += row.usd
        if row.error is None:
            self.ttft.extend([row.ttft_ms] if row.ttft_ms is not None else [])
            self.latency.extend([row.latency_ms] if row.latency_ms is not None else [])
        else:
            self.errors[row.error.partition(":")[0][:40]] += 1
        if row.passed is False:
            self.kinds[row.kind or "wrong"] += 1
        self.write_errors += row.write_error
        self.diverged += row.diverged_at is not None

    def summed(self, name: str) -> ModelSum:
        found = self.columns.cases()
        graded = [case for case, n in enumerate(found.graded) if n]
        most = min(_MOST_K, max(found.graded, default=0))
        pass_hat = []
        for k in range(1, most + 1):
            share, n = mean_pass_hat_k(((found.right[case], found.graded[case]) for case in graded), k)
            if share is not None:
                pass_hat.append((k, share, n))
        return ModelSum(
            model=name,
            origins=tuple(sorted(self.origins)),
            cases=len(found.places),
            answers=self.answers,
            graded=self.graded,
            accuracy=_share(found.right, found.graded, found.places, graded),
            conformance=_share(
                found.conform, found.checked, found.places, [case for case, n in enumerate(found.checked) if n]
            ),
            pass_hat=tuple(pass_hat),
            usd=self.usd if self.priced else None,
            priced=self.priced,
            usd_case=self.usd / self.priced if self.priced else None,
            ttft=(quantile(self.ttft, 0.5), quantile(self.ttft, 0.95)),
            latency=(quantile(self.latency, 0.5), quantile(self.latency, 0.95)),
            kinds=tuple(sorted(self.kinds.items(), key=lambda one: (-one[1], one[0]))),
            errors=tuple(sorted(self.errors.items(), key=lambda one: (-one[1], one[0]))),
            write_errors=self.write_errors,
            diverged=self.diverged,
            by_tag=_by_tag(found),
        )


def _by_tag(found: CaseCounts) -> dict[str, tuple[tuple[str, Share], ...]]:
    tables = {}
    for name in sorted(found.tags):
        cut = [(value, [case for case in cases if found.graded[case]]) for value, cases in found.cases_by(name)]
        shares = tuple((value, _share(found.right, found.graded, found.places, cases)) for value, cases in cut if cases)
        if len(shares) > 1:
            tables[name] = shares
    return tables


def summarise(rows: Iterable[GradeRow], *, repeats_by: str | None = None) -> tuple[ModelSum, ...]:
    """Return the sum of each model, in the order of their names.

    ``repeats_by`` names a tag: cases that share it count as repeats of one case (the trials of a benchmark's task).
    """
    models: dict[str, _Model] = {}
    for row in rows:
        group = row.case if repeats_by is None else row.tags.get(repeats_by, row.case)
        model = models.get(row.model)
        if model is None:
            model = models[row.model] = _Model()
        model.add(row, group)
    return tuple(models[name].summed(name) for name in sorted(models))


def _share(hits: Sequence[int], counts: Sequence[int], places: Sequence[int], cases: Sequence[int]) -> Share:
    """Return the mean over ``cases`` of the share of right repeats; ``places`` are their conversations.

    Wilson's interval where every case stands alone and was asked once, or nothing differs; else the mean with its clustered
    error.
    """
    if not cases:
        return Share(None, None, None, 0)
    clusters = array("Q", (places[case] for case in cases))
    if all(counts[case] == 1 for case in cases) and len(set(clusters)) == len(cases):
        right = sum(hits[case] for case in cases)
        low, high = wilson(right, len(cases)) or (None, None)
        return Share(right / len(cases), low, high, len(cases))
    mean = clustered_mean(array("d", (hits[case] / counts[case] for case in cases)), clusters)
    if mean.error is None:
        return Share(mean.mean, None, None, mean.n)
    if mean.error == 0:
        # Nothing differs, so the error cannot be told from the values: as many cases as there are conversations, at least.
        low, high = wilson(mean.mean * mean.clusters, mean.clusters) or (None, None)
        return Share(mean.mean, low, high, mean.n)
    return Share(mean.mean, max(0.0, mean.mean - Z_95 * mean.error), min(1.0, mean.mean + Z_95 * mean.error), mean.n)


def quantile(values: Sequence[float], share: float) -> Quantile:
    """Return a quantile (nearest rank) with its interval from order statistics, by the normal approximation of their ranks.

    W. Conover, "Practical Nonparametric Statistics" (1999), section 3.2.
    """
    n = len(values)
    if not n:
        return Quantile(None, None, None, 0)
    known = sorted(values)
    rank = max(0, min(n - 1, math.ceil(share * n) - 1))
    spread = NormalDist().inv_cdf(0.975) * math.sqrt(n * share * (1 - share))
    low, high = math.floor(share * n - spread) - 1, math.ceil(share * n + spread)
    inside = low >= 0 and high < n
    return Quantile(known[rank], known[low] if inside else None, known[high] if inside else None, n)
