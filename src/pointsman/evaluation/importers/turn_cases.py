"""Cuts a recorded conversation into cases: one for each turn of the agent, or one for the whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from pointsman.domain.message import JsonObject, Message, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import RequestError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case, Gold, GoldCall, Taped
from pointsman.evaluation.conversation import Conversation
from pointsman.evaluation.importers.case_seam import Found

GoldOf = Callable[[int, Message], Gold | None]
"""What is right in place of the agent's message at this index; None: not known."""


def turn_cases(conversation: Conversation, gold_of: GoldOf, tags: Mapping[str, str]) -> Iterator[Found]:
    """Yield a case for every message of the agent that answers something, with what the agent said and did."""
    messages = conversation.messages
    for place, message in enumerate(messages):
        if message.role != "assistant" or not place or messages[place - 1].role not in ("user", "tool"):
            continue
        after = "tool" if messages[place - 1].role == "tool" else "customer"
        until = next((n for n in range(place + 1, len(messages)) if messages[n].role == "user"), len(messages))
        case = Case(
            id=f"{conversation.id}#{place}",
            conversation_id=conversation.id,
            source=conversation.source,
            turn=_turn(conversation, place),
            gold=gold_of(place, message),
            tape=tape_of(messages[place:until]),
            tags={**tags, "after": after},
        )
        yield Found(case, shipped_of(case, message))


def open_case(conversation: Conversation) -> Case:
    """Return the end of a conversation, where an answer is due, as a case.

    Raises:
        RequestError: the last message is the agent's own.
    """
    if conversation.messages[-1].role not in ("user", "tool"):
        raise RequestError("nothing the agent says answers anything, and no answer is due at the end", param="messages")
    return Case(
        id=conversation.id,
        conversation_id=conversation.id,
        source=conversation.source,
        turn=_turn(conversation, len(conversation.messages)),
    )


def run_case(conversation: Conversation, gold: Gold | None, tags: Mapping[str, str]) -> Case | None:
    """Return the whole conversation as one case, up to the agent's first word; None where the agent never speaks."""
    messages = conversation.messages
    first = next((n for n, message in enumerate(messages) if message.role == "user"), len(messages))
    place = next((n for n in range(first, len(messages)) if messages[n].role == "assistant"), None)
    if place is None:
        return None
    # Words that nobody answered any more need no answer in a replay either.
    last = max(n for n, message in enumerate(messages) if message.role == "assistant")
    return Case(
        id=conversation.id,
        conversation_id=conversation.id,
        source=conversation.source,
        turn=_turn(conversation, place),
        gold=gold,
        tape=tape_of(messages[place:]),
        tags=dict(tags),
        customer=tuple(message for message in messages[place:last] if message.role == "user"),
    )


def _turn(conversation: Conversation, place: int) -> Turn:
    return Turn(messages=conversation.messages[:place], tools=conversation.tools, channel=conversation.channel)


def tape_of(messages: Sequence[Message]) -> tuple[Taped, ...]:
    """Return every call among ``messages`` that got a result, with it, in order."""
    return tuple(
        Taped(call.name, arguments, result)
        for call, result in answered_calls(messages)
        if (arguments := arguments_of(call)) is not None
    )


def answered_calls(messages: Sequence[Message]) -> Iterator[tuple[ToolCall, ToolResult]]:
    """Yield every call with its result: that of the same id right after it, since ids come twice in recorded conversations."""
    for asked, given in pairwise(messages):
        if asked.role != "assistant" or given.role != "tool":
            continue
        results = {part.call_id: part for part in given.parts if type(part) is ToolResult}
        for part in asked.parts:
            if type(part) is ToolCall and part.id in results:
                yield part, results[part.id]


def arguments_of(call: ToolCall) -> JsonObject | None:
    """Return a call's arguments; None where they are no JSON object."""
    try:
        value = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def gold_of_message(message: Message, writes: Mapping[str, bool] | None = None) -> Gold:
    """Return gold that wants what this message did: its calls with their arguments, or else no call."""
    known = writes or {}
    calls = tuple(
        GoldCall(
            part.name,
            {name: (value,) for name, value in (arguments_of(part) or {}).items()},
            writes=known.get(part.name),
        )
        for part in message.parts
        if type(part) is ToolCall
    )
    return Gold("calls", calls=calls) if calls else Gold("no_call", reply=message.text)


def shipped_of(case: Case, message: Message, **more: Any) -> Answer:
    """Return the agent's recorded message as an answer."""
    kept: Any = tuple(part for part in message.parts if type(part).__name__ in ("Text", "ToolCall", "Refusal"))
    called = any(type(part) is ToolCall for part in kept)
    reply = Reply("", str(more.get("model") or ""), kept, "tool_use" if called else "end_turn")
    return Answer(case.id, **{"model": "recorded", "repeat": 1, "origin": "recorded", "reply": reply, **more})
