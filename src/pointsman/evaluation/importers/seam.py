"""What an importer is: a name, a way to recognise its rows, and a way to read one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from pointsman.domain.message import Tool
from pointsman.evaluation.conversation import Conversation

Row = Mapping[str, Any]


class ToolBook(msgspec.Struct, frozen=True):
    """Tool schemas that stand in a file of their own.

    ``by_name`` finds a tool by its name or its longer key in the file; ``everyone`` are the tools of a file that is a plain
    list: every conversation that names none has them all.
    """

    by_name: dict[str, Tool] = msgspec.field(default_factory=dict)
    everyone: tuple[Tool, ...] = ()


class Importer(Protocol):
    """One format of recorded conversations, one JSON object a line."""

    name: str

    def recognises(self, row: Row) -> bool:
        """Tell whether ``row`` is of this format, by its own marks."""
        ...

    def companions(self, row: Row) -> Mapping[str, str]:
        """Return the names of files that usually stand beside this one: ``tools`` and ``system``, where they exist."""
        ...

    def read(self, row: Row, book: ToolBook, system: str | None) -> Conversation:
        """Read one row. ``system`` is a system prompt that the rows leave out.

        Raises:
            RequestError: the row is not a whole conversation; says which field.
        """
        ...
