"""A judge whose faults are known, to show that the machinery around judges finds them. It says nothing of real models."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from decimal import Decimal

import msgspec

from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.judges.seam import Choice, Finding, Opinion

Quality = Callable[[Turn, Reply], float]
"""How good a reply to a turn really is; the greater one is better."""


class Faults(msgspec.Struct, frozen=True):
    """Each is the chance that the fault decides instead of the truth.

    ``position``: the reply shown first. ``verbosity``: the longer one. ``noise``: anything else than the truth.
    ``unreadable``: an answer that cannot be read.
    """

    position: float = 0.0
    verbosity: float = 0.0
    noise: float = 0.0
    unreadable: float = 0.0


class SimulatedJudge:
    """Knows the truth, and errs as it is told to. The same pair in the same order gets the same answer."""

    model = "simulated/judge"
    origin = "simulated"

    def __init__(self, quality: Quality, faults: Faults, *, seed: int = 0, near: float = 0.05) -> None:
        self.version = hashlib.sha256(msgspec.json.encode([faults, seed, near])).hexdigest()[:12]
        self._quality = quality
        self._faults = faults
        self._seed = seed
        self._near = near

    async def prefer(self, prefix: Turn, first: Reply, second: Reply, rubric: str = "") -> Opinion:
        """Say which is better, or what the fault says."""
        chance = self._chance(prefix, first.text, second.text, rubric)
        if chance.random() < self._faults.unreadable:
            return Opinion("unknown", cost_usd=Decimal(0), error="unreadable")
        if chance.random() < self._faults.position:
            return Opinion("first", "it stands first", Decimal(0))
        if chance.random() < self._faults.verbosity:
            longer: Choice = "first" if len(first.text) > len(second.text) else "second"
            return Opinion(longer, "it says more", Decimal(0))
        gap = self._quality(prefix, first) - self._quality(prefix, second)
        truth: Choice = "equal" if abs(gap) <= self._near else "first" if gap > 0 else "second"
        if chance.random() < self._faults.noise:
            others: list[Choice] = [one for one in ("first", "second", "equal") if one != truth]
            return Opinion(chance.choice(others), "noise", Decimal(0))
        return Opinion(truth, "it is better", Decimal(0))

    async def decide(self, prefix: Turn, reply: Reply, question: str) -> Finding:
        """Say yes of a reply that is better than the middle, or what the fault says."""
        chance = self._chance(prefix, reply.text, question, "")
        if chance.random() < self._faults.unreadable:
            return Finding("unknown", cost_usd=Decimal(0), error="unreadable")
        good = self._quality(prefix, reply) > 0.5  # noqa: PLR2004 - the middle
        wrong = chance.random() < self._faults.noise
        return Finding("yes" if good != wrong else "no", cost_usd=Decimal(0))

    def _chance(self, prefix: Turn, *texts: str) -> random.Random:
        told = msgspec.json.encode([self._seed, prefix.messages[-1].text if prefix.messages else "", texts])
        return random.Random(hashlib.blake2b(told, digest_size=8).digest())  # noqa: S311 - no secret
