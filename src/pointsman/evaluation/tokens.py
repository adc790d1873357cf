"""Estimates the tokens of a recorded turn from its text, four bytes a token: recordings rarely keep the real counts.

Four bytes a token is a rule of thumb for English prose; JSON and other languages take more tokens than it says. Images and
files are not counted: their bytes say nothing about their tokens. What is shown from these counts is called estimated.
"""

from __future__ import annotations

import msgspec

from pointsman.domain.message import Message, Reasoning, Refusal, Text, Tool, ToolCall, ToolResult
from pointsman.domain.usage import Usage
from pointsman.evaluation.conversation import Conversation

BYTES_PER_TOKEN = 4
_MESSAGE_OVERHEAD = 12
"""Bytes a role and its separators take around each message: about three tokens in the published chat templates."""


def answer_usages(conversation: Conversation) -> list[tuple[Usage, ...]]:
    """Return, for every turn of ``conversation``, the usage of each model call that answered it, uncached.

    An agent with tools calls the model once for every assistant message; each call reads the whole conversation so far,
    with the tools. The tuple of a turn without a recorded answer is empty: its cost is unknown.
    """
    read = sum(tool_bytes(tool) for tool in conversation.tools)
    turns: list[list[Usage]] = []
    for message in conversation.messages:
        size = message_bytes(message)
        if message.role == "user":
            turns.append([])
        elif message.role == "assistant" and turns:
            turns[-1].append(Usage(input_uncached=_tokens(read), output=_tokens(size)))
        read += size + _MESSAGE_OVERHEAD
    return [tuple(turn) for turn in turns]


def message_bytes(message: Message) -> int:
    """Return the bytes of a message's text, tool calls and tool results."""
    return sum(_part_bytes(part) for part in message.parts)


def tool_bytes(tool: Tool) -> int:
    """Return the bytes a tool's definition takes in the prompt."""
    return len(tool.name) + len(tool.description.encode()) + len(msgspec.json.encode(tool.parameters))


def _part_bytes(part: object) -> int:
    match part:
        case Text() | Refusal() | Reasoning():
            return len(part.text.encode())
        case ToolCall():
            return len(part.name) + len(part.arguments.encode())
        case ToolResult():
            return sum(_part_bytes(inner) for inner in part.content)
        case _:
            return 0


def _tokens(size: int) -> int:
    """Return ``size`` bytes as tokens, at least one: nothing is sent or answered with none."""
    return max(1, round(size / BYTES_PER_TOKEN))
