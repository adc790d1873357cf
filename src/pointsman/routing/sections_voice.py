"""The section ``voice``: how soon a caller must hear the first word, and which one where the reply is not there by then."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from pointsman.routing.sections import Section


class Voice(Section):
    """The latency budget of the voice channel."""

    budget_ms: float | None = Field(
        default=None,
        gt=0,
        le=60_000,
        description="From the request to the first word: slower models are left out, calls before the reply that do not fit too.",
    )
    filler: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] | None = Field(
        default=None,
        description="Said first in a streamed reply whose plan is not there when the budget is used up; then the plan may "
        "take its time.",
    )

    @model_validator(mode="after")
    def _filler_has_a_budget(self) -> Self:
        if self.filler is not None and self.budget_ms is None:
            raise ValueError("filler is said when the budget is used up: write budget_ms too")
        return self
