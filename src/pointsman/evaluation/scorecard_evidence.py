"""Who said what: the texts of a conversation by speaker, and whether a quote stands in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pointsman.domain.message import Refusal, Text, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.grading_turn import result_text
from pointsman.evaluation.scorecard_marks import Quote

_SPEAKERS = {"user": "customer", "assistant": "agent", "tool": "tool", "system": "instructions"}
_MARKS = "\"'“”‘’«» \t\r\n"
_LONGEST = 500


def reply_of(answer: Answer) -> Reply | None:
    """Return an answer's reply; of a recorded model that wrote its calls as text, that text. None: there was none."""
    if answer.reply is None and answer.text_calls:
        return Reply("", answer.model, (Text(answer.text_calls),), "end_turn")
    return answer.reply


class Said:
    """What each speaker said: in the conversation before the reply, and in the reply."""

    def __init__(self, prefix: Turn, reply: Reply) -> None:
        self.reply = tuple(_texts(reply.parts))
        self._messages = prefix.messages

    def by(self, speaker: str) -> tuple[str, ...]:
        """Return everything a speaker said, oldest first."""
        before = tuple(
            text for message in self._messages if _SPEAKERS[message.role] == speaker for text in _texts(message.parts)
        )
        return (*before, *self.reply) if speaker == "agent" else before

    def quote(self, text: str, speaker: str) -> Quote | None:
        """Return a quote where that speaker said it, letter by letter; None where they did not."""
        for wanted in (text, text.strip(_MARKS), text.strip(_MARKS).replace("&lt;", "<")):
            if wanted and any(wanted in said for said in self.by(speaker)):
                return Quote(speaker, wanted[:_LONGEST])
        return None


def _texts(parts: tuple[Any, ...]) -> Iterable[str]:
    for part in parts:
        if type(part) in (Text, Refusal):
            yield part.text
        elif type(part) is ToolCall:
            yield f"{part.name} {part.arguments}"
        elif type(part) is ToolResult:
            yield result_text(part)
