"""What turns the rows of a file into cases: a name, a way to recognise its rows, and a way to read one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case
from pointsman.evaluation.importers.seam import Row, ToolBook

Grain = Literal["turns", "runs"]
"""A case for every turn of the agent, or one for the whole conversation."""


class Wanted(msgspec.Struct, frozen=True):
    """How rows are read.

    ``recorded_gold``: what the agent did counts as right where the source brings no gold of its own. ``grain`` None is the
    format's usual one.
    """

    book: ToolBook = ToolBook()
    system: str | None = None
    grain: Grain | None = None
    recorded_gold: bool = False


class Found(msgspec.Struct, frozen=True):
    """A case, and the answer that was recorded with it (None: none was)."""

    case: Case
    shipped: Answer | None = None


class CaseFormat(Protocol):
    """One format of rows."""

    name: str

    def recognises(self, row: Row) -> bool:
        """Tell whether ``row`` is of this format, by its own marks."""
        ...

    def companions(self, row: Row) -> Mapping[str, str]:
        """Return the names of files that usually stand beside this one: ``tools`` and ``system``, where they exist."""
        ...

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Return the cases of one row.

        Raises:
            RequestError: the row holds none; says which field.
        """
        ...
