"""Reads a generateContent request into an ``Ask``. Field names come in camelCase or snake_case, mixed, as proto JSON allows."""

from __future__ import annotations

import re
from typing import Any

from pointsman.emulator.counting import block
from pointsman.emulator.exchange import Ask, Prompt, ToolOutput, ToolSpec
from pointsman.emulator.models import ModelFacts

Json = dict[str, Any]

# Inside these the keys belong to the user, not to the protocol.
_OPAQUE = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
)
_SNAKE = re.compile(r"_([a-z0-9])")
_MODES: dict[str, Any] = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}


def camel(value: Any) -> Any:
    """Return a message with all protocol keys in camelCase."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = ((_SNAKE.sub(lambda found: found[1].upper(), key), item) for key, item in value.items())
    return {key: item if key in _OPAQUE else camel(item) for key, item in named}


def read(body: Json, facts: ModelFacts, model: str, *, stream: bool) -> Ask:
    """Return a request that has passed the checks (keys in camelCase) as the emulator understands it."""
    contents: list[Json] = body["contents"]
    config = body.get("generationConfig") or {}
    said = [text for content in contents if role_of(content) == "user" and (text := text_of(content))]
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    wants_json = config.get("responseMimeType") == "application/json"
    thinking = config.get("thinkingConfig") or {}
    reasons = _reasons(thinking, facts)
    return Ask(
        dialect="gemini",
        facts=facts,
        model=model,
        prompt=Prompt(tuple(block(item) for item in _prompt(body))),
        stream=stream,
        system=text_of(body.get("systemInstruction") or {}),
        said=tuple(said),
        turn=max(0, len(said) - 1),
        tools=tuple(_tool(item) for item in declarations(body)),
        choice=_MODES[calling.get("mode", "AUTO")],
        names=tuple(calling.get("allowedFunctionNames") or ()),
        outputs=_outputs(contents),
        format=("json_schema" if schema else "json_object") if wants_json else "text",
        schema=schema,
        max_tokens=config.get("maxOutputTokens"),
        stops=tuple(config.get("stopSequences") or ()),
        reasons=reasons,
        show_reasoning=reasons and bool(thinking.get("includeThoughts")),
        n=config.get("candidateCount") or 1,
    )


def role_of(content: Json) -> str:
    """Return the role of a content; a lone content may leave it out."""
    return str(content.get("role") or "user")


def text_of(content: Json) -> str:
    """Return the plain text of a content, without thoughts."""
    parts = content.get("parts") or ()
    return "\n".join(part["text"] for part in parts if part.get("text") and not part.get("thought"))


def declarations(body: Json) -> list[Json]:
    """Return every function declared in the request."""
    return [item for tool in body.get("tools") or () for item in tool.get("functionDeclarations") or ()]


def _tool(item: Json) -> ToolSpec:
    schema = item.get("parametersJsonSchema") or item.get("parameters") or {}
    return ToolSpec(item["name"], item.get("description") or "", schema)


def _reasons(thinking: Json, facts: ModelFacts) -> bool:
    if not facts.thinking:
        return False
    budget = thinking.get("thinkingBudget")
    if budget is not None:
        return bool(budget != 0)
    level = thinking.get("thinkingLevel")
    return facts.thinks_unasked if level is None else str(level).upper() != "MINIMAL"


def _prompt(body: Json) -> list[Any]:
    head = [body[key] for key in ("systemInstruction", "tools") if body.get(key)]
    return [*head, *body["contents"]]


def _outputs(contents: list[Json]) -> tuple[ToolOutput, ...]:
    last = contents[-1]
    found = [part["functionResponse"] for part in last.get("parts") or () if "functionResponse" in part]
    return tuple(
        ToolOutput(
            call_id=item.get("id") or "",
            name=item["name"],
            text=_told(item["response"]),
            is_error="error" in item["response"],
        )
        for item in found
    )


def _told(response: Json) -> str:
    """Return a function's response as text: what it wraps, or all of it."""
    for key in ("output", "result", "error"):
        if len(response) == 1 and isinstance(response.get(key), str):
            return str(response[key])
    return block(response.get("output", response)).decode()
