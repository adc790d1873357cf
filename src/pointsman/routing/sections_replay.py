"""The policy's section ``replay``: where the runs of ``pointsman replay`` are kept."""

from __future__ import annotations

from pydantic import Field

from pointsman.routing.sections import Section


class ReplaySection(Section):
    """Where the dashboard finds replay runs."""

    runs: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="Folder of runs, relative to this file; absent: `runs` beside the store.",
    )
