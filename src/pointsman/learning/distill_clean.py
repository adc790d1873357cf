"""Takes out of a turn what must not be trained on: personal data, providers' ids and hidden reasoning."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from pointsman.domain.message import Message, Part, Reasoning, Refusal, Text, Tool, ToolCall, ToolResult
from pointsman.execution.privacy.redaction import Redactor

_MOST = 256


class Content(msgspec.Struct, frozen=True):
    """What a line is made of: the messages that were answered, the answer (or several, for pairs), and the tools."""

    messages: tuple[Message, ...]
    answers: tuple[Message, ...]
    tools: tuple[Tool, ...]


class NotClean(Exception):
    """Redaction failed, or does not hold what it found: nothing of this turn may be written."""


class Cleaner:
    """Cleans turns. Tools are the same turn after turn: what was made of them is kept."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._tools: dict[bytes, tuple[Tool, ...]] = {}

    def clean(self, content: Content) -> Content:
        """Return the content with personal data as tokens, ids counted anew, and no reasoning. Fails closed.

        Raises:
            NotClean: it cannot be redacted, or a second look still finds something.
        """
        try:
            ids: dict[str, str] = {}
            messages = [_bare(message, ids) for message in content.messages]
            # Of several answers each is counted on from the messages: they stand in for one another.
            messages += [_bare(message, dict(ids)) for message in content.answers]
            said = self._redacted([[_said(part) for part in message.parts] for message in messages])
            found = [
                Message(message.role, tuple(_with(part, word) for part, word in zip(message.parts, one, strict=True)))
                for message, one in zip(messages, said, strict=True)
            ]
            tools = self._of_tools(content.tools)
        except NotClean:
            raise
        except Exception as error:  # whatever it was, nothing may be written that was not looked through
            raise NotClean(type(error).__name__) from error
        count = len(content.messages)
        return Content(tuple(found[:count]), tuple(found[count:]), tools)

    def _redacted(self, words: Any) -> Any:
        found = self.redactor.value(words)
        if self.redactor.value(found) != found:
            raise NotClean("a second look finds more")
        return found

    def _of_tools(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        key = hashlib.blake2b(msgspec.json.encode(tools), digest_size=16).digest()
        known = self._tools.get(key)
        if known is None:
            words = self._redacted([{"description": tool.description, "parameters": tool.parameters} for tool in tools])
            known = tuple(
                Tool(tool.name, one["description"], one["parameters"], tool.strict)
                for tool, one in zip(tools, words, strict=True)
            )
            if len(self._tools) >= _MOST:
                self._tools.clear()
            self._tools[key] = known
        return known


def _bare(message: Message, ids: dict[str, str]) -> Message:
    kept = [_bare_part(part, ids) for part in message.parts if not isinstance(part, Reasoning)]
    return Message(message.role, tuple(kept))


def _bare_part(part: Part, ids: dict[str, str]) -> Part:
    if isinstance(part, ToolCall):
        return ToolCall(_named(part.id, ids), part.name, part.arguments)
    if isinstance(part, ToolResult):
        content = tuple(Text(item.text) for item in part.content if isinstance(item, Text))
        return ToolResult(_named(part.call_id, ids), content, part.name, part.is_error)
    if isinstance(part, Refusal):
        return Text(part.text)
    return Text(part.text) if isinstance(part, Text) else part


def _named(given: str, ids: dict[str, str]) -> str:
    return ids.setdefault(given, f"call_{len(ids) + 1}")


def _said(part: Part) -> Any:
    if isinstance(part, ToolCall):
        return part.arguments
    if isinstance(part, ToolResult):
        return [item.text for item in part.content if isinstance(item, Text)]
    return part.text if isinstance(part, Text) else ""


def _with(part: Part, word: Any) -> Part:
    if isinstance(part, ToolCall):
        return ToolCall(part.id, part.name, word)
    if isinstance(part, ToolResult):
        return ToolResult(part.call_id, tuple(map(Text, word)), part.name, part.is_error)
    return Text(word) if isinstance(part, Text) else part


def tail(messages: Sequence[Message], answer: Message) -> str:
    """Return what is new in a turn: all since the last word of the agent, and the answer."""
    last = max((n for n, message in enumerate(messages) if message.role == "assistant"), default=-1)
    new = [message for message in (*messages[last + 1 :], answer) if message.role != "system"]
    return "\n".join(words_of(message) for message in new)


def words_of(message: Message) -> str:
    """Return all words of a message: texts, calls with their arguments, results."""
    words: list[str] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            words.append(f"{part.name} {part.arguments}")
        elif isinstance(part, ToolResult):
            words += [item.text for item in part.content if isinstance(item, Text)]
        elif isinstance(part, Text | Refusal):
            words.append(part.text)
    return "\n".join(words)
