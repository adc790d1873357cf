"""What the Messages server refuses in the conversation: roles, blocks, and tool results that do not fit their calls."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from pointsman.emulator.anthropic_request import blocks_of, merged
from pointsman.emulator.anthropic_wire import signature
from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.models import ModelFacts

Json = dict[str, Any]

_ALLOWED = {
    "user": {"text", "image", "document", "tool_result", "search_result"},
    "assistant": {"text", "tool_use", "thinking", "redacted_thinking"},
    "system": {"text"},
}
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_MOST_MESSAGES = 100_000


def _refuse(message: str) -> NoReturn:
    raise RejectedError(message)


def check_turns(body: Json, facts: ModelFacts, *, new: bool) -> None:
    """Check system prompt and messages; ``new``: under API version 2026-10-21.

    Raises:
        RejectedError: the real server would refuse them.
    """
    _check_system(body.get("system"))
    messages = body.get("messages")
    if not isinstance(messages, list):
        _refuse("messages: Field required")
    if not messages:
        _refuse("messages: at least one message is required")
    if len(messages) > _MOST_MESSAGES:
        _refuse(f"messages: List should have at most {_MOST_MESSAGES} items")
    for index, message in enumerate(messages):
        _check_message(messages, index, message, facts, new=new)
    if messages[0]["role"] != "user":
        _refuse('messages: first message must use the "user" role')
    _check_prefill(messages[-1], facts)
    _check_tool_turns(body, messages)


def _check_system(system: Any) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        _refuse("system: Input should be a valid string or list")
    for index, item in enumerate(system):
        if not isinstance(item, dict) or item.get("type") != "text":
            _refuse(f"system.{index}.type: Input should be 'text'")
        _check_text(item, f"system.{index}", "system")


def _check_message(messages: list[Json], index: int, message: Any, facts: ModelFacts, *, new: bool) -> None:
    place = f"messages.{index}"
    if not isinstance(message, dict) or message.get("role") not in _ALLOWED:
        _refuse(f"{place}.role: Input should be 'user', 'assistant' or 'system'")
    for name in message:
        if name not in {"role", "content"}:
            _refuse(f"{place}.{name}: Extra inputs are not permitted")
    role, content = message["role"], message.get("content")
    if role == "system":
        if not facts.system_turns:
            _refuse(f"{place}.role: 'system' messages are not supported for this model")
        if index == 0 or messages[index - 1]["role"] != "user":
            _refuse(f"{place}: a 'system' message must directly follow a 'user' message")
    if not isinstance(content, str | list):
        _refuse(
            f"{place}.content: Field required"
            if content is None
            else f"{place}.content: Input should be a valid string or list"
        )
    last = index == len(messages) - 1
    if not content and not (last and role == "assistant"):
        _refuse(f"{place}: all messages must have non-empty content except for the optional final assistant message")
    for number, item in enumerate(blocks_of(content)):
        _check_block(item, f"{place}.content.{number}", role, facts, new=new)


def _check_block(item: Any, place: str, role: str, facts: ModelFacts, *, new: bool) -> None:
    kind = item.get("type") if isinstance(item, dict) else None
    if kind == "document" and role == "assistant":
        _refuse(f"{place}: 'document' blocks are not permitted in 'assistant' turns")
    if kind not in _ALLOWED[role]:
        _refuse(
            f"{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags for role '{role}'"
        )
    if kind == "text":
        _check_text(item, place, "text")
        if new and role == "user" and item.get("citations") is not None:
            _refuse(f"{place}.text.citations: Extra inputs are not permitted")
    elif kind == "image":
        _check_image(item, place, facts)
    elif kind == "tool_use":
        _check_tool_use(item, place)
    elif kind == "tool_result":
        _check_result(item, place, facts, new=new)
    elif kind == "thinking" and item.get("signature") != signature(str(item.get("thinking"))):
        _refuse(f"{place}: Invalid `signature` in `thinking` block")


def _check_text(item: Json, place: str, what: str) -> None:
    text = item.get("text")
    if not isinstance(text, str):
        _refuse(f"{place}.text.text: Field required")
    if not text:
        _refuse(f"{what if what == 'system' else 'messages'}: text content blocks must be non-empty")
    if not text.strip():
        _refuse(f"{what if what == 'system' else 'messages'}: text content blocks must contain non-whitespace text")


def _check_image(item: Json, place: str, facts: ModelFacts) -> None:
    if not facts.images:
        _refuse(f"{place}: this model does not support image input")
    source = item["source"] if isinstance(item.get("source"), dict) else {}
    kind = source.get("type")
    if kind not in {"base64", "url", "file"}:
        _refuse(
            f"{place}.image.source: Input tag '{kind}' does not match any of the expected tags: 'base64', 'url', 'file'"
        )
    if kind == "base64" and source.get("media_type") not in _IMAGES:
        _refuse(
            f"{place}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
        )
    field = {"base64": "data", "url": "url", "file": "file_id"}[str(kind)]
    if not isinstance(source.get(field), str) or not source[field]:
        _refuse(f"{place}.image.source.{kind}.{field}: Field required")


def _check_tool_use(item: Json, place: str) -> None:
    if not isinstance(item.get("id"), str) or not _CALL_ID.fullmatch(item["id"]):
        _refuse(f"{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if not isinstance(item.get("name"), str) or not item["name"]:
        _refuse(f"{place}.tool_use.name: Field required")
    if not isinstance(item.get("input"), dict):
        _refuse(f"{place}.tool_use.input: Input should be an object")


def _check_result(item: Json, place: str, facts: ModelFacts, *, new: bool) -> None:
    if not isinstance(item.get("tool_use_id"), str):
        _refuse(f"{place}.tool_result.tool_use_id: Field required")
    content = item.get("content")
    if content is None or isinstance(content, str):
        return
    for number, inner in enumerate(content):
        if not isinstance(inner, dict) or inner.get("type") not in {"text", "image", "document", "search_result"}:
            _refuse(f"{place}.tool_result.content.{number}: Input tag does not match any of the expected tags")
        _check_block(inner, f"{place}.tool_result.content.{number}", "user", facts, new=new)


def _check_prefill(last: Json, facts: ModelFacts) -> None:
    if last["role"] != "assistant":
        return
    if not facts.prefill:
        _refuse("This model does not support assistant message prefill. The conversation must end with a user message.")
    blocks = blocks_of(last["content"])
    if blocks and blocks[-1].get("type") == "text" and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
        _refuse("messages: final assistant content cannot end with trailing whitespace")


def _check_tool_turns(body: Json, messages: list[Json]) -> None:
    """Check that results answer the calls of the turn before, all of them and first."""
    turns = merged([message for message in messages if message["role"] != "system"])
    seen: set[str] = set()
    for index, (role, blocks) in enumerate(turns):
        calls = [item["id"] for item in blocks if item["type"] == "tool_use"]
        results = _leading_results(blocks) if role == "user" else []
        before = [item["id"] for item in turns[index - 1][1] if item["type"] == "tool_use"] if index else []
        for item in blocks:
            if item["type"] == "tool_result" and item["tool_use_id"] not in before:
                _refuse(
                    f"messages.{index}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {item['tool_use_id']}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
        missing = [call for call in before if call not in results] if role == "user" else []
        if missing:
            _refuse_unanswered(index - 1, missing)
        if calls and index == len(turns) - 1:
            _refuse_unanswered(index, calls)
        if len(set(calls)) < len(calls) or seen & set(calls):
            _refuse("messages: `tool_use` ids must be unique")
        seen.update(calls)
    if seen and not body.get("tools"):
        _refuse("Requests which have `tool_use` or `tool_result` blocks in their messages must define `tools`.")


def _leading_results(blocks: list[Json]) -> list[str]:
    found: list[str] = []
    for item in blocks:
        if item["type"] != "tool_result":
            break
        found.append(item["tool_use_id"])
    return found


def _refuse_unanswered(index: int, ids: list[str]) -> NoReturn:
    _refuse(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(ids)}. "
        "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )
