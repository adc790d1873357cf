"""How a conversation reads in the terminal: customer left, agent indented, tool cards between.

Messages are shown from the raw bodies as clients sent them, in whichever dialect: nothing here may fail on odd input.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from pointsman.cli.console import plain
from pointsman.cli.figures import plain_number
from pointsman.domain.record import TurnRecord

_LONGEST = 2000  # characters of one message on the screen; --json has all of it
_ROLE_STYLE = {"user": "bold", "assistant": "green", "tool": "yellow", "system": "dim", "developer": "dim"}
_ROLE_NAME = {"user": "customer", "assistant": "agent", "tool": "tool", "system": "system", "developer": "system"}
_INDENT = {"user": 2, "assistant": 10}  # a customer stands left, an agent further right, as in a chat


def conversation(record: TurnRecord) -> Iterator[RenderableType]:
    """Yield the conversation as sent, then the reply: customer left, agent further right, tool cards between."""
    for name, raw in record.request:
        if name == "system":
            yield _block("system", _texts(_read(raw)))
        elif name == "message":
            message = _read(raw)
            role = message.get("role", "user") if isinstance(message, dict) else "user"
            yield _block(str(role), list(_message_lines(message)))
    if record.reply:
        reply = _read(record.reply)
        parts = reply.get("parts", reply) if isinstance(reply, dict) else reply
        yield _block("assistant", _texts(parts), reply=True)


def _block(role: str, lines: list[Text], *, reply: bool = False) -> RenderableType:
    name = _ROLE_NAME.get(role, role) + (" (this reply)" if reply else "")
    title = plain(f"{name}:", _ROLE_STYLE.get(role, "bold"))
    return Padding(Group(title, *lines), (0, 0, 0, _INDENT.get(role, 6)))


def _message_lines(message: Any) -> Iterator[Text]:
    if not isinstance(message, dict):
        yield from _texts(message)
        return
    yield from _texts(message.get("content", message.get("parts")))  # parts: a neutral message, from the Python door
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield _call(function.get("name"), function.get("arguments"))


def _texts(content: Any) -> list[Text]:
    """Return content as lines, whichever dialect wrote it; what has no words is shown as JSON."""
    if content is None or content == "":
        return []
    if isinstance(content, list):
        return [line for item in content for line in _texts(item)]
    if isinstance(content, dict):
        return _part(content)
    return [plain(_clip(content) if isinstance(content, str) else short_json(content))]


def _part(part: dict[str, Any]) -> list[Text]:
    kind = part.get("type")
    if kind == "tool_result":
        mark = "failed" if part.get("is_error") else "result"
        card = plain(f"┌ {mark} of {part.get('tool_use_id') or part.get('call_id')}", "yellow")
        return [card, *(Text.assemble(("│ ", "yellow"), line) for line in _texts(part.get("content")))]
    if kind in ("tool_use", "tool_call"):
        return [_call(part.get("name"), part.get("input", part.get("arguments")))]
    words = next((part[name] for name in ("text", "thinking", "refusal") if isinstance(part.get(name), str)), None)
    if words is None:
        return [plain(short_json(part), "dim")]
    return [plain(_clip(words), "dim" if kind in ("reasoning", "thinking") else "")]


def _call(name: Any, arguments: Any) -> Text:
    said = arguments if isinstance(arguments, str) else short_json(arguments)
    return plain(f"┌ calls {name}({_clip(said)})", "yellow")


def _read(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return raw.decode("utf-8", "replace")


def _clip(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters; all of it with --json)"


def short_json(value: Any) -> str:
    """Return a value on one line: text as it is, the rest as JSON, clipped."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return plain_number(value)
    return _clip(msgspec.json.encode(value).decode())
