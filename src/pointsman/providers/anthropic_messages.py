"""The conversation as Anthropic wants it: system apart, user and assistant in turns, tool results first in a user turn."""

from __future__ import annotations

from typing import Any

from pointsman.catalog.models import Model
from pointsman.domain.message import (
    CacheMark,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from pointsman.domain.turn import Turn
from pointsman.errors import RequestError, UnsupportedParameter
from pointsman.providers import parameters, reasoning
from pointsman.providers.conversation import OPENING, SYSTEM_MARK, document_text, leading_system, object_arguments
from pointsman.providers.tool_names import wire_id, wire_name

Json = dict[str, Any]

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


def conversation(turn: Turn, model: Model) -> tuple[list[Json], list[Json]]:
    """Return the system blocks and the messages.

    Raises:
        RequestError: a message has nothing in it, or a part cannot stand where it does.
        UnsupportedParameter: the conversation ends with the assistant and this model takes no prefill.
    """
    leading = leading_system(turn.messages)
    system = [block for message in turn.messages[:leading] for block in _texts(message.parts)]
    messages: list[Json] = []
    for number in range(leading, len(turn.messages)):
        _add(messages, turn.messages[number], number, model, first=number == leading)
    if messages and messages[0]["role"] == "assistant":
        messages.insert(0, {"role": "user", "content": [{"type": "text", "text": OPENING}]})
    for message in messages:
        if message["role"] == "user":
            # sort is stable: results first, everything else in its order.
            message["content"].sort(key=lambda block: block["type"] != "tool_result")
    _check_prefill(messages, model)
    return system, messages


def _add(messages: list[Json], message: Message, number: int, model: Model, *, first: bool) -> None:
    role = "assistant" if message.role == "assistant" else "user"
    param = f"messages.{number}.content"
    if message.role == "system":
        blocks = _texts(message.parts)
        if model.system_turns and messages and messages[-1]["role"] == "user":
            if blocks:
                messages.append({"role": "system", "content": blocks})
            return
        if blocks and not first:
            blocks[0]["text"] = SYSTEM_MARK + blocks[0]["text"]
    else:
        blocks = [block for part in message.parts for block in _blocks(part, param, model, role)]
    if not blocks:
        if message.role == "user":
            raise RequestError("a user message without any content cannot be sent to this provider", param=param)
        return
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"] += blocks
    else:
        messages.append({"role": role, "content": blocks})


def _check_prefill(messages: list[Json], model: Model) -> None:
    if not messages or messages[-1]["role"] != "assistant":
        return
    last = messages[-1]["content"][-1]
    if last["type"] != "text":
        return
    if not model.prefill:
        raise UnsupportedParameter(f"{model.id} does not continue an assistant message", param="messages")
    # Trailing white space in a prefill is a 400.
    last["text"] = last["text"].rstrip()


def _texts(parts: tuple[Part, ...]) -> list[Json]:
    """Return the text blocks; blank ones are left out, Anthropic refuses them."""
    return [
        marked({"type": "text", "text": part.text}, part.cache)
        for part in parts
        if type(part) is Text and part.text.strip()
    ]


def _blocks(part: Part, param: str, model: Model, role: str) -> list[Json]:
    match part:
        case Text():
            return _texts((part,))
        case Refusal(text=text):
            return _texts((Text(text),))
        case Reasoning():
            return _thinking(part, model)
        case Image():
            return [_image(part, param)]
        case Document():
            return [_document(part, param, role)]
        case _:
            return [_call(part, param) if isinstance(part, ToolCall) else _result(part, param, model)]


def _thinking(part: Reasoning, model: Model) -> list[Json]:
    if not part.state or not reasoning.travels_to(part.origin, model):
        return []
    if part.redacted:
        return [{"type": "redacted_thinking", "data": part.state}]
    return [{"type": "thinking", "thinking": part.text, "signature": part.state}]


def _call(part: ToolCall, param: str) -> Json:
    block = {
        "type": "tool_use",
        "id": wire_id(part.id),
        "name": wire_name(part.name),
        "input": object_arguments(part, param),
    }
    return marked(block, part.cache)


def _result(part: ToolResult, param: str, model: Model) -> Json:
    block: Json = {"type": "tool_result", "tool_use_id": wire_id(part.call_id)}
    content = [inner for item in part.content for inner in _blocks(item, param, model, "user")]
    if content:
        block["content"] = content
    if part.is_error:
        block["is_error"] = True
    return marked(block, part.cache)


def _image(part: Image, param: str) -> Json:
    if part.url is not None:
        return marked({"type": "image", "source": {"type": "url", "url": part.url}}, part.cache)
    media_type = part.media_type or "image/png"
    if media_type not in _IMAGES:
        raise UnsupportedParameter(f"this provider takes no {media_type} images", param=param)
    source = {"type": "base64", "media_type": media_type, "data": part.data or ""}
    return marked({"type": "image", "source": source}, part.cache)


def _document(part: Document, param: str, role: str) -> Json:
    if role == "assistant":
        raise RequestError("an assistant message cannot hold a document for this provider", param=param)
    kind = parameters.modality(part)
    if kind is None:
        source: Json = {"type": "text", "media_type": "text/plain", "data": document_text(part, param)}
    elif kind != "pdf":
        raise UnsupportedParameter(f"this dialect has no block for {part.media_type}", param=param)
    elif part.url is not None:
        source = {"type": "url", "url": part.url}
    else:
        source = {"type": "base64", "media_type": part.media_type, "data": part.data or ""}
    block: Json = {"type": "document", "source": source}
    if part.name:
        block["title"] = part.name
    return marked(block, part.cache)


def marked(block: Json, cache: CacheMark | None) -> Json:
    """Return ``block`` with the client's cache mark."""
    if cache is not None:
        mark: Json = {"type": "ephemeral"}
        if cache.ttl is not None:
            mark["ttl"] = cache.ttl
        block["cache_control"] = mark
    return block
