"""A conversation as a row of events: who said what, which call was made when, and what came back."""

from __future__ import annotations

from typing import Any

import msgspec

from pointsman.domain.message import Message, Text, ToolCall, ToolResult
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_turn import result_failed, result_text, result_value

_SPEAKERS = {"user": "customer", "assistant": "agent"}
_LONGEST = 20_000


class Said(msgspec.Struct, frozen=True):
    """Words of the agent or the customer. ``judged``: they are the answer's own; ``place`` counts messages."""

    place: int
    judged: bool
    speaker: str
    text: str


class Called(msgspec.Struct, frozen=True):
    """A call. ``well``: it has a result, which is no error; a call without one that history holds is taken to have gone well."""

    place: int
    judged: bool
    name: str
    arguments: dict[str, Any]
    well: bool
    result: Any


class Told(msgspec.Struct, frozen=True):
    """What a tool returned."""

    place: int
    text: str


class Events(msgspec.Struct, frozen=True):
    """All of a conversation up to and with the answer."""

    said: tuple[Said, ...]
    calls: tuple[Called, ...]
    told: tuple[Told, ...]
    ended: bool


def events_of(case: Case, answer: Answer) -> Events:
    """Return the events of a case and an answer to it; of a run that went on freely, of all that was said in it."""
    before = case.turn.messages
    own = answer.way.messages if answer.way is not None else (_own(answer),)
    messages = (*before, *own)
    results = {part.call_id: part for message in messages for part in message.parts if type(part) is ToolResult}
    said, calls, told = [], [], []
    for place, message in enumerate(messages):
        judged = place >= len(before)
        for part in message.parts:
            if type(part) is Text and message.role in _SPEAKERS:
                said.append(
                    Said(place, judged and message.role == "assistant", _SPEAKERS[message.role], part.text[:_LONGEST])
                )
            elif type(part) is ToolCall:
                calls.append(_called(place, judged, part, results.get(part.id)))
            elif type(part) is ToolResult:
                told.append(Told(place, result_text(part)[:_LONGEST]))
    return Events(
        tuple(said), tuple(calls), tuple(told), ended=not any(type(part) is ToolCall for part in messages[-1].parts)
    )


def _own(answer: Answer) -> Message:
    return Message("assistant", () if answer.reply is None else answer.reply.parts)


def _called(place: int, judged: bool, call: ToolCall, result: ToolResult | None) -> Called:
    try:
        arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        arguments = {}
    text = "" if result is None else result_text(result)
    well = not result_failed(result, text) if result is not None else not judged
    return Called(place, judged, call.name, arguments, well, result_value(text))
