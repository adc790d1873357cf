"""A neutral turn as the body of a Gemini generateContent request. Field order is fixed; contents only grow at their end."""

from __future__ import annotations

from typing import Any

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.turn import Turn
from pointsman.errors import UnsupportedParameter
from pointsman.providers import parameters, reasoning
from pointsman.providers.gemini_contents import contents
from pointsman.providers.hosts import HostProfile
from pointsman.providers.tool_names import check_unique, wire_name

Json = dict[str, Any]

MAX_BUDGET = 24_576
"""The largest thinking budget that every Gemini 2.5 model takes (documented: Flash 24,576; Pro 32,768)."""

MIN_BUDGET = 512
"""The smallest that every one takes (documented: Flash-Lite 512)."""

_WIRE_NAMES = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}


def body(turn: Turn, model: Model, profile: HostProfile) -> tuple[bytes, tuple[str, ...]]:
    """Return the request body and the names of the parameters left out.

    Raises:
        UnsupportedParameter: the turn asks for what this model cannot do.
        RequestError: a message cannot be put into this dialect.
    """
    parameters.check_turn(turn, model, profile, relay=False)
    system, messages = contents(turn, model)
    request: Json = {}
    if system:
        request["systemInstruction"] = {"parts": system}
    tools = _tools(turn)
    if tools:
        request["tools"] = [{"functionDeclarations": tools}]
        choice = _choice(turn, model)
        if choice is not None:
            request["toolConfig"] = {"functionCallingConfig": choice}
    request["contents"] = messages
    config, dropped = _config(turn, model, profile)
    if config:
        request["generationConfig"] = config
    kept, left_out = parameters.extras(turn, model, profile)
    request.update(kept)
    return msgspec.json.encode(request), tuple(dict.fromkeys(dropped + left_out))


def _config(turn: Turn, model: Model, profile: HostProfile) -> tuple[Json, list[str]]:
    sampled, dropped = parameters.sampling(turn, model, profile.sampling)
    config: Json = {_WIRE_NAMES[name]: value for name, value in sampled.items()}
    limit, lowered = parameters.output_limit(turn, model)
    if limit is not None:
        config["maxOutputTokens"] = limit
    if lowered:
        dropped.append("max_output_tokens")
    if turn.stop:
        config["stopSequences"] = list(turn.stop)
    wanted = turn.output_format
    if wanted is not None and wanted.kind != "text":
        config["responseMimeType"] = "application/json"
        if wanted.kind == "json_schema" and wanted.schema is not None:
            config["responseJsonSchema"] = wanted.schema
    thinking = _thinking(turn, model, dropped)
    if thinking:
        config["thinkingConfig"] = thinking
    return config, dropped


def _thinking(turn: Turn, model: Model, dropped: list[str]) -> Json:
    want = reasoning.thinking(turn, model)
    altered = want.altered
    fields: Json = {}
    if want.budget is not None:
        fields["thinkingBudget"] = min(max(want.budget, MIN_BUDGET), MAX_BUDGET)
        altered = altered or (turn.reasoning_budget_tokens is not None and fields["thinkingBudget"] != want.budget)
    elif want.off and model.reasoning.kind == "budget":
        fields["thinkingBudget"] = 0
    elif want.effort is not None:
        fields["thinkingLevel"] = want.effort.upper()
    if altered:
        dropped.append("reasoning_effort" if turn.reasoning_effort is not None else "reasoning_budget_tokens")
    return fields


def _tools(turn: Turn) -> list[Json]:
    check_unique(tool.name for tool in turn.tools)
    choice = turn.tool_choice
    # AUTO takes no list of allowed names: the tools themselves are shortened.
    allowed = choice.names if choice is not None and choice.mode == "auto" else ()
    entries = []
    for tool in turn.tools:
        if allowed and tool.name not in allowed:
            continue
        entry: Json = {"name": wire_name(tool.name), "description": tool.description or tool.name}
        if tool.parameters:
            entry["parametersJsonSchema"] = tool.parameters
        entries.append(entry)
    return entries


def _choice(turn: Turn, model: Model) -> Json | None:
    choice = turn.tool_choice
    if choice is None:
        return None
    if choice.parallel is False and choice.mode != "none" and model.parallel_tools:
        raise UnsupportedParameter(f"{model.id} cannot be held to one tool call at a time", param="parallel_tool_calls")
    if choice.mode in {"auto", "none"}:
        return {"mode": choice.mode.upper()}
    field: Json = {"mode": "ANY"}
    if choice.names:
        field["allowedFunctionNames"] = [wire_name(name) for name in choice.names]
    return field
