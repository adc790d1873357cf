"""A neutral turn as the body of an Anthropic Messages request.

Field order is fixed (model, tools, system, messages, parameters: the order in which Anthropic's cache reads a prompt), content is
always a list of blocks and turns only grow at their end, so a longer conversation begins with the bytes of the shorter one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.message import Reasoning, ToolChoice
from pointsman.domain.turn import Turn
from pointsman.errors import UnsupportedParameter
from pointsman.providers import parameters, reasoning
from pointsman.providers.anthropic_messages import conversation, marked
from pointsman.providers.hosts import HostProfile
from pointsman.providers.json_schema import for_anthropic
from pointsman.providers.tool_names import check_unique, wire_name

Json = dict[str, Any]

FALLBACK_MAX_TOKENS = 4096
"""The output limit where neither the client nor the catalogue names one: this dialect cannot do without."""

MIN_THINKING = 1024
"""The smallest thinking budget Anthropic takes."""


class Wish(msgspec.Struct):
    """The parameters of a request. ``rewritten``: they are not what the client of this dialect would have sent."""

    fields: Json
    dropped: list[str]
    rewritten: bool = False
    sampled: bool = False


def wish(turn: Turn, model: Model, profile: HostProfile, *, relay: bool) -> Wish:
    """Return everything of the body but model, tools, system, messages and stream.

    Raises:
        UnsupportedParameter: see ``parameters.check_turn``; also json_object, and a stop sequence of white space.
    """
    parameters.check_turn(turn, model, profile, relay=relay)
    _check_own(turn, model)
    asked = Wish({}, [])
    limit, lowered = parameters.output_limit(turn, model)
    asked.fields["max_tokens"] = limit if limit is not None else model.max_output or FALLBACK_MAX_TOKENS
    if turn.stop:
        asked.fields["stop_sequences"] = list(turn.stop)
    thinks = _ask_thinking(asked, turn, model)
    _ask_own_thinking(asked, turn, model)
    _ask_sampling(asked, turn, model, profile, thinks=thinks)
    if lowered:
        asked.dropped.append("max_output_tokens")
    asked.rewritten = asked.rewritten or bool(asked.dropped)
    choice = _choice(turn.tool_choice) if turn.tools else None
    if choice is not None:
        asked.fields["tool_choice"] = choice
    if not relay:
        if turn.output_format is not None and turn.output_format.kind == "json_schema":
            shape = {"type": "json_schema", "schema": for_anthropic(turn.output_format.schema or {"type": "object"})}
            asked.fields.setdefault("output_config", {})["format"] = shape
        kept, left_out = parameters.extras(turn, model, profile)
        kept.pop("thinking", None)  # settled above
        if model.reasoning.kind == "adaptive" and isinstance(kept.get("output_config"), dict):
            asked.fields["output_config"] = kept["output_config"] | asked.fields.get("output_config", {})
        kept.pop("output_config", None)
        asked.fields.update(kept)
        asked.dropped += left_out
    return asked


def _check_own(turn: Turn, model: Model) -> None:
    wanted = turn.output_format
    if wanted is not None and wanted.kind == "json_object":
        raise UnsupportedParameter(
            f"{model.id} has no json_object mode: give a json_schema instead", param="response_format"
        )
    if any(not stop.strip() for stop in turn.stop):
        raise UnsupportedParameter(f"{model.id} takes no stop sequence of white space alone", param="stop")


def _ask_thinking(asked: Wish, turn: Turn, model: Model) -> bool:
    """Add the thinking fields; return True where the model is told to think."""
    want = reasoning.thinking(turn, model)
    spelled = "reasoning_effort" if turn.reasoning_effort is not None else "reasoning_budget_tokens"
    if want.altered:
        asked.dropped.append(spelled)
    if want.budget is not None:
        budget = min(want.budget, asked.fields["max_tokens"] - 1)
        if budget < MIN_THINKING or _loop_without_thinking(turn, model):
            # Anthropic refuses both: a budget under its minimum, and thinking in a tool loop begun without it.
            asked.dropped.append(spelled)
            return False
        asked.fields["thinking"] = {"type": "enabled", "budget_tokens": budget}
        asked.rewritten = budget != turn.reasoning_budget_tokens or turn.reasoning_effort is not None
        return True
    if want.off:
        if model.reasoning.default_on:
            asked.fields["thinking"] = {"type": "disabled"}
        return False
    if want.effort is None:
        return False
    if model.reasoning.kind == "adaptive":
        asked.fields["thinking"] = {"type": "adaptive"}
    asked.fields["output_config"] = {"effort": want.effort}
    # A budget is refused by a model that takes effort words only.
    asked.rewritten = want.effort != turn.reasoning_effort or turn.reasoning_budget_tokens is not None
    return True


def _ask_own_thinking(asked: Wish, turn: Turn, model: Model) -> None:
    """Put back what only this dialect can say: adaptive thinking without an effort, how thinking is shown."""
    own = turn.extras.get("thinking")
    if not isinstance(own, dict):
        return
    derived = asked.fields.get("thinking", {})
    if own.get("type") in {"enabled", "disabled"}:
        if derived.get("type") == own["type"]:
            asked.fields["thinking"] = {**own, **derived}
    elif model.reasoning.kind == "adaptive":
        asked.fields["thinking"] = own
    else:
        asked.dropped.append("thinking")


def _loop_without_thinking(turn: Turn, model: Model) -> bool:
    if not turn.in_tool_loop:
        return False
    last = next((message for message in reversed(turn.messages) if message.role == "assistant"), None)
    return last is not None and not any(
        type(part) is Reasoning and part.state and reasoning.travels_to(part.origin, model) for part in last.parts
    )


def _ask_sampling(asked: Wish, turn: Turn, model: Model, profile: HostProfile, *, thinks: bool) -> None:
    kept, dropped = parameters.sampling(turn, model, profile.sampling)
    for name in list(kept):
        # Thinking excludes temperature and top_k; a temperature above 1 has no meaning here, and 1 is the default.
        if (thinks and name != "top_p") or (name == "temperature" and kept[name] > 1):
            del kept[name]
            dropped.append(name)
    asked.fields.update(kept)
    asked.sampled = bool(kept)
    asked.dropped += dropped


def _choice(choice: ToolChoice | None) -> Json | None:
    if choice is None:
        return None
    if choice.mode == "none":
        return {"type": "none"}
    if choice.mode == "named" and choice.names:
        field: Json = {"type": "tool", "name": wire_name(choice.names[0])}
    else:
        field = {"type": "auto" if choice.mode == "auto" else "any"}
    if choice.parallel is not None:
        field["disable_parallel_tool_use"] = not choice.parallel
    return field


def body(turn: Turn, model: Model, profile: HostProfile) -> tuple[bytes, tuple[str, ...], bool]:
    """Return the request body, the names of the parameters left out, and whether it has sampling parameters.

    Raises:
        UnsupportedParameter: the turn asks for what this model cannot do.
        RequestError: a message cannot be put into this dialect.
    """
    asked = wish(turn, model, profile, relay=False)
    system, messages = conversation(turn, model)
    request: Json = {"model": model.name}
    tools = _tools(turn)
    if tools:
        request["tools"] = tools
    else:
        asked.fields.pop("tool_choice", None)
    if system:
        request["system"] = system
    request["messages"] = messages
    request.update(asked.fields)
    if turn.stream:
        request["stream"] = True
    return msgspec.json.encode(request), tuple(dict.fromkeys(asked.dropped)), asked.sampled


def _tools(turn: Turn) -> list[Json]:
    check_unique(tool.name for tool in turn.tools)
    choice = turn.tool_choice
    allowed = choice.names if choice is not None and choice.mode in {"auto", "required"} else ()
    entries = []
    for tool in turn.tools:
        # This dialect has no list of allowed tools: the list itself is shortened, at the price of the cached prefix.
        if allowed and tool.name not in allowed:
            continue
        entry: Json = {"name": wire_name(tool.name)}
        if tool.description:
            entry["description"] = tool.description
        schema = tool.parameters or {"type": "object", "properties": {}}
        if tool.strict:
            entry["input_schema"] = for_anthropic(schema)
            entry["strict"] = True
        else:
            entry["input_schema"] = schema if "type" in schema else {"type": "object", **schema}
        entries.append(marked(entry, tool.cache))
    return entries
