"""Numbers as they are shown: never without how many they rest on, and how sure they are."""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.domain.intervals import wilson

FEW: Final = 20
"""Below this many, a share is shown in grey as "too few": its 95 % interval is wider than 40 points in the middle."""


class Rate(msgspec.Struct, frozen=True):
    """``hits`` out of ``n``. ``unknown`` counts what could not be said to be either; it is no part of ``n``."""

    hits: int
    n: int
    unknown: int = 0

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None where there is nothing to share."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson interval; None where there is nothing to share."""
        return wilson(self.hits, self.n)

    @property
    def few(self) -> bool:
        """Whether there are too few to act on."""
        return self.n < FEW


class Estimate(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval and what it rests on; ``value`` None: unknown, and ``why`` says why.

    ``unit`` is what the figure counts: ``usd``, ``ms``, ``share``, ``tokens/s``. A bound is None where it cannot be given.
    """

    value: float | None
    n: int
    unit: str
    low: float | None = None
    high: float | None = None
    why: str = ""

    @property
    def few(self) -> bool:
        """Whether there are too few to act on."""
        return self.n < FEW
