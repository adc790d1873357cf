"""A conversation as it reads: what the customer said, what the agent answered, the tool calls between, each once.

Clients send the whole history with every turn; here only what is new since the turn before is shown. Bodies are read as they
were sent, in whichever dialect: nothing here may fail on odd input.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

from pointsman.domain.record import TurnRecord

Who = Literal["customer", "agent", "system", "thoughts", "other"]
_WHO: Final[dict[str, Who]] = {
    "user": "customer",
    "assistant": "agent",
    "model": "agent",
    "system": "system",
    "developer": "system",
}
_MOST_PARTS: Final = 2_000
_LONGEST_LOOK: Final = 100_000


class Words(msgspec.Struct):
    """Something said. ``sent`` says where it came from when the reader should know."""

    who: Who
    text: str
    kind: str = "words"
    sent: str = ""


class ToolCard(msgspec.Struct):
    """A tool call, and its result once a later turn brings it. ``ok`` None: unknown."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    ok: bool | None = None
    kind: str = "tool"


Block = Words | ToolCard


class Read(msgspec.Struct):
    """One turn as it reads: what was new before it, its system prompt where that changed, and its reply."""

    before: list[Block]
    system: str
    reply: list[Block]
    broken: str = ""


class Reader:
    """Reads the turns of one conversation, oldest first."""

    def __init__(self) -> None:
        self._sent: tuple[bytes, ...] = ()
        self._system = ""
        self._open: dict[str, ToolCard] = {}
        self._replied: list[Block] = []

    def read(self, record: TurnRecord) -> Read:
        """Return what a turn adds to the conversation."""
        messages = tuple(raw for name, raw in record.request if name == "message")
        system = "\n\n".join(
            block.text
            for name, raw in record.request
            if name == "system"
            for block in _blocks(_json(raw), "system")
            if isinstance(block, Words)
        )
        known = 0
        for old, new in zip(self._sent, messages, strict=False):
            if old != new:
                break
            known += 1
        before = list(self._new(messages[known:]))
        self._sent = messages
        changed, self._system = (system if system != self._system else ""), system
        reply, broken = self._reply(record)
        self._replied = reply
        return Read(before, changed, reply, broken)

    def _new(self, messages: Sequence[bytes]) -> Iterator[Block]:
        for place, raw in enumerate(messages):
            message = _json(raw)
            role = str(message.get("role", "user")) if isinstance(message, dict) else "user"
            blocks = self._paired(_blocks_of(message, role))
            if place == 0 and role == "assistant" and self._replied:
                if _same(blocks, self._replied):
                    continue  # our own reply, sent back
                for block in blocks:
                    if isinstance(block, Words):
                        block.sent = "as the client sent it back"
            yield from blocks

    def _paired(self, blocks: Iterator[Block]) -> list[Block]:
        kept: list[Block] = []
        for block in blocks:
            if isinstance(block, ToolCard) and block.result is not None:
                asked = self._open.pop(block.id, None)
                if asked is not None:
                    asked.result, asked.ok = block.result, block.ok
                    continue
            if isinstance(block, ToolCard) and block.result is None:
                if block.id in self._open:
                    continue  # shown as part of the reply that made it
                self._open[block.id] = block
            if isinstance(block, ToolCard) or block.text:  # reasoning that the provider keeps to itself has no words
                kept.append(block)
            if len(kept) >= _MOST_PARTS:
                break
        return kept

    def _reply(self, record: TurnRecord) -> tuple[list[Block], str]:
        if not record.reply:
            return [], ""
        reply = _json(record.reply)
        if not isinstance(reply, dict):
            return [], "The reply that was kept cannot be read."
        return self._paired(_blocks(reply.get("parts"), "assistant")), ""


def reply_blocks(raw: bytes | None) -> list[Block]:
    """Return a reply that was kept as JSON, such as a shadow reply."""
    reply = _json(raw) if raw else None
    return list(_blocks(reply.get("parts"), "assistant")) if isinstance(reply, dict) else []


def text_of(blocks: Sequence[Block]) -> str:
    """Return blocks as plain text, calls as ``name(arguments)``, to compare two replies."""
    return "\n".join(
        block.text if isinstance(block, Words) else f"{block.name}({block.arguments})"
        for block in blocks
        if not isinstance(block, Words) or block.who != "thoughts"
    )


def _same(one: Sequence[Block], other: Sequence[Block]) -> bool:
    return text_of(one).strip() == text_of([block for block in other if isinstance(block, Words)]).strip() or not one


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return raw.decode("utf-8", "replace")


def _blocks_of(message: Any, role: str) -> Iterator[Block]:
    if not isinstance(message, dict):
        yield from _blocks(message, role)
        return
    if role in ("tool", "function"):
        name = str(message.get("tool_call_id") or message.get("name") or "")
        parts = message.get("parts")
        if isinstance(parts, list):  # neutral
            yield from _blocks(parts, role)
        else:
            result = _flat(message.get("content"))
            yield ToolCard(name, str(message.get("name") or ""), "", result, False if _says_error(result) else None)
        return
    yield from _blocks(message.get("content", message.get("parts")), role)
    for call in _list(message.get("tool_calls")):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(call, dict) and isinstance(function, dict):
            yield ToolCard(str(call.get("id") or ""), _flat(function.get("name")), _flat(function.get("arguments")))


def _blocks(content: Any, role: str) -> Iterator[Block]:
    who = _WHO.get(role, "other")
    if content is None or content == "":
        return
    if isinstance(content, list):
        for part in content[:_MOST_PARTS]:
            yield from _blocks(part, role)
    elif isinstance(content, dict):
        yield _part(content, who)
    else:
        yield Words(who, content if isinstance(content, str) else _flat(content))


def _part(part: dict[str, Any], who: Who) -> Block:
    kind = part.get("type")
    if kind == "tool_result":
        failed = part.get("is_error")
        call = str(part.get("tool_use_id") or part.get("call_id") or "")
        result = _flat(part.get("content"))
        return ToolCard(call, str(part.get("name") or ""), "", result, not (failed or _says_error(result)))
    if kind in ("tool_use", "tool_call"):
        return ToolCard(
            str(part.get("id") or ""), _flat(part.get("name")), _flat(part.get("input", part.get("arguments")))
        )
    for name in ("text", "thinking", "refusal"):
        if isinstance(part.get(name), str):
            return Words("thoughts" if kind in ("reasoning", "thinking") else who, part[name])
    if kind in ("reasoning", "redacted_thinking"):
        return Words("thoughts", "")
    return Words(who, f"[{kind or 'something without words'}] {_flat(part)[:500]}")


def _flat(value: Any) -> str:
    """Return a value as text: words as they are, lists of text parts joined, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = [part["text"] for part in value if isinstance(part, dict) and isinstance(part.get("text"), str)]
        if texts and len(texts) == len(value):
            return "\n".join(texts)
    try:
        return msgspec.json.encode(value).decode()
    except (msgspec.MsgspecError, TypeError, ValueError):
        return str(value)


def _says_error(result: str) -> bool:
    """Return whether a result is an object that names an error: the OpenAI dialect has no other way to say that a tool failed."""
    if len(result) > _LONGEST_LOOK or not result.lstrip().startswith("{"):
        return False
    found = _json(result.encode("utf-8", "replace"))
    return isinstance(found, dict) and bool(found.get("error"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
