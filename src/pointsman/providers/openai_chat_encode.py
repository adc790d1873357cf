"""A neutral turn as the body of an OpenAI Chat Completions request.

Field order is fixed (model, tools, messages, parameters) and each message is written from itself alone, so the same turn gives
the same bytes and a longer conversation begins with the bytes of the shorter one: that is what makes prompt caches hit.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.message import (
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from pointsman.domain.turn import Turn
from pointsman.errors import RequestError, UnsupportedParameter
from pointsman.providers import parameters, reasoning
from pointsman.providers.conversation import document_text
from pointsman.providers.hosts import HostProfile
from pointsman.providers.json_schema import is_strict
from pointsman.providers.tool_names import check_unique, wire_id, wire_name

Json = dict[str, Any]

ERROR_PREFIX = "[tool error] "
"""Marks a failed tool result: this dialect has no field for it."""


class Wish(msgspec.Struct):
    """The parameters of a request. ``rewritten``: they are not what the client of this dialect would have sent."""

    fields: Json
    dropped: list[str]
    rewritten: bool = False


def wish(turn: Turn, model: Model, profile: HostProfile, *, relay: bool) -> Wish:
    """Return everything of the body but model, tools, messages and stream.

    Raises:
        UnsupportedParameter: see ``parameters.check_turn``.
    """
    parameters.check_turn(turn, model, profile, relay=relay)
    sampled, dropped = parameters.sampling(turn, model, profile.sampling)
    asked = Wish({}, dropped, rewritten=bool(dropped))
    limit, lowered = parameters.output_limit(turn, model)
    if limit is not None:
        asked.fields[profile.max_tokens] = limit
    if lowered:
        asked.dropped.append("max_output_tokens")
    if turn.stop:
        asked.fields["stop"] = list(turn.stop)
    asked.fields.update(sampled)
    _ask_reasoning(asked, turn, model)
    _ask_tools(asked, turn, model, profile)
    if not relay:
        kept, left_out = parameters.extras(turn, model, profile)
        asked.fields.update(kept)
        asked.dropped += left_out
        _ask_format(asked, turn, profile)
    asked.rewritten = asked.rewritten or lowered
    return asked


def _ask_reasoning(asked: Wish, turn: Turn, model: Model) -> None:
    want = reasoning.thinking(turn, model)
    ability = model.reasoning
    effort = want.effort
    if turn.tools and not ability.with_tools:
        if effort not in {None, "none"}:
            raise UnsupportedParameter(
                f"{model.id} cannot reason and call tools in one request on this API: "
                "leave reasoning_effort out or set it to none",
                param="reasoning_effort",
            )
        # Left out, its own default would turn reasoning on and the request would be refused.
        if ability.default_on and "none" in ability.efforts:
            effort = "none"
    if want.budget is not None:
        # A model steered by budget behind this dialect: no field is common to its servers.
        asked.dropped.append("reasoning_budget_tokens")
    if want.altered:
        asked.dropped.append("reasoning_effort" if turn.reasoning_effort is not None else "reasoning_budget_tokens")
    if effort is not None:
        asked.fields["reasoning_effort"] = effort
    asked.rewritten = asked.rewritten or want.altered or effort != turn.reasoning_effort


def _ask_tools(asked: Wish, turn: Turn, model: Model, profile: HostProfile) -> None:
    choice = turn.tool_choice
    if choice is None or not turn.tools:
        return
    _ask_parallel(asked, turn, model, profile)
    if not profile.tool_choice:
        if choice.mode in {"required", "named"}:
            raise UnsupportedParameter(f"the host of {model.id} ignores tool_choice {choice.mode}", param="tool_choice")
        asked.rewritten = asked.rewritten or choice.mode == "none"
        return
    names = [wire_name(name) for name in choice.names]
    if choice.mode == "named":
        asked.fields["tool_choice"] = {"type": "function", "function": {"name": names[0]}} if names else "required"
    elif names and profile.allowed_tools:
        listed = [{"type": "function", "function": {"name": name}} for name in names]
        asked.fields["tool_choice"] = {
            "type": "allowed_tools",
            "allowed_tools": {"mode": choice.mode, "tools": listed},
        }
    else:
        asked.fields["tool_choice"] = choice.mode
        # Without allowed_tools the list itself is shortened: the same meaning, at the price of the cached prefix.
        asked.rewritten = asked.rewritten or bool(names)


def _ask_parallel(asked: Wish, turn: Turn, model: Model, profile: HostProfile) -> None:
    parallel = turn.tool_choice.parallel if turn.tool_choice is not None else None
    if parallel is None:
        return
    if profile.parallel_flag:
        asked.fields["parallel_tool_calls"] = parallel
    elif not parallel and model.parallel_tools:
        raise UnsupportedParameter(
            f"the host of {model.id} cannot be held to one tool call at a time", param="parallel_tool_calls"
        )


def _ask_format(asked: Wish, turn: Turn, profile: HostProfile) -> None:
    wanted = turn.output_format
    if wanted is None or wanted.kind == "text":
        return
    if wanted.kind == "json_object":
        asked.fields["response_format"] = {"type": "json_object"}
        return
    shape: Json = {"name": wire_name(wanted.name or "reply")}
    if wanted.description:
        shape["description"] = wanted.description
    shape["schema"] = wanted.schema or {"type": "object"}
    if profile.strict and wanted.strict is not None:
        shape["strict"] = wanted.strict and is_strict(wanted.schema)
        if wanted.strict and not shape["strict"]:
            asked.dropped.append("output_format.strict")
    elif wanted.strict is not None:
        shape["strict"] = wanted.strict
    asked.fields["response_format"] = {"type": "json_schema", "json_schema": shape}


def body(turn: Turn, model: Model, profile: HostProfile) -> tuple[bytes, tuple[str, ...]]:
    """Return the request body and the names of the parameters left out.

    Raises:
        UnsupportedParameter: the turn asks for what this model or host cannot do.
        RequestError: a message cannot be put into this dialect.
    """
    asked = wish(turn, model, profile, relay=False)
    request: Json = {"model": model.name}
    tools = tool_list(turn, profile, asked)
    if tools:
        request["tools"] = tools
    else:
        # Servers refuse a choice among no tools.
        asked.fields.pop("tool_choice", None)
        asked.fields.pop("parallel_tool_calls", None)
    request["messages"] = [item for i, message in enumerate(turn.messages) for item in _messages(message, i, profile)]
    request.update(asked.fields)
    if turn.stream:
        request["stream"] = True
        if profile.usage_option:
            request["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(request), tuple(dict.fromkeys(asked.dropped))


def tool_list(turn: Turn, profile: HostProfile, asked: Wish) -> list[Json]:
    """Return the tools, as far as the tool choice leaves them in."""
    check_unique(tool.name for tool in turn.tools)
    choice = turn.tool_choice
    tools = turn.tools
    if choice is not None and choice.mode == "none" and not profile.tool_choice:
        return []
    if choice is not None and choice.names and choice.mode != "named" and not profile.allowed_tools:
        tools = tuple(tool for tool in tools if tool.name in choice.names)
    return [_tool(tool, profile, asked) for tool in tools]


def _tool(tool: Tool, profile: HostProfile, asked: Wish) -> Json:
    function: Json = {"name": wire_name(tool.name)}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    if profile.strict and tool.strict is not None:
        function["strict"] = tool.strict and is_strict(tool.parameters)
        if tool.strict and not function["strict"]:
            asked.dropped.append("tools.strict")
    return {"type": "function", "function": function}


def _messages(message: Message, number: int, profile: HostProfile) -> list[Json]:
    if message.role == "tool":
        return _results(message, number, profile)
    if message.role == "assistant":
        return _assistant(message, number, profile)
    content = _content(message.parts, number, profile)
    return [{"role": message.role, "content": content}] if content != [] else []


def _assistant(message: Message, number: int, profile: HostProfile) -> list[Json]:
    calls = [part for part in message.parts if type(part) is ToolCall]
    refusals = [part for part in message.parts if type(part) is Refusal]
    spoken = tuple(
        part for part in message.parts if type(part) is Text or (type(part) is Refusal and not profile.refusals)
    )
    content = _content(spoken, number, profile)
    entry: Json = {"role": "assistant", "content": content if content not in ("", []) else None}
    if refusals and profile.refusals:
        entry["refusal"] = "\n".join(part.text for part in refusals)
    if calls:
        entry["tool_calls"] = [
            {
                "id": wire_id(call.id),
                "type": "function",
                "function": {"name": wire_name(call.name), "arguments": call.arguments or "{}"},
            }
            for call in calls
        ]
    elif entry["content"] is None and "refusal" not in entry:
        # Nothing of this turn can be said here (reasoning of another provider): an empty turn keeps the order of roles.
        entry["content"] = ""
    return [entry]


def _results(message: Message, number: int, profile: HostProfile) -> list[Json]:
    """One message for each result, directly after the calls; pictures in results follow in a message of the user."""
    entries: list[Json] = []
    pictures: list[Json] = []
    for part in message.parts:
        if type(part) is not ToolResult:
            raise RequestError("a tool message may hold tool results only", param=f"messages.{number}.content")
        texts = [item.text for item in part.content if type(item) is Text]
        others = [item for item in part.content if type(item) is not Text]
        if others:
            texts.append("(the attachment follows in the next user message)")
            pictures += [_part(item, number, profile) for item in others]
        text = "\n".join(texts)
        entries.append(
            {
                "role": "tool",
                "tool_call_id": wire_id(part.call_id),
                "content": ERROR_PREFIX + text if part.is_error else text,
            }
        )
    if pictures:
        entries.append({"role": "user", "content": pictures})
    return entries


def _content(parts: tuple[Part, ...], number: int, profile: HostProfile) -> str | list[Json]:
    """A lone text, or texts for a host that wants them as one, is a string; everything else a list of parts."""
    kept = [part for part in parts if type(part) is not Reasoning]
    texts = [part.text for part in kept if type(part) in {Text, Refusal}]  # type: ignore[union-attr]
    if len(texts) == len(kept) and (len(texts) <= 1 or not profile.text_parts):
        return "\n".join(texts)
    return [_part(part, number, profile) for part in kept]


def _part(part: Part, number: int, profile: HostProfile) -> Json:
    match part:
        case Text(text=text) | Refusal(text=text):
            return {"type": "text", "text": text}
        case Image():
            url = (
                part.url if part.url is not None else f"data:{part.media_type or 'image/png'};base64,{part.data or ''}"
            )
            image: Json = {"url": url}
            if part.detail and profile.text_parts:
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        case Document():
            return _document(part, number)
        case _:
            raise RequestError(f"a {type(part).__name__} cannot stand here", param=f"messages.{number}.content")


def _document(part: Document, number: int) -> Json:
    param = f"messages.{number}.content"
    if part.data is None:
        raise UnsupportedParameter("this provider takes documents only inside the request, not by address", param=param)
    kind = parameters.modality(part)
    if kind is None:
        return {"type": "text", "text": document_text(part, param)}
    if kind == "audio":
        sound = part.media_type.partition("/")[2].removeprefix("x-")
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": {"mpeg": "mp3"}.get(sound, sound)}}
    if kind != "pdf":
        raise UnsupportedParameter(f"this dialect has no part for {part.media_type}", param=param)
    return {
        "type": "file",
        "file": {"filename": part.name or "document.pdf", "file_data": f"data:{part.media_type};base64,{part.data}"},
    }
