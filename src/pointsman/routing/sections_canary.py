"""The policy's section ``canaries``: a model that answers a share of the conversations in another's place."""

from __future__ import annotations

from pydantic import Field

from pointsman.routing.sections import Names, Section


class Canary(Section):
    """A candidate on trial. A conversation keeps its side of the line from its first turn to its last."""

    replaces: str = Field(description="The model in whose place it answers.")
    model: str = Field(description="The model on trial.")
    share: float = Field(gt=0, le=0.5, description="Share of the conversations, 0 to 0.5.")
    rollback_on: Names = Field(
        description="Monitors that end the trial when one fires for this model; 'pointsman canary' begins it again."
    )
