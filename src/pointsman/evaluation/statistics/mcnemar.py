"""McNemar's exact test: did one arm fail where the other passed more often than the other way round?"""

from __future__ import annotations

from math import comb

from pointsman.errors import UsageError


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the two-sided exact p value from the counts of discordant pairs.

    Under no difference each discordant pair is a fair coin (Q. McNemar, Psychometrika 12, 1947; exact form: binomial).

    Raises:
        UsageError: a count is negative.
    """
    if only_first < 0 or only_second < 0:
        raise UsageError("counts of pairs cannot be negative")
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail: int = sum(comb(n, i) for i in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**n))
