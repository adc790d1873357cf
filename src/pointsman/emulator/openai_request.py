"""Reads a Chat Completions request that has passed the checks into an ``Ask``."""

from __future__ import annotations

from typing import Any

from pointsman.emulator.counting import block
from pointsman.emulator.exchange import Ask, Prompt, RejectedError, ToolOutput, ToolSpec
from pointsman.emulator.models import ModelFacts, ModelTable

Json = dict[str, Any]
_BREAKPOINT = "prompt_cache_breakpoint"


def text_of(content: Any) -> str:
    """Return the plain text of a message's content."""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text") or "" for part in content or () if part.get("type") == "text")


def read(body: Json, facts: ModelFacts) -> Ask:
    """Return the request as the emulator understands it."""
    messages: list[Json] = body["messages"]
    said = [text_of(message["content"]) for message in messages if message["role"] == "user"]
    mode, names = _choice(body.get("tool_choice"))
    shape = body.get("response_format") or {"type": "text"}
    schema = shape.get("json_schema") or {}
    effort = body.get("reasoning_effort")
    return Ask(
        dialect="openai",
        facts=facts,
        model=body["model"],
        prompt=_prompt(body, messages),
        stream=bool(body.get("stream")),
        system="\n".join(text_of(item["content"]) for item in messages if item["role"] in {"system", "developer"}),
        said=tuple(said),
        turn=max(0, len(said) - 1),
        tools=_tools(body),
        choice=mode,
        names=names,
        parallel=body.get("parallel_tool_calls") is not False,
        outputs=_outputs(messages),
        format=shape["type"],
        # llama.cpp and Ollama also take the schema beside the type.
        schema=schema.get("schema") or shape.get("schema"),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        stops=tuple([body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop") or ()),
        reasons=effort != "none" if effort else facts.thinks_unasked,
        n=body.get("n") or 1,
        include_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        logprobs=bool(body.get("logprobs")),
    )


def read_count(body: Json, table: ModelTable) -> Ask:
    """Return a Responses-shaped counting request as an ``Ask`` that has nothing but a prompt.

    Raises:
        RejectedError: the model is unknown.
    """
    facts = table.find(str(body.get("model")), "openai")
    if facts is None:
        raise RejectedError(f"The model '{body.get('model')}' does not exist", status=404, code="model_not_found")
    pieces = [block(body[key]) for key in ("tools", "instructions", "input") if body.get(key)]
    return Ask(dialect="openai", facts=facts, model=body["model"], prompt=Prompt(tuple(pieces)))


def _tools(body: Json) -> tuple[ToolSpec, ...]:
    return tuple(
        ToolSpec(
            tool["function"]["name"],
            tool["function"].get("description") or "",
            tool["function"].get("parameters") or {},
        )
        for tool in body.get("tools") or ()
        if tool.get("type") == "function"
    )


def _choice(choice: Any) -> tuple[Any, tuple[str, ...]]:
    if choice is None:
        return "auto", ()
    if isinstance(choice, str):
        return choice, ()
    if choice.get("type") == "allowed_tools":
        allowed = choice["allowed_tools"]
        return allowed.get("mode", "auto"), tuple(item["function"]["name"] for item in allowed["tools"])
    return "named", (choice["function"]["name"],)


def _outputs(messages: list[Json]) -> tuple[ToolOutput, ...]:
    last = max((index for index, item in enumerate(messages) if item["role"] == "assistant"), default=-1)
    calls = (messages[last].get("tool_calls") or ()) if last >= 0 else ()
    names = {call["id"]: call["function"]["name"] for call in calls if call.get("type", "function") == "function"}
    return tuple(
        ToolOutput(item["tool_call_id"], names.get(item["tool_call_id"], ""), text_of(item["content"]))
        for item in messages[last + 1 :]
        if item["role"] == "tool"
    )


def _prompt(body: Json, messages: list[Json]) -> Prompt:
    head = [block({key: body[key]}) for key in ("tools", "response_format") if body.get(key)]
    pieces = [block(message, ignore=(_BREAKPOINT,)) for message in messages]
    options = body.get("prompt_cache_options") or {}
    cacheable = None
    if options.get("mode") == "explicit":
        marked = [index for index, item in enumerate(messages) if _has_breakpoint(item)]
        cacheable = len(head) + marked[-1] + 1 if marked else 0
    return Prompt((*head, *pieces), cacheable=cacheable)


def _has_breakpoint(message: Json) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(_BREAKPOINT in part for part in content)
