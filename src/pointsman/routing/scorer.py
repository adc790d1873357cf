"""The seam for a learned scorer. None ships yet: without one a decision's confidence is unknown, never invented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pointsman.domain.turn import Turn


class Scorer(Protocol):
    """Estimates, per route, the probability that the route's reply would be good enough."""

    def score(self, turn: Turn, values: Mapping[str, Mapping[str, Any]]) -> Mapping[str, float] | None:
        """Return calibrated probabilities by route name, or None to abstain. ``values`` are the signals as plain data."""
        ...
