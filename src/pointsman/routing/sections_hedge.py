"""The policy's section on a second call beside a slow one: ``hedge``."""

from __future__ import annotations

from pydantic import Field

from pointsman.routing.sections import Section


class HedgeSection(Section):
    """A second call, to the turn's next model, where the first shows nothing for too long. Off where the section is absent."""

    after_ms: int = Field(
        ge=50, le=60_000, description="Milliseconds without any content, before a second call is made."
    )
    max_share: float = Field(
        default=0.05, gt=0, le=1, description="Share of the streamed turns that may have a second call."
    )
