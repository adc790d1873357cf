"""How unlikely a count would be if nothing were wrong: exact tails, in plain Python.

Counts need not be whole: weighted ones are worth fewer than they are.
"""

from __future__ import annotations

import math
from typing import Final

_TINY: Final = 1e-300
_CLOSE: Final = 1e-14
_STEPS: Final = 10_000


def binomial_low(hits: float, n: float, share: float) -> float:
    """Return the probability of ``hits`` or fewer out of ``n`` where each hits with probability ``share``."""
    if hits >= n:
        return 1.0
    return _beta(n - hits, hits + 1, 1 - share)


def binomial_high(hits: float, n: float, share: float) -> float:
    """Return the probability of ``hits`` or more out of ``n`` where each hits with probability ``share``."""
    if hits <= 0:
        return 1.0
    return _beta(hits, n - hits + 1, share)


def poisson_low(count: int, expected: float) -> float:
    """Return the probability of ``count`` or fewer where ``expected`` come on average."""
    if expected <= 0:
        return 1.0
    logs = [k * math.log(expected) - expected - math.lgamma(k + 1) for k in range(max(0, count - 2000), count + 1)]
    return min(1.0, sum(math.exp(one) for one in logs))


def two_shares_high(hits: int, n: int, base_hits: int, base_n: int) -> float:
    """Return Fisher's exact probability of ``hits`` or more out of ``n``, given what both groups have together.

    Small: the share is higher than that of the ``base``.
    """
    total, marked = n + base_n, hits + base_hits
    top = min(n, marked)
    if hits <= max(0, n - (total - marked)):
        return 1.0
    log = _log_choose(marked, hits) + _log_choose(total - marked, n - hits) - _log_choose(total, n)
    term, whole = 1.0, 1.0
    for k in range(hits, top):
        term *= (marked - k) * (n - k) / ((k + 1) * (total - marked - n + k + 1))
        whole += term
        if term < whole * _CLOSE:
            break
    return min(1.0, math.exp(log) * whole)


def normal_high(z: float) -> float:
    """Return the probability that a standard normal value is above ``z``."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b).

    By its continued fraction (Abramowitz and Stegun 26.5.8), evaluated from the front as W. J. Lentz does (Appl. Opt. 15, 1976).
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return min(1.0, front * _fraction(a, b, x) / a)
    return max(0.0, 1 - front * _fraction(b, a, 1 - x) / b)


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, _away(1 - (a + b) * x / (a + 1))
    d = 1 / d
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _away(1 + step * d)
            c = _away(1 + step / c)
            value *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
