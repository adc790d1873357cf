"""Takes out of a turn what must not be trained on: personal data, providers' ids and hidden reasoning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pointsman.domain.message import Message, Part, Reasoning, Refusal, Text, Tool, ToolCall, ToolResult
from pointsman.execution.privacy.redaction import Redactor


class Content(msgspec.Struct, frozen=True):
    """What a line is made of: the messages that were answered, the answer (or several, for pairs), and the tools."""

    messages: tuple[Message, ...]
    answers: tuple[Message, ...]
    tools: tuple[Tool, ...]


class NotClean(Exception):
    """Redaction failed, or does not hold what it found: nothing of this turn may be written."""


def cleaned(redactor: Redactor, content: Content) -> Content:
    """Return the content with personal data as tokens, ids counted anew, and no reasoning. Fails closed.

    Raises:
        NotClean: it cannot be redacted, or a second look still finds something.
    """
    try:
        ids: dict[str, str] = {}
        bare = Content(
            tuple(_bare(message, ids) for message in content.messages),
            # Of several answers each is counted on from the messages: they stand in for one another.
            tuple(_bare(message, dict(ids)) for message in content.answers),
            tuple(msgspec.structs.replace(tool, cache=None) for tool in content.tools),
        )
        plain = redactor.value(_words(bare))
        found = _filled(bare, plain)
        again = _words(found)
        if redactor.value(again) != again:
            raise NotClean("a second look finds more")
    except NotClean:
        raise
    except Exception as error:  # whatever it was, nothing may be written that was not looked through
        raise NotClean(type(error).__name__) from error
    return found


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


def _words(content: Content) -> list[Any]:
    """Return everything that somebody wrote, in the order of ``_filled``."""
    messages = [[_said(part) for part in message.parts] for message in (*content.messages, *content.answers)]
    tools = [{"description": tool.description, "parameters": tool.parameters} for tool in content.tools]
    return [messages, tools]


def _said(part: Part) -> Any:
    if isinstance(part, ToolCall):
        return part.arguments
    if isinstance(part, ToolResult):
        return [item.text for item in part.content if isinstance(item, Text)]
    return part.text if isinstance(part, Text) else ""


def _filled(content: Content, words: Any) -> Content:
    said, tools = words
    messages = [
        Message(message.role, tuple(_with(part, word) for part, word in zip(message.parts, one, strict=True)))
        for message, one in zip((*content.messages, *content.answers), said, strict=True)
    ]
    count = len(content.messages)
    return Content(
        tuple(messages[:count]),
        tuple(messages[count:]),
        tuple(
            Tool(tool.name, one["description"], one["parameters"], tool.strict)
            for tool, one in zip(content.tools, tools, strict=True)
        ),
    )


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
