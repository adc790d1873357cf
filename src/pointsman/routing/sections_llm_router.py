"""The section ``llm_router``: a small model that sorts the turns of which the rules and the scorer are not sure."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from pointsman.routing.sections import Section

Share = Annotated[float, Field(ge=0, le=1)]


class LlmRouter(Section):
    """When a model is asked for the route, which one, and how much time and money that may take."""

    model: str = Field(default="small", description="Tier or model that is asked.")
    band: tuple[Share, Share] = Field(
        default=(0.4, 0.8), description="Asked where the scorer's confidence lies between these two."
    )
    unknown: bool = Field(
        default=True, description="Asked too where nothing was recognised and no scorer gave a confidence."
    )
    timeout_ms: float = Field(default=1500, gt=0, le=60_000, description="Longest wait; then the next higher route.")
    max_usd: Decimal = Field(
        default=Decimal("0.01"), gt=0, le=10, description="Most that asking may cost; else the next higher route."
    )
    fold: bool = Field(
        default=False,
        description="The model that would answer is asked in its own call, by a tool to hand the turn on: no extra call, only "
        "upwards. Where that cannot be, the others of this section hold.",
    )
    messages: int = Field(default=6, ge=1, le=100, description="Last messages that are shown to the model.")

    @model_validator(mode="after")
    def _band_is_one(self) -> Self:
        if self.band[0] >= self.band[1]:
            raise ValueError("band must be [low, high] with low below high")
        return self
