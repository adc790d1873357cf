"""Which turns are checked: those of lowest confidence by a running quantile, and a floor of chance over everything.

The running quantile is a rank among the latest known confidences (``WINDOW`` of them), not a constant: with ``below`` of the n
latest below a turn's confidence and ``ties`` equal to it, the turn is among the lowest share q with probability

    clip((q (n + 1) - below) / (ties + 1), 0, 1)

which for exchangeable turns adds up to exactly q at every n, the first turn included, however many confidences are equal: it is
the smoothed rank of V. Vovk, A. Gammerman and G. Shafer, "Algorithmic Learning in a Random World" (2005), section 2.2. On a
stream that drifts the share is off while the window still holds the past, and right again ``WINDOW`` turns later.

Two numbers decide, both hashes of the turn's id under a salt that is made once and stored: whoever reads the turn again, after a
crash say, draws the same. The probability of being chosen, ``low + (1 - low) floor``, follows from turns before it and its own
confidence alone, so it is exact, and estimates weighted by it are unbiased.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

WINDOW: Final = 2_000
_BITS: Final = 53
"""What a float holds exactly: more would round up to 1."""


class Shares(msgspec.Struct, frozen=True):
    """What is checked: of the lowest confidences, of everyone, and of turns whose confidence is unknown (None: as everyone)."""

    low: float = 0.05
    everyone: float = 0.01
    unknown: float | None = None


class Drawn(msgspec.Struct, frozen=True):
    """What the draw said of one turn. ``why`` None: not chosen."""

    probability: float
    why: Literal["quantile", "floor"] | None


class Recent:
    """The latest known confidences, in the order they came and in order of size."""

    def __init__(self, values: Iterable[float] = (), window: int = WINDOW) -> None:
        self._window = window
        self._order = deque(values)
        self._sorted = sorted(self._order)

    def chance(self, confidence: float, share: float) -> float:
        """Return the probability with which a turn of this confidence is among the lowest ``share``."""
        below = bisect_left(self._sorted, confidence)
        ties = bisect_right(self._sorted, confidence) - below
        return min(1.0, max(0.0, (share * (len(self._sorted) + 1) - below) / (ties + 1)))

    def add(self, confidence: float) -> None:
        """Remember one more; the oldest is forgotten."""
        self._order.append(confidence)
        insort(self._sorted, confidence)
        if len(self._order) > self._window:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]

    def values(self) -> list[float]:
        """Return them, oldest first."""
        return list(self._order)


def draw(turn_id: str, confidence: float | None, recent: Recent, shares: Shares, salt: bytes) -> Drawn:
    """Say whether a turn is checked; ``recent`` are the confidences before it, and are left as they were."""
    if confidence is None:
        low, floor = 0.0, shares.everyone if shares.unknown is None else max(shares.unknown, shares.everyone)
    else:
        low, floor = recent.chance(confidence, shares.low), shares.everyone
    probability = 1.0 if low >= 1 else low + (1 - low) * floor
    if number(turn_id, "low", salt) < low:
        return Drawn(probability, "quantile")
    return Drawn(probability, "floor" if number(turn_id, "floor", salt) < floor else None)


def number(turn_id: str, purpose: str, salt: bytes) -> float:
    """Return a number in [0, 1) that belongs to a turn and a purpose, the same every time."""
    digest = hashlib.blake2b(f"{purpose}\x00{turn_id}".encode("utf-8", "surrogatepass"), digest_size=8, key=salt)
    return (int.from_bytes(digest.digest(), "big") >> (64 - _BITS)) / float(2**_BITS)
