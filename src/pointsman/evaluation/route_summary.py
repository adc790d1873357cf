"""What a route replay finds, as data, and how shares and quantiles are made of counts."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from pointsman.domain.decision import DecidedTier
from pointsman.domain.intervals import wilson

NOT_A_REASON = frozenset({"eligibility", "cost"})
"""Kinds of reason that follow on every decision: they say which model, not why this route."""


class Share(msgspec.Struct, frozen=True):
    """How many turns went one way. ``low`` and ``high`` are the 95 % Wilson interval of the share."""

    name: str
    turns: int
    share: float
    low: float
    high: float
    tier: DecidedTier | None = None
    cost_usd: Decimal | None = None


class ReasonCount(msgspec.Struct, frozen=True):
    """How often a reason stood in a decision, with the sentence of the first one."""

    kind: str
    name: str
    turns: int
    example: str


class Bill(msgspec.Struct, frozen=True):
    """Estimated dollars for the turns whose recorded answer and price are known; ``priced`` is their number.

    ``unanswered`` turns have no recorded answer, ``unpriced`` ones a model of unknown price: both are left out, on both sides.
    """

    flagship: str | None
    priced: int
    unanswered: int
    unpriced: int
    input_tokens: int
    output_tokens: int
    routed_usd: Decimal
    flagship_usd: Decimal

    @property
    def saved(self) -> float | None:
        """The share saved; None when nothing was priced."""
        return float(1 - self.routed_usd / self.flagship_usd) if self.flagship_usd else None


class Sampled(msgspec.Struct, frozen=True):
    """A decision to read, with the customer's words."""

    conversation: str
    turn: int
    said: str
    route: str
    model: str
    tier: DecidedTier
    confidence: float | None
    reasons: tuple[str, ...]
    decided_us: float
    cost_usd: Decimal | None


class Refused(msgspec.Struct, frozen=True):
    """A turn no model could take."""

    conversation: str
    turn: int
    text: str


class Summary(msgspec.Struct, frozen=True):
    """What became of all turns. Times in microseconds; None when no turn was routed."""

    policy: str | None
    conversations: int
    turns: int
    routes: tuple[Share, ...]
    models: tuple[Share, ...]
    reasons: tuple[ReasonCount, ...]
    bill: Bill
    refused: int
    refusals: tuple[Refused, ...]
    decided_us_p50: float | None
    decided_us_p99: float | None
    sample: tuple[Sampled, ...]


def share(name: str, n: int, of: int, *, tier: DecidedTier | None = None, cost: Decimal | None = None) -> Share:
    """Return the share ``n`` of ``of`` turns with its interval."""
    low, high = wilson(n, of) or (0.0, 1.0)
    return Share(name, n, n / of, low, high, tier, cost)


def quantile(ordered: list[float], q: float) -> float | None:
    """Return the value that a share ``q`` of ``ordered`` does not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * q) - 1)]
