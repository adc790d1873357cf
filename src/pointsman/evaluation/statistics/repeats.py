"""Shares over repeats of one case: pass^k."""

from __future__ import annotations

from collections.abc import Iterable
from math import comb

from pointsman.errors import UsageError


def pass_hat_k(passed: int, n: int, k: int) -> float | None:
    """Return the chance that ``k`` repeats drawn from ``n`` all pass, of which ``passed`` did; None when ``n < k``.

    C(passed, k) / C(n, k): S. Yao et al., "tau-bench", arXiv 2406.12045, equation 1. With too few repeats there is no
    estimate, and a false 0 or 1 would move an average.

    Raises:
        UsageError: the counts are impossible.
    """
    _check(passed, n, k)
    return None if n < k else comb(passed, k) / comb(n, k)


def mean_pass_hat_k(cases: Iterable[tuple[int, int]], k: int) -> tuple[float | None, int]:
    """Return the mean of pass^k over (passed, n) pairs, and of how many; those with fewer than ``k`` repeats are left out."""
    shares = [share for passed, n in cases if (share := pass_hat_k(passed, n, k)) is not None]
    return (sum(shares) / len(shares) if shares else None), len(shares)


def _check(passed: int, n: int, k: int) -> None:
    if not 0 <= passed <= n or k < 1:
        raise UsageError(f"{passed} passed of {n}, k = {k}: want 0 <= passed <= n and k >= 1")
