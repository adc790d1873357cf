"""Reads a Messages request that has passed the checks into an ``Ask``."""

from __future__ import annotations

from typing import Any

from pointsman.emulator.counting import block
from pointsman.emulator.exchange import Ask, Mark, Prompt, ToolOutput, ToolSpec
from pointsman.emulator.models import ModelFacts

Json = dict[str, Any]
TTLS = {"5m": 300, "1h": 3600}
_CHOICES: dict[str, Any] = {"auto": "auto", "any": "required", "tool": "named", "none": "none"}


def blocks_of(content: Any) -> list[Json]:
    """Return content as a list of blocks, a string being one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def merged(messages: list[Json]) -> list[tuple[str, list[Json]]]:
    """Return (role, blocks) with consecutive turns of one role joined, as the server does."""
    turns: list[tuple[str, list[Json]]] = []
    for message in messages:
        blocks = blocks_of(message["content"])
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(blocks)
        else:
            turns.append((message["role"], list(blocks)))
    return turns


def read(body: Json, facts: ModelFacts) -> Ask:
    """Return the request as the emulator understands it."""
    turns = merged(body["messages"])
    said = [text for role, blocks in turns if role == "user" and (text := _text(blocks))]
    choice = body.get("tool_choice") or {"type": "auto"}
    output_format = (body.get("output_config") or {}).get("format")
    thinking = body.get("thinking") or {}
    reasons = thinking.get("type", "adaptive" if facts.thinks_unasked else "disabled") != "disabled"
    return Ask(
        dialect="anthropic",
        facts=facts,
        model=body["model"],
        prompt=_prompt(body, turns),
        stream=bool(body.get("stream")),
        system=_text(blocks_of(body.get("system") or [])),
        said=tuple(said),
        turn=max(0, len(said) - 1),
        tools=tuple(
            ToolSpec(tool["name"], tool.get("description") or "", tool["input_schema"])
            for tool in body.get("tools") or ()
            if "input_schema" in tool
        ),
        choice=_CHOICES[choice["type"]],
        names=(choice["name"],) if choice["type"] == "tool" else (),
        parallel=not choice.get("disable_parallel_tool_use"),
        outputs=_outputs(turns),
        format="json_schema" if output_format else "text",
        schema=output_format["schema"] if output_format else None,
        max_tokens=body.get("max_tokens"),
        stops=tuple(body.get("stop_sequences") or ()),
        reasons=reasons,
        show_reasoning=reasons and thinking.get("display") != "omitted" and bool(thinking),
    )


def _text(blocks: list[Json]) -> str:
    return "\n".join(item["text"] for item in blocks if item.get("type") == "text")


def _outputs(turns: list[tuple[str, list[Json]]]) -> tuple[ToolOutput, ...]:
    last_assistant = max((index for index, turn in enumerate(turns) if turn[0] == "assistant"), default=-1)
    names = {item["id"]: item["name"] for _, blocks in turns for item in blocks if item.get("type") == "tool_use"}
    return tuple(
        ToolOutput(
            call_id=item["tool_use_id"],
            name=names.get(item["tool_use_id"], ""),
            text=_text(blocks_of(item.get("content") or "")),
            is_error=bool(item.get("is_error")),
        )
        for _, blocks in turns[last_assistant + 1 :]
        for item in blocks
        if item.get("type") == "tool_result"
    )


def _prompt(body: Json, turns: list[tuple[str, list[Json]]]) -> Prompt:
    """Return the prompt in the server's order: tools, system, messages; the marks stand on block numbers."""
    items: list[Json] = [*(body.get("tools") or ()), *blocks_of(body.get("system") or [])]
    roles: list[str] = [""] * len(items)
    for role, blocks in turns:
        items.extend(blocks)
        roles.extend([role] * len(blocks))
    pieces = tuple(
        role.encode() + block(item, ignore=("cache_control",)) for role, item in zip(roles, items, strict=True)
    )
    marks = [
        Mark(index, TTLS[control.get("ttl") or "5m"])
        for index, item in enumerate(items)
        if isinstance(control := item.get("cache_control"), dict)
    ]
    top = body.get("cache_control")
    if isinstance(top, dict) and items and not any(mark.block == len(items) - 1 for mark in marks):
        marks.append(Mark(len(items) - 1, TTLS[top.get("ttl") or "5m"]))
    return Prompt(pieces, tuple(marks))
