"""Which turns are good enough to learn from, and the one word that says why a turn is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from pointsman.contracts import Shelf
from pointsman.domain.message import Document, Image, Message, Refusal, Tool, ToolCall, ToolResult
from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import UsageError
from pointsman.learning.distill_sample import Sample
from pointsman.store.outcomes import Feedback, Outcome

LOW_RATING: Final = 2
HIGH_RATING: Final = 4
_YES: Final = frozenset({"1", "true", "yes", "y", "on", "given", "granted"})
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_TOOLS: Final = 1000

Sieve = Callable[[Sample], str | None]
"""A further check of a turn (a scorecard, say): the word why it is left out, or None."""


def has_consent(metadata: Mapping[str, str], field: str) -> bool:
    """Return whether the turn's metadata says yes under this name."""
    return metadata.get(field, "").strip().lower() in _YES


def checks_failed(record: TurnRecord) -> bool:
    """Return whether the last word of some check on the turn's reply was no: an earlier try that was mended does not count."""
    last = {check.name: check.passed for check in record.checks}
    return not all(last.values())


def complained(feedback: tuple[Feedback, ...]) -> bool:
    """Return whether somebody said of the turn that it was bad."""
    return any(one.thumb == "down" or (one.rating is not None and one.rating <= LOW_RATING) for one in feedback)


def praised(feedback: tuple[Feedback, ...]) -> bool:
    """Return whether somebody said of the turn that it was good."""
    return any(one.thumb == "up" or (one.rating is not None and one.rating >= HIGH_RATING) for one in feedback)


def ended_badly(outcome: Outcome | None) -> bool:
    """Return whether the conversation is known to have ended badly."""
    if outcome is None:
        return False
    if outcome.csat is not None and outcome.csat <= LOW_RATING:
        return True
    return outcome.resolved is False or outcome.escalated is True or outcome.reopened is True


def sufficient(sample: Sample) -> bool | None:
    """Return whether the turn was handled well enough by its route and model; None where nobody can tell."""
    if sample.record.status != "ok" or checks_failed(sample.record) or complained(sample.feedback):
        return False
    if praised(sample.feedback):
        return True
    if ended_badly(sample.outcome):
        return False
    return True if sample.outcome is not None and sample.outcome.resolved else None


class Answers:
    """Tells whether an answer may be learnt from; compiled tools are kept from turn to turn."""

    def __init__(self) -> None:
        self._contracts = Shelf(_MOST_TOOLS, repair=False)

    def fault(self, sample: Sample) -> str | None:
        """Return why the sample's answer is no example to follow, or None."""
        reply, record = sample.reply, sample.record
        if record.status != "ok" or reply is None:
            return "not_answered"
        refused = reply.stop_reason == "refusal" or any(isinstance(part, Refusal) for part in reply.parts)
        faults = {
            "truncated": reply.stop_reason == "max_tokens",
            "refusal": refused,
            "empty": not reply.text.strip() and not reply.tool_calls,
            "check_failed": checks_failed(record),
            "negative_feedback": complained(sample.feedback),
            "negative_outcome": ended_badly(sample.outcome),
        }
        return next((word for word, found in faults.items() if found), None) or self.shape_fault(sample.turn, reply)

    def shape_fault(self, turn: Turn, reply: Reply) -> str | None:
        """Return what about messages or calls keeps a line from being valid for training, or None."""
        if any(has_attachment(message) for message in turn.messages):
            return "attachment"
        if not all(_TOOL_NAME.fullmatch(tool.name) for tool in turn.tools):
            return "tool_name"
        tools = {tool.name: tool for tool in turn.tools}
        for call in reply.tool_calls:
            if call.name not in tools or not self._fits(tools[call.name], call):
                return "bad_tool_call"
        return None

    def _fits(self, tool: Tool, call: ToolCall) -> bool:
        try:
            return self._contracts.of_tool(tool).check(call).outcome == "ok"
        except UsageError:
            return False


def has_attachment(message: Message) -> bool:
    """Return whether a message brings a picture or a file: not every model to train can read one."""
    return any(
        isinstance(item, Image | Document)
        for part in message.parts
        for item in (part.content if isinstance(part, ToolResult) else (part,))
    )
