"""What a Chat Completions server refuses in tools and tool choice."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.models import ModelFacts
from pointsman.emulator.openai_schemas import check_strict

Json = dict[str, Any]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_TOOLS = 128


def _refuse(message: str, param: str | None = None, code: str | None = None) -> NoReturn:
    raise RejectedError(message, param=param, code=code)


def check_tools(body: Json, facts: ModelFacts) -> None:
    """Check the tools of a request and the choice among them.

    Raises:
        RejectedError: the real server would refuse them.
    """
    tools = body.get("tools")
    if tools is not None:
        _check_tool_list(tools, facts)
    for name in ("tool_choice", "parallel_tool_calls"):
        harmless = name == "tool_choice" and body.get(name) == "none"
        if not tools and body.get(name) is not None and facts.vendor != "local" and not harmless:
            _refuse(f"'{name}' is only allowed when 'tools' are specified.", name)
    effort = body.get("reasoning_effort")
    clash = (facts.tools_effort == "unset_or_none" and effort not in {None, "none"}) or (
        facts.tools_effort == "none" and effort != "none"
    )
    if tools and clash:
        _refuse(
            f"Function tools with reasoning_effort are not supported for {facts.name} in /v1/chat/completions. "
            "Please use /v1/responses instead.",
            "reasoning_effort",
        )
    _check_choice(body.get("tool_choice"), tools or [])


def _check_tool_list(tools: Any, facts: ModelFacts) -> None:
    if not isinstance(tools, list) or not tools:
        _refuse("Invalid 'tools': empty array. Expected an array with minimum length 1.", "tools", "empty_array")
    if not facts.tools:
        _refuse("This model does not support tools.", "tools", "unsupported_parameter")
    if len(tools) > _MOST_TOOLS:
        _refuse(
            f"Invalid 'tools': array too long. Expected an array with maximum length {_MOST_TOOLS}.",
            "tools",
            "array_above_max_length",
        )
    for index, tool in enumerate(tools):
        place = f"tools[{index}]"
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind not in {"function", "custom"}:
            _refuse(
                f"Invalid value: {kind!r}. Supported values are: 'function' and 'custom'.",
                f"{place}.type",
                "invalid_value",
            )
        inner = tool.get(kind)
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            _refuse(
                f"Missing required parameter: '{place}.{kind}.name'.",
                f"{place}.{kind}.name",
                "missing_required_parameter",
            )
        if not _NAME.fullmatch(inner["name"]):
            _refuse(
                f"Invalid '{place}.{kind}.name': string does not match pattern. "
                "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                f"{place}.{kind}.name",
                "invalid_value",
            )
        _check_parameters(inner, place)


def _check_parameters(function: Json, place: str) -> None:
    schema = function.get("parameters")
    if schema is None:
        return
    param = f"{place}.function.parameters"
    if not isinstance(schema, dict) or (schema and schema.get("type", "object") != "object"):
        _refuse(
            f"Invalid schema for function '{function['name']}': schema must be a JSON Schema of 'type: \"object\"'.",
            param,
            "invalid_function_parameters",
        )
    if function.get("strict") and (problem := check_strict(schema)):
        _refuse(f"Invalid schema for function '{function['name']}': {problem}", param, "invalid_function_parameters")


def _check_choice(choice: Any, tools: list[Json]) -> None:
    if choice is None or (isinstance(choice, str) and choice in {"none", "auto", "required"}):
        return
    if not isinstance(choice, dict):
        _refuse(
            f"Invalid value: {choice!r}. Supported values are: 'none', 'auto', and 'required'.",
            "tool_choice",
            "invalid_value",
        )
    names = {tool[tool["type"]]["name"] for tool in tools}
    if choice.get("type") == "allowed_tools":
        wanted = [item.get("function", {}).get("name") for item in choice.get("allowed_tools", {}).get("tools", ())]
    else:
        wanted = [(choice.get("function") or choice.get("custom") or {}).get("name")]
    for name in wanted:
        if name not in names:
            _refuse(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice", "invalid_value")
