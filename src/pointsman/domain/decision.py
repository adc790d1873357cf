"""The record of one routing choice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

Tier = Literal["small", "mid", "flagship"]
TIERS: tuple[Tier, ...] = ("small", "mid", "flagship")
DecidedTier = Tier | Literal["none"]
"""The tier of a decision's model; "none" where no model could be chosen."""


class Reason(msgspec.Struct, frozen=True):
    """One step of the reasoning, in the order it was taken.

    ``kind`` says what decided (``rule``, ``scorer``, ``default``, ``pin``, ``sticky``, ``eligibility``, ``cost``), ``name``
    the rule or constraint, ``text`` a sentence a support lead can read.
    """

    kind: str
    name: str
    text: str


class Exclusion(msgspec.Struct, frozen=True):
    """Why a model could not serve the turn: ``constraint`` is a stable word, ``text`` the sentence with its numbers."""

    model: str
    constraint: str
    text: str


class RunnerUp(msgspec.Struct, frozen=True):
    """The choice that came second, what it would have cost (USD, None unknown), and what would have made it first."""

    route: str
    model: str
    expected_cost_usd: Decimal | None
    flips_if: str


class Decision(msgspec.Struct, frozen=True):
    """Which route and model a turn takes, and why.

    ``confidence`` is the probability that this route is good enough, calibrated or measured; None where nothing has been
    measured. ``fallbacks`` are the other eligible models in the order they would be tried. ``propensities`` gives the
    probability with which each eligible model would have been chosen. ``policy`` is the content hash of the policy file.
    ``signals`` are the measured values by signal name, as plain data. ``decided_us`` is the time it took, in microseconds.
    """

    id: str
    route: str
    model: str
    tier: DecidedTier
    policy: str
    confidence: float | None = None
    reasons: tuple[Reason, ...] = ()
    runner_up: RunnerUp | None = None
    eligible: tuple[str, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    fallbacks: tuple[str, ...] = ()
    propensities: dict[str, float] = msgspec.field(default_factory=dict)
    signals: dict[str, Any] = msgspec.field(default_factory=dict)
    intent: str | None = None
    expected_cost_usd: Decimal | None = None
    decided_us: float = 0.0
