"""What the Messages server refuses, in the order it looks: the request's own fields. ``anthropic_turns`` checks the messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from pointsman.emulator.anthropic_caching import check_cache_marks
from pointsman.emulator.anthropic_schemas import check_output_schema
from pointsman.emulator.anthropic_turns import check_turns
from pointsman.emulator.counting import block, count
from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.models import ModelFacts

Json = dict[str, Any]

OLD_VERSION = "2023-06-01"
NEW_VERSION = "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")
_FIELDS = frozenset(
    {"model", "max_tokens", "messages", "system", "tools", "tool_choice", "stop_sequences", "stream", "thinking"}
    | {
        "output_config",
        "cache_control",
        "metadata",
        "service_tier",
        "speed",
        "inference_geo",
        "container",
        "diagnostics",
    }
    | {"temperature", "top_p", "top_k", "mcp_servers", "context_management", "output_format"}
)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_MOST_BYTES = 32 * 1024 * 1024
_LEAST_BUDGET = 1024
_MOST_STRICT = 20


def refuse(message: str, status: int = 400) -> NoReturn:
    """Raise the refusal of a request."""
    raise RejectedError(message, status=status)


def check_messages(
    body: Json, headers: Mapping[str, str], facts: ModelFacts | None, *, size: int, counting: bool
) -> ModelFacts:
    """Check a request and return the facts of its model.

    Raises:
        RejectedError: the real server would refuse it.
    """
    version = headers.get("anthropic-version")
    if version is None:
        refuse("anthropic-version: header is required")
    if version not in {OLD_VERSION, NEW_VERSION}:
        refuse(f'anthropic-version: "{version}" is not a valid version')
    if size > _MOST_BYTES:
        refuse("Request exceeds the maximum size", 413)
    if not isinstance(body.get("model"), str):
        refuse("model: Field required")
    for name in body:
        if name not in _FIELDS or (counting and name in {"max_tokens", "stream"}):
            refuse(f"{name}: Extra inputs are not permitted")
    if facts is None:
        refuse(f"model: {body['model']}", 404)
    if not counting:
        _check_max_tokens(body, facts)
    _check_sampling(body, facts, version)
    _check_small_fields(body)
    _check_tools(body)
    _check_thinking(body, facts)
    _check_output(body, facts)
    check_turns(body, facts, new=version == NEW_VERSION)
    check_cache_marks(body)
    used = count(b"".join(block(body[key]) for key in ("tools", "system", "messages") if body.get(key)))
    if used > facts.context:
        refuse(f"prompt is too long: {used} tokens > {facts.context} maximum")
    return facts


def _check_max_tokens(body: Json, facts: ModelFacts) -> None:
    most = body.get("max_tokens")
    if most is None:
        refuse("max_tokens: Field required")
    if not isinstance(most, int) or isinstance(most, bool):
        refuse("max_tokens: Input should be a valid integer")
    if most < 0:
        refuse("max_tokens: Input should be greater than or equal to 0")
    if most > facts.max_output:
        refuse(
            f"max_tokens: {most} > {facts.max_output}, which is the maximum allowed number of output tokens for {body['model']}"
        )


def _check_sampling(body: Json, facts: ModelFacts, version: str) -> None:
    for name in _SAMPLING:
        if name not in body:
            continue
        if version == NEW_VERSION:
            refuse(f"{name}: Extra inputs are not permitted")
        if facts.sampling == "no":
            refuse(f"`{name}` is deprecated for this model.")
        value = body[name]
        if not isinstance(value, int | float) or isinstance(value, bool):
            refuse(f"{name}: Input should be a valid number")
        if name != "top_k" and not 0 <= value <= 1:
            refuse(f"{name}: range: 0..1")
    thinking = (body.get("thinking") or {}).get("type")
    if thinking in {"enabled", "adaptive"} and body.get("temperature") not in {None, 1}:
        refuse("`temperature` may only be set to 1 when thinking is enabled.")


def _check_small_fields(body: Json) -> None:
    for index, stop in enumerate(body.get("stop_sequences") or ()):
        if not isinstance(stop, str) or not stop.strip():
            refuse(f"stop_sequences.{index}: each stop sequence must contain non-whitespace")
    metadata = body.get("metadata")
    for name in metadata or ():
        if name != "user_id":
            refuse(f"metadata.{name}: Extra inputs are not permitted")
    if body.get("service_tier") not in {None, "auto", "standard_only"}:
        refuse("service_tier: Input should be 'auto' or 'standard_only'")
    if "stream" in body and not isinstance(body["stream"], bool):
        refuse("stream: Input should be a valid boolean")


def _check_tools(body: Json) -> None:
    tools = body.get("tools")
    if tools is not None and not isinstance(tools, list):
        refuse("tools: Input should be a valid list")
    names: set[str] = set()
    for index, tool in enumerate(tools or ()):
        _check_tool(tool, index)
        if tool["name"] in names:
            refuse("tools: Tool names must be unique.")
        names.add(tool["name"])
    if sum(bool(tool.get("strict")) for tool in tools or ()) > _MOST_STRICT:
        refuse(f"tools: Too many strict tools (maximum {_MOST_STRICT}).")
    _check_choice(body.get("tool_choice"), names, given=bool(tools))


def _check_tool(tool: Any, index: int) -> None:
    place = f"tools.{index}.custom"
    if not isinstance(tool, dict):
        refuse(f"tools.{index}: Input should be an object")
    if tool.get("type") not in {None, "custom"}:
        refuse(f"tools.{index}: server tools are not emulated")
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str):
        refuse(f"{place}.name: Field required")
    if not _NAME.fullmatch(name):
        refuse(f"{place}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    if not isinstance(schema, dict):
        refuse(f"{place}.input_schema: Field required")
    if "type" not in schema:
        refuse(f"{place}.input_schema.type: Field required")
    if schema["type"] != "object":
        refuse(f"{place}.input_schema.type: Input should be 'object'")


def _check_choice(choice: Any, names: set[str], *, given: bool) -> None:
    if choice is None:
        return
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in {"auto", "any", "tool", "none"}:
        refuse(
            "tool_choice: Input tag found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'"
        )
    if not given:
        refuse("tool_choice may only be specified while providing `tools`.")
    if kind == "tool" and choice.get("name") not in names:
        refuse(f"Tool '{choice.get('name')}' not found in provided tools")
    if kind == "none" and "disable_parallel_tool_use" in choice:
        refuse("tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted")


def _check_thinking(body: Json, facts: ModelFacts) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in {"adaptive", "enabled", "disabled", "between_tools"}:
        refuse(f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags")
    if kind not in facts.thinking:
        refuse(f'"thinking.type.{kind}" is not supported for this model.')
    forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
    if kind != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int):
        refuse("thinking.enabled.budget_tokens: Field required")
    if budget < _LEAST_BUDGET:
        refuse(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_LEAST_BUDGET}")
    if "max_tokens" in body and budget >= body["max_tokens"]:
        refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if forced:
        refuse("Thinking may not be enabled when tool_choice forces tool use.")


def _check_output(body: Json, facts: ModelFacts) -> None:
    config = body.get("output_config")
    if config is None:
        return
    for name in config:
        if name not in {"effort", "format"}:
            refuse(f"output_config.{name}: Extra inputs are not permitted")
    effort = config.get("effort")
    if effort is not None and effort not in _EFFORTS:
        refuse("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    if effort is not None and effort not in facts.efforts:
        refuse(
            "This model does not support the effort parameter."
            if not facts.efforts
            else f"This model does not support effort level '{effort}'."
        )
    if config.get("format") is not None:
        _check_output_format(config["format"], facts)


def _check_output_format(shape: Any, facts: ModelFacts) -> None:
    if not facts.json_schema:
        refuse("This model does not support structured outputs.")
    if not isinstance(shape, dict) or shape.get("type") != "json_schema":
        refuse("output_config.format.type: Input should be 'json_schema'")
    for name in shape:
        if name not in {"type", "schema"}:
            refuse(f"output_config.format.{name}: Extra inputs are not permitted")
    if (problem := check_output_schema(shape.get("schema"))) is not None:
        refuse(f"output_config.format.schema: {problem}")
