"""Schema-Guided Dialogue: multi-turn dialogues with service calls and their results.

A row names its tools; their schemas stand in ``sgd_tools.json`` beside it, under ``<source_split>:<name>``.
Data: google-research-datasets/dstc8-schema-guided-dialogue, CC BY-SA 4.0.
"""

from __future__ import annotations

from collections.abc import Mapping

from pointsman.evaluation.conversation import Conversation
from pointsman.evaluation.importers.rows import conversation_id, conversation_messages, named_tools
from pointsman.evaluation.importers.seam import Row, ToolBook


class Sgd:
    """Reads rows with ``services`` and ``gold_calls``."""

    name = "sgd"

    def recognises(self, row: Row) -> bool:
        """Tell by the source, or by the two fields no other format has."""
        return row.get("source") == "sgd" or ("services" in row and "gold_calls" in row)

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - the same for every row
        """Name the file of tool schemas."""
        return {"tools": "sgd_tools.json"}

    def read(self, row: Row, book: ToolBook, system: str | None) -> Conversation:
        """Read one row; gold calls and dialogue acts are left to the graders."""
        messages = conversation_messages(row.get("messages"), system)
        tools = named_tools(row.get("tools", []), book, str(row.get("source_split", "")))
        return Conversation(id=conversation_id(row, messages), source=self.name, messages=messages, tools=tools)
