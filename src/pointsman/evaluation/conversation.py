"""A recorded conversation, and the turns in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec

from pointsman.domain.message import Message, Tool
from pointsman.domain.turn import Channel, Turn


class Conversation(msgspec.Struct, frozen=True):
    """A conversation as it happened, with the agent's replies, tool calls and tool results.

    ``source`` names the format it was read from. ``tools`` are those the agent had throughout.
    """

    id: str
    source: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    channel: Channel = "chat"


class RecordedTurn(msgspec.Struct, frozen=True):
    """A turn together with what answered it.

    ``turn`` ends with the customer's message; ``answer`` holds every message up to the customer's next one: the agent's
    text, its tool calls and their results. It is empty where the recording stops.
    """

    turn: Turn
    answer: tuple[Message, ...]


def turns(conversation: Conversation) -> Iterator[Turn]:
    """Yield a turn for every customer message: the conversation up to and including it."""
    return (recorded.turn for recorded in recorded_turns(conversation))


def recorded_turns(conversation: Conversation) -> Iterator[RecordedTurn]:
    """Yield every turn with its recorded answer, in order."""
    messages = conversation.messages
    starts = [index for index, message in enumerate(messages) if message.role == "user"]
    for start, following in pairwise([*starts, len(messages)]):
        turn = Turn(
            messages=messages[: start + 1],
            tools=conversation.tools,
            channel=conversation.channel,
            metadata={"conversation": conversation.id},
        )
        yield RecordedTurn(turn, messages[start + 1 : following])
