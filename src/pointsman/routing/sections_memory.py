"""The policy's section on what is remembered of conversations: ``memory``."""

from __future__ import annotations

from pydantic import Field

from pointsman.routing.sections import Section


class MemorySection(Section):
    """What is remembered between the turns of a conversation that the client names; nothing of others."""

    keep: bool = Field(default=True, description="Whether plans, facts and promises are remembered at all.")
    ttl_days: float = Field(default=30, gt=0, le=3650, description="Days after its last turn; then it is deleted.")
    max_facts: int = Field(default=50, ge=0, le=1000, description="Named facts per conversation; the oldest leave.")
    max_bytes: int = Field(
        default=16_384, ge=256, le=1_048_576, description="Size per conversation; the oldest facts leave."
    )
