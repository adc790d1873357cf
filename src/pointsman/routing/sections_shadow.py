"""The policy's sections on shadow checks and what they are weighed with: ``shadow``, ``economics`` and ``distill``."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from pointsman.routing.sections import Names, Section


class ShadowBudget(Section):
    """What shadow checks may cost, their judge included. Never exceeded: what does not fit is not asked."""

    share: float = Field(default=0.10, gt=0, le=1, description="Of what the routed turns of the period have cost.")
    usd: Decimal | None = Field(default=None, gt=0, le=1_000_000, description="And at most so many US dollars.")
    per: Literal["day", "month"] = Field(default="month", description="The period, in UTC.")


class ShadowSection(Section):
    """Turns that a stronger model answers again, off the customer's path. Off where the section is absent."""

    against: Names = Field(
        default=("flagship",), description="Tier or models that answer again; the first that may see the turn does."
    )
    low_confidence: float = Field(
        default=0.05, ge=0, le=0.5, description="Share of the turns with the lowest confidence that is checked, always."
    )
    everyone: float = Field(
        default=0.01, gt=0, le=1, description="Share of all turns, rule-forced and pinned ones too, checked by chance."
    )
    unknown: float | None = Field(
        default=None, gt=0, le=1, description="Share of the turns of unknown confidence; left out, as everyone's."
    )
    judge: Names = Field(
        default=(),
        description="Models that judge, by preference; none of the two that answered is asked. None: no judge.",
    )
    budget: ShadowBudget = ShadowBudget()
    batch: bool = Field(default=False, description="By the batch API where there is one: half the price, hours later.")
    at_once: int = Field(default=2, ge=1, le=32, description="Calls under way at a time.")
    give_up_hours: float = Field(
        default=24, gt=0, le=720, description="How long a turn waits for money before it counts as not checked."
    )
    review_share: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Share of the turns that were fine by the judge which people see all the same.",
    )

    @model_validator(mode="after")
    def _names_someone(self) -> Self:
        if not self.against:
            raise ValueError("against names no model: write against: flagship, or leave it out")
        return self


class Prices(Section):
    """What goes wrong costs, in US dollars. What has no price is left out of the sum, and that is said."""

    handoff_usd: Decimal | None = Field(default=None, ge=0, le=10_000, description="One case handed to a person.")
    reask_usd: Decimal | None = Field(
        default=None, ge=0, le=10_000, description="One question the customer must repeat."
    )
    harm_usd: Decimal | None = Field(
        default=None, ge=0, le=100_000, description="One turn that was answered too badly."
    )
    harm_by_intent: dict[str, Decimal] = Field(
        default={}, max_length=200, description="The same by intent, where it differs."
    )

    @model_validator(mode="after")
    def _is_a_price(self) -> Self:
        for intent, price in self.harm_by_intent.items():
            if not price.is_finite() or price < 0:
                raise ValueError(f"harm_by_intent: {intent} must cost 0 or more")
        return self


class Economics(Section):
    """What the router's profit and loss is worked out with."""

    prices: Prices = Prices()


class Consent(Section):
    """On which ground turns become training data: metadata that says yes, or one ground for all of them."""

    field: str | None = Field(default=None, min_length=1, max_length=100, description="Metadata that must say yes.")
    ground: str | None = Field(
        default=None, min_length=1, max_length=500, description="Why every turn may be used, in words."
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.field is None) == (self.ground is None):
            raise ValueError("consent is either a field of the metadata or a ground: write one of them")
        return self


class DistillSection(Section):
    """Training data made of turns."""

    consent: Consent | None = Field(default=None, description="Left out: metadata training_consent must say yes.")
