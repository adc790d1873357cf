"""What was said, for receivers that may have it: messages, tools and replies, with personal data taken out.

It is redacted here even where the store keeps it as it came: what leaves the house is another matter.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pointsman.domain.message import Image, Message, Reasoning, Refusal, Text, ToolCall, ToolResult
from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError
from pointsman.evaluation.importers.cases_store import turn_of
from pointsman.execution.privacy.redaction import Redactor
from pointsman.monitoring.telemetry import conventions as names
from pointsman.monitoring.telemetry.spans import Value

_LONGEST: Final = 64 * 1024
"""Characters of one attribute: receivers refuse batches of many megabytes."""
_REPLY: Final = msgspec.json.Decoder(Reply)


class Content:
    """The content of one turn, redacted once. A turn whose words cannot be read or redacted has none."""

    def __init__(self, record: TurnRecord, redactor: Redactor) -> None:
        self._redactor = redactor
        self._record = redactor.record(record)
        self._turn, self._reply = _read(self._record)

    def text(self, text: str) -> str:
        """Return words without personal data, cut where they are very long."""
        return _cut(self._redactor.text(text))

    def handoff(self, n: int) -> str:
        """Return what was handed on in handoff ``n``, as JSON."""
        handoffs = self._record.handoffs
        return _cut(bytes(handoffs[n].artifact).decode()) if n < len(handoffs) else "{}"

    def of_turn(self) -> dict[str, Value]:
        """Return what the customer said last and what was answered."""
        said = next((one.text for one in reversed(self._turn.messages) if one.role == "user"), None)
        pairs = {
            names.INPUT_VALUE: said,
            names.OUTPUT_VALUE: self._reply.text if self._reply is not None else None,
            "pointsman.reasons.text": tuple(_cut(reason.text) for reason in self._record.decision.reasons) or None,
        }
        return {name: _cut(value) if isinstance(value, str) else value for name, value in pairs.items() if value}

    def of_call(self, *, answer: bool, error: str | None) -> dict[str, Value]:
        """Return the messages of the call that answered, and a failed call's words."""
        found: dict[str, Value] = {"pointsman.error.text": self.text(error)} if error else {}
        if not answer:
            return found
        turn, reply = self._turn, self._reply
        system = [{"type": "text", "content": one.text} for one in turn.messages if one.role == "system"]
        asked = [_parts(one) for one in turn.messages if one.role != "system"]
        found |= {names.INPUT_MESSAGES: _json(asked)} if asked else {}
        found |= {names.SYSTEM_INSTRUCTIONS: _json(system)} if system else {}
        if turn.tools:
            found[names.TOOL_DEFINITIONS] = _json([{"type": "function", **_tool(tool)} for tool in turn.tools])
        found |= _flat("llm.input_messages", turn.messages)
        for n, tool in enumerate(turn.tools):
            found[f"llm.tools.{n}.tool.json_schema"] = _json({"type": "function", "function": _tool(tool)})
        if reply is not None:
            message = Message("assistant", reply.parts)
            found[names.OUTPUT_MESSAGES] = _json([_parts(message) | {"finish_reason": reply.stop_reason}])
            found |= _flat("llm.output_messages", (message,)) | ({names.RESPONSE_ID: reply.id} if reply.id else {})
        return found


def _read(record: TurnRecord) -> tuple[Turn, Reply | None]:
    try:
        turn = turn_of(record)
    except (PointsmanError, msgspec.MsgspecError, ValueError, KeyError, TypeError):
        turn = Turn(())
    try:
        return turn, _REPLY.decode(record.reply) if record.reply else None
    except msgspec.MsgspecError:
        return turn, None


def _parts(message: Message) -> dict[str, Any]:
    """Return a message as the gen_ai conventions write it."""
    return {"role": message.role, "parts": [_part(part) for part in message.parts]}


def _part(part: Any) -> dict[str, Any]:
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"type": "text", "content": text}
        case Reasoning(text=text):
            return {"type": "reasoning", "content": text}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": _loaded(part.arguments)}
        case ToolResult():
            return {"type": "tool_call_response", "id": part.call_id, "response": _result(part)}
    kind = "image" if isinstance(part, Image) else "document"
    return {"type": "blob", "modality": kind, "content": "[not sent]"}


def _flat(prefix: str, messages: tuple[Message, ...]) -> dict[str, Value]:
    """Return messages as OpenInference writes them: one attribute for each field."""
    found: dict[str, Value] = {}
    place = 0
    for message in messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            head = f"{prefix}.{place}.message"
            found |= {f"{head}.role": "tool", f"{head}.content": _cut(_result(result))}
            found[f"{head}.tool_call_id"] = result.call_id
            place += 1
        if results:
            continue
        head = f"{prefix}.{place}.message"
        found |= {f"{head}.role": message.role, f"{head}.content": _cut(message.text)}
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        for n, call in enumerate(calls):
            at = f"{head}.tool_calls.{n}.tool_call"
            found |= {f"{at}.id": call.id, f"{at}.function.name": call.name}
            found[f"{at}.function.arguments"] = _cut(call.arguments)
        place += 1
    return found


def _result(part: ToolResult) -> str:
    return "\n".join(one.text if isinstance(one, Text) else "[not sent]" for one in part.content)


def _tool(tool: Any) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def _loaded(arguments: str) -> Any:
    try:
        return msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return arguments


def _json(value: Any) -> str:
    return _cut(msgspec.json.encode(value).decode())


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [{len(text) - _LONGEST} characters more]"
