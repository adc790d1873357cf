"""Agreement between two raters, a judge and a person for instance, beyond what chance would give."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import msgspec

from pointsman.domain.intervals import Z_95
from pointsman.errors import UsageError


class Kappa(msgspec.Struct, frozen=True):
    """Cohen's kappa over ``n`` items with its 95 % interval. ``kappa`` is None where both raters always say one thing."""

    kappa: float | None
    low: float | None
    high: float | None
    agreement: float
    n: int


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> Kappa:
    """Return Cohen's kappa of two raters' labels of the same items.

    Interval: the large-sample variance of J. Fleiss, J. Cohen and B. Everitt, Psychological Bulletin 72 (1969), equation 13.

    Raises:
        UsageError: the raters labelled different numbers of items, or none.
    """
    n = len(first)
    if n == 0 or n != len(second):
        raise UsageError(f"both raters must label the same items: {n} and {len(second)} labels")
    cells = Counter(zip(first, second, strict=True))
    labels = sorted({*first, *second}, key=repr)
    rows, columns = Counter(first), Counter(second)
    share = {pair: count / n for pair, count in cells.items()}
    observed = sum(share.get((label, label), 0.0) for label in labels)
    expected = sum(rows[label] * columns[label] for label in labels) / (n * n)
    if rows == columns and len(labels) == 1:
        return Kappa(None, None, None, observed, n)
    kappa = (observed - expected) / (1 - expected)
    error = math.sqrt(max(0.0, _variance(share, rows, columns, n, kappa, expected)))
    return Kappa(kappa, kappa - Z_95 * error, kappa + Z_95 * error, observed, n)


def _variance(  # noqa: PLR0913, PLR0917 - the symbols of the formula
    share: dict[tuple[Hashable, Hashable], float],
    rows: Counter[Hashable],
    columns: Counter[Hashable],
    n: int,
    kappa: float,
    expected: float,
) -> float:
    same = sum(value * (1 - (rows[a] + columns[a]) / n * (1 - kappa)) ** 2 for (a, b), value in share.items() if a == b)
    other = (1 - kappa) ** 2 * sum(
        value * ((columns[a] + rows[b]) / n) ** 2 for (a, b), value in share.items() if a != b
    )
    rest = (kappa - expected * (1 - kappa)) ** 2
    return (same + other - rest) / ((1 - expected) ** 2 * n)


def krippendorff_alpha(ratings: Sequence[Sequence[Hashable | None]]) -> float | None:
    """Return Krippendorff's alpha for nominal labels: one sequence for each rater, None where a rater did not label an item.

    K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011). None where fewer than two labels can be paired, or
    all of them are the same.

    Raises:
        UsageError: the raters' sequences differ in length.
    """
    if len({len(labels) for labels in ratings}) > 1:
        raise UsageError("every rater must have one entry for each item (None where there is no label)")
    units = [[label for label in unit if label is not None] for unit in zip(*ratings, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    totals = Counter(label for unit in units for label in unit)
    n = sum(totals.values())
    disagreement = sum(
        sum(count * (len(unit) - count) for count in Counter(unit).values()) / (len(unit) - 1) for unit in units
    )
    chance = sum(count * (n - count) for count in totals.values())
    return None if chance == 0 else 1 - (n - 1) * disagreement / chance
