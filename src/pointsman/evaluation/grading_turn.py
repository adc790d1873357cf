"""What happened in a case before its answer: the calls made, what they returned, and what was said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from pointsman.domain.message import Message, Text, ToolCall, ToolResult
from pointsman.evaluation.cases import Case

_FAILED: Final = re.compile(
    r"\s*(?:error|exception|failed|failure|traceback|not found|unauthori[sz]ed|forbidden)\b", re.IGNORECASE
)
_FAILED_WORDS: Final = frozenset({"error", "failed", "failure", "rejected", "denied"})


class Made(msgspec.Struct, frozen=True):
    """A call that was made: in this turn (``here``: since the customer's last message) or before, and how it went.

    ``failed`` is True where the result says so; a call without a recorded result is taken to have gone well.
    """

    name: str
    result: str
    failed: bool
    here: bool


def calls_made(case: Case) -> tuple[Made, ...]:
    """Return the calls of the conversation up to the answer, in order."""
    messages = case.turn.messages
    results = {part.call_id: part for message in messages for part in message.parts if type(part) is ToolResult}
    last = last_customer(messages)
    found = []
    for place, message in enumerate(messages):
        for part in message.parts:
            if type(part) is ToolCall:
                result = results.get(part.id)
                text = result_text(result) if result is not None else ""
                found.append(Made(part.name, text, result is not None and result_failed(result, text), place > last))
    return tuple(found)


def evidence(case: Case) -> tuple[str, ...]:
    """Return what tools said in this turn; where they said nothing, what the tape of the conversation holds."""
    last = last_customer(case.turn.messages)
    here = tuple(
        result_text(part)
        for message in case.turn.messages[last + 1 :]
        for part in message.parts
        if type(part) is ToolResult
    )
    return here or tuple(result_text(taped.result) for taped in case.tape)


def last_customer(messages: tuple[Message, ...]) -> int:
    """Return the place of the customer's last message; -1 where there is none."""
    return max((place for place, message in enumerate(messages) if message.role == "user"), default=-1)


def customer_texts(case: Case) -> tuple[str, ...]:
    """Return what the customer said, in order."""
    return tuple(message.text for message in case.turn.messages if message.role == "user")


def all_texts(case: Case) -> Iterator[str]:
    """Yield every text that a reply may take its facts from: messages, calls, results, the tape, the tools' descriptions."""
    for message in case.turn.messages:
        for part in message.parts:
            if type(part) is Text:
                yield part.text
            elif type(part) is ToolCall:
                yield part.arguments
            elif type(part) is ToolResult:
                yield result_text(part)
    for taped in case.tape:
        yield result_text(taped.result)
    for tool in case.turn.tools:
        yield tool.description


def result_text(result: ToolResult) -> str:
    """Return a result's text."""
    return "\n".join(part.text for part in result.content if type(part) is Text)


def result_value(text: str) -> Any:
    """Return a result as data where it is JSON; else None."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def result_failed(result: ToolResult, text: str) -> bool:
    """Tell whether a result says that the call failed."""
    if result.is_error or _FAILED.match(text):
        return True
    value = result_value(text)
    if not isinstance(value, dict):
        return False
    if value.get("error") or value.get("errors") or value.get("success") is False or value.get("ok") is False:
        return True
    return str(value.get("status", "")).lower() in _FAILED_WORDS
