"""The policy's section on how long turns are kept: ``retention``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pointsman.routing.sections import Section


class Retention(Section):
    """How long turns are kept. Without a number they are kept for ever; days archived as Parquet stay until you delete them."""

    bodies_days: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        description="Days after which what was said leaves the store; the figures stay.",
    )
    metrics_days: float | None = Field(
        default=None, gt=0, le=36_500, description="Days after which turns leave the store and the columns altogether."
    )

    @model_validator(mode="after")
    def _figures_outlive_words(self) -> Self:
        if self.bodies_days is not None and self.metrics_days is not None and self.metrics_days < self.bodies_days:
            raise ValueError("metrics_days is shorter than bodies_days: a turn leaves with all that was said in it")
        return self
