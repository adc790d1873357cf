"""Intervals around shares."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054
"""The 97.5 % point of the normal distribution: a two-sided interval of 95 %."""


def wilson(hits: float, n: float) -> tuple[float, float] | None:
    """Return the 95 % Wilson score interval of the share ``hits / n``; None when there is nothing to share (``n`` 0).

    It stays inside 0 to 1 and keeps its width at the edges, where the textbook interval shrinks to nothing. ``n`` need not be
    whole: answers that depend on each other are worth fewer than they are.
    Formula: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if n == 0:
        return None
    share, z2 = hits / n, Z_95 * Z_95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # At the edges the bound is the edge itself; floats would leave 7e-18 of it.
    return (max(0.0, centre - half) if hits else 0.0), (min(1.0, centre + half) if hits < n else 1.0)
