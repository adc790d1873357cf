"""The neutral format: one conversation a line, messages in OpenAI Chat Completions roles.

::

    {"id": "c-1", "messages": [{"role": "user", "content": "Hi"}, ...], "tools": [...], "channel": "chat"}

``id`` and ``channel`` may be left out, ``tools`` too (then the tools file's, if there is one, or none).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from pointsman.domain.chat_json import tools_from_openai
from pointsman.domain.turn import Channel
from pointsman.errors import RequestError
from pointsman.evaluation.conversation import Conversation
from pointsman.evaluation.importers.rows import conversation_id, conversation_messages
from pointsman.evaluation.importers.seam import Row, ToolBook


class OpenAIJsonl:
    """Reads any row that has ``messages``."""

    name = "openai"

    def recognises(self, row: Row) -> bool:
        """Any object with a list of messages will do."""
        return isinstance(row.get("messages"), list)

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - the neutral format stands alone
        """Name no other file: this format stands alone."""
        return {}

    def read(self, row: Row, book: ToolBook, system: str | None) -> Conversation:
        """Read one row."""
        messages = conversation_messages(row.get("messages"), system)
        tools = book.everyone if row.get("tools") is None else tools_from_openai(row["tools"])
        return Conversation(
            id=conversation_id(row, messages),
            source=self.name,
            messages=messages,
            tools=tools,
            channel=_channel(row.get("channel")),
        )


def _channel(value: Any) -> Channel:
    if value is None:
        return "chat"
    if value not in get_args(Channel):
        raise RequestError(f"channel is {value!r}; known are {', '.join(get_args(Channel))}", param="channel")
    return cast("Channel", value)
