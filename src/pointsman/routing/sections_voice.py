"""The section ``voice``: how soon a caller must hear the first word."""

from __future__ import annotations

from pydantic import Field

from pointsman.routing.sections import Section


class Voice(Section):
    """The latency budget of the voice channel."""

    budget_ms: float | None = Field(
        default=None,
        gt=0,
        le=60_000,
        description="From the request to the first word: slower models are left out, calls before the reply that do not fit too.",
    )
