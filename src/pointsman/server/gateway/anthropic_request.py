"""Reads the body of an Anthropic Messages request into a ``Turn``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from pointsman.domain.message import OutputFormat, Tool, ToolChoice
from pointsman.domain.turn import Sampling, Turn
from pointsman.errors import UnsupportedParameter
from pointsman.server.gateway.anthropic_blocks import CacheIn, MessageIn, SystemIn, mark, read_messages
from pointsman.server.gateway.body import bad, extras, fields, store_parts, typed
from pointsman.server.gateway.codec import Inbound, hint
from pointsman.server.gateway.openai_tools import check_name

VERSION = "anthropic-version"
BETA = "anthropic-beta"
NO_SAMPLING_FROM = "2026-10-21"
"""From this API version on ``temperature``, ``top_p`` and ``top_k`` are no fields of the dialect."""

MAX_CACHE_MARKS = 4
MIN_THINKING_BUDGET = 1024
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SESSION = re.compile(r"(?:^|_)session_(?P<id>[A-Za-z0-9\-]{8,})$")
"""Anthropic's metadata holds one id only; agent tools append the session to the user: ``user_..._session_<uuid>``."""


class _ToolIn(msgspec.Struct, frozen=True):
    name: str
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: CacheIn | None = None


class _Choice(msgspec.Struct, frozen=True):
    type: Literal["auto", "any", "none", "tool"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinking(msgspec.Struct, frozen=True):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = None
    display: str | None = None


class _Format(msgspec.Struct, frozen=True):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class _OutputConfig(msgspec.Struct, frozen=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: _Format | None = None


class _Metadata(msgspec.Struct, frozen=True):
    user_id: str | None = None


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: list[MessageIn]
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    system: SystemIn | None = None
    tools: list[_ToolIn] | None = None
    tool_choice: _Choice | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    thinking: _Thinking | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None
    metadata: _Metadata | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0)] | None = None


_BODY = msgspec.json.Decoder(_Body)
_RAW = msgspec.json.Decoder[Any]()
_KNOWN = frozenset(_Body.__struct_fields__) | {"container", "mcp_servers"}
_EMPTY = (msgspec.Raw(b"null"), msgspec.Raw(b"[]"))


def read_request(body: bytes, headers: Mapping[str, str], *, counting: bool = False) -> Inbound:
    """Return the request. ``counting``: it only asks how many tokens it has, so ``max_tokens`` may be missing.

    The version and beta headers change what the body means, so they also stand in ``extras``: a provider of this dialect
    sends them on.

    Raises:
        RequestError: the body is not a messages request; ``param`` names the field.
        UnsupportedParameter: it asks for a feature only the vendor's servers have.
    """
    found = fields(body)
    asked = typed(_BODY, body)
    if asked.max_tokens is None and not counting:
        raise bad("max_tokens", "this field is required")
    for name in ("container", "mcp_servers"):
        if found.get(name, _EMPTY[0]) not in _EMPTY:
            raise UnsupportedParameter(f"{name}: runs on the vendor's servers, which is not supported", param=name)
    version = headers.get(VERSION)
    if version is not None and _DATE.fullmatch(version) and version >= NO_SAMPLING_FROM:
        for name in ("temperature", "top_p", "top_k"):
            if name in found:
                raise bad(name, f"not a field of API version {version}; 2023-06-01 has it")
    unknown = extras(found, _KNOWN) if found.keys() - _KNOWN else {}
    unknown.update((name, headers[name]) for name in (VERSION, BETA) if headers.get(name))
    turn = _turn(asked, unknown, found)
    if body.count(b'"cache_control"') > MAX_CACHE_MARKS:
        _check_marks(turn)
    user_id = turn.metadata.get("user_id")
    return Inbound(turn, store_parts(found), _session(user_id), version)


def _turn(asked: _Body, unknown: dict[str, Any], found: dict[str, msgspec.Raw]) -> Turn:
    tools = _tools(asked.tools)
    effort, budget = _reasoning(asked, unknown, found)
    metadata = asked.metadata
    return Turn(
        messages=read_messages(asked.system, asked.messages),
        model=asked.model,
        tools=tools,
        tool_choice=_choice(asked.tool_choice, tools),
        output_format=_output_format(asked),
        max_output_tokens=asked.max_tokens,
        stop=_stop(asked.stop_sequences),
        sampling=Sampling(asked.temperature, asked.top_p, asked.top_k),
        reasoning_effort=effort,
        reasoning_budget_tokens=budget,
        stream=bool(asked.stream),
        include_usage=True,
        metadata={} if metadata is None or metadata.user_id is None else {"user_id": metadata.user_id},
        extras=unknown,
    )


def _reasoning(asked: _Body, unknown: dict[str, Any], found: dict[str, msgspec.Raw]) -> tuple[str | None, int | None]:
    """Return effort and budget. What they cannot say stays in ``unknown``, as the client wrote it."""
    thinking = asked.thinking
    effort = asked.output_config.effort if asked.output_config else None
    if thinking is None:
        return effort, None
    if thinking.type not in {"enabled", "disabled"} or thinking.display is not None:
        unknown["thinking"] = _RAW.decode(found["thinking"])
    if thinking.type == "disabled":
        if effort is not None:
            unknown["output_config"] = {"effort": effort}
        return "none", None
    if thinking.type != "enabled":
        return effort, None
    budget = thinking.budget_tokens
    if budget is None or budget < MIN_THINKING_BUDGET:
        raise bad("thinking.budget_tokens", f"expected at least {MIN_THINKING_BUDGET}")
    if asked.max_tokens is not None and budget >= asked.max_tokens:
        raise bad("thinking.budget_tokens", "must be less than max_tokens")
    return effort, budget


def _tools(tools: list[_ToolIn] | None) -> tuple[Tool, ...]:
    found: dict[str, Tool] = {}
    for number, tool in enumerate(tools or ()):
        where = f"tools.{number}"
        if tool.type not in {None, "custom"}:
            raise UnsupportedParameter(
                f"{where}.type: {tool.type!r} runs on the vendor's servers or needs its models; give a custom tool",
                param=f"{where}.type",
            )
        if tool.input_schema is None:
            raise bad(f"{where}.input_schema", "this field is required")
        check_name(tool.name, f"{where}.name", found)
        description = tool.description or ""
        found[tool.name] = Tool(tool.name, description, tool.input_schema, tool.strict, mark(tool.cache_control))
    return tuple(found.values())


def _choice(choice: _Choice | None, tools: tuple[Tool, ...]) -> ToolChoice | None:
    if choice is None:
        return None
    parallel = None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use
    if choice.type in {"auto", "none"}:
        return ToolChoice(choice.type, parallel=parallel)
    if not tools:
        raise bad("tool_choice", "only allowed when tools are given")
    if choice.type == "any":
        return ToolChoice("required", parallel=parallel)
    if choice.name is None:
        raise bad("tool_choice.name", "this field is required")
    if choice.name not in {tool.name for tool in tools}:
        raise bad("tool_choice.name", f"no tool named {choice.name!r} in tools")
    return ToolChoice("named", (choice.name,), parallel)


def _output_format(asked: _Body) -> OutputFormat | None:
    wanted = asked.output_config.format if asked.output_config else None
    if wanted is not None and asked.output_format is not None:
        raise bad("output_format", "deprecated, and cannot be set together with output_config.format")
    wanted = wanted or asked.output_format
    return None if wanted is None else OutputFormat("json_schema", wanted.schema, strict=True)


def _stop(stops: list[str] | None) -> tuple[str, ...]:
    for number, stop in enumerate(stops or ()):
        if not stop or stop.isspace():
            raise bad(f"stop_sequences.{number}", "each stop sequence must contain non-whitespace")
    return tuple(stops or ())


def _session(user_id: str | None) -> str | None:
    if not user_id:
        return None
    if user_id.startswith("{"):
        try:
            session = msgspec.json.decode(user_id, type=dict[str, Any]).get("session_id")
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return None
        return hint(session)
    match = _SESSION.search(user_id)
    return hint(match["id"]) if match else None


def _check_marks(turn: Turn) -> None:
    marks = sum(tool.cache is not None for tool in turn.tools)
    for message in turn.messages:
        for part in message.parts:
            marks += getattr(part, "cache", None) is not None
            marks += sum(inner.cache is not None for inner in getattr(part, "content", ()))
    if marks > MAX_CACHE_MARKS:
        raise bad("cache_control", f"at most {MAX_CACHE_MARKS} blocks may carry cache_control, not {marks}")
