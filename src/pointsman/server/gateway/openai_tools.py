"""Reads tools, tool choice and response format of an OpenAI Chat Completions request."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from pointsman.domain.message import OutputFormat, Tool, ToolChoice
from pointsman.errors import UnsupportedParameter
from pointsman.server.gateway.body import bad

NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
"""Tool names taken: wider than either vendor's own, since the provider dialects rewrite names and back."""


class FunctionIn(msgspec.Struct, frozen=True):
    """The inner object of a function tool."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolIn(msgspec.Struct, frozen=True):
    """A tool as written."""

    type: str
    function: FunctionIn | None = None


class _Name(msgspec.Struct, frozen=True):
    name: str


class _Named(msgspec.Struct, frozen=True):
    type: str = "function"
    function: _Name | None = None


class _Allowed(msgspec.Struct, frozen=True):
    mode: Literal["auto", "required"]
    tools: list[_Named]


class ChoiceIn(msgspec.Struct, frozen=True):
    """A tool choice written as an object."""

    type: str
    function: _Name | None = None
    allowed_tools: _Allowed | None = None


class _Schema(msgspec.Struct, frozen=True):
    name: str
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class FormatIn(msgspec.Struct, frozen=True):
    """A response format as written."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


def read_tools(tools: list[ToolIn] | None) -> tuple[Tool, ...]:
    """Return the neutral tools.

    Raises:
        RequestError: a bad or repeated name, or a tool without its function.
        UnsupportedParameter: a tool that is not a function.
    """
    if not tools:
        return ()
    found: dict[str, Tool] = {}
    for number, tool in enumerate(tools):
        where = f"tools.{number}"
        if tool.type != "function":
            raise UnsupportedParameter(
                f"{where}.type: {tool.type!r} tools are not supported; only 'function' tools are", param=f"{where}.type"
            )
        function = tool.function
        if function is None:
            raise bad(f"{where}.function", "this field is required")
        check_name(function.name, f"{where}.function.name", found)
        found[function.name] = Tool(
            function.name, function.description or "", function.parameters or {}, function.strict
        )
    return tuple(found.values())


def check_name(name: str, where: str, taken: dict[str, Tool]) -> None:
    """Raise ``RequestError`` for a tool name that no vendor could carry, or that is taken."""
    if not NAME.fullmatch(name):
        raise bad(where, f"{name[:140]!r} is not a tool name: 1 to 128 letters, digits or _ - . :")
    if name in taken:
        raise bad(where, f"tool names must be unique; {name!r} occurs twice")


def read_choice(choice: str | ChoiceIn | None, parallel: bool | None, tools: tuple[Tool, ...]) -> ToolChoice | None:
    """Return the neutral tool choice; None when the client said nothing.

    Raises:
        RequestError: an unknown form, or a tool that is not in ``tools``.
        UnsupportedParameter: the choice of a custom tool.
    """
    if choice is None:
        return None if parallel is None else ToolChoice(parallel=parallel)
    if isinstance(choice, str):
        if choice not in {"auto", "none", "required"}:
            raise bad("tool_choice", f"{choice!r} is not one of none, auto, required")
        picked = ToolChoice(choice, parallel=parallel)  # type: ignore[arg-type]
    else:
        picked = _object_choice(choice, parallel)
    known = {tool.name for tool in tools}
    if picked.mode in {"required", "named"} and not tools:
        raise bad("tool_choice", "only allowed when tools are given")
    if unknown := [name for name in picked.names if name not in known]:
        raise bad("tool_choice", f"no tool named {unknown[0]!r} in tools")
    return picked


def _object_choice(choice: ChoiceIn, parallel: bool | None) -> ToolChoice:
    if choice.type == "function" and choice.function is not None:
        return ToolChoice("named", (choice.function.name,), parallel)
    if choice.type == "allowed_tools" and choice.allowed_tools is not None:
        names: list[str] = []
        for number, tool in enumerate(choice.allowed_tools.tools):
            if tool.function is None:
                where = f"tool_choice.allowed_tools.tools.{number}"
                raise UnsupportedParameter(f"{where}: only function tools are supported", param=where)
            names.append(tool.function.name)
        if not names:
            raise bad("tool_choice.allowed_tools.tools", "at least one tool is required")
        return ToolChoice(choice.allowed_tools.mode, tuple(names), parallel)
    if choice.type in {"function", "allowed_tools"}:
        raise bad(f"tool_choice.{choice.type}", "this field is required")
    raise UnsupportedParameter(
        f"tool_choice.type: {choice.type!r} is not supported; use 'function' or 'allowed_tools'",
        param="tool_choice.type",
    )


def read_format(wanted: FormatIn | None) -> OutputFormat | None:
    """Return the neutral output format; plain text is None.

    Raises:
        RequestError: a JSON schema format without its schema.
    """
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return OutputFormat("json_object")
    schema = wanted.json_schema
    if schema is None:
        raise bad("response_format.json_schema", "this field is required")
    return OutputFormat("json_schema", schema.schema or {}, schema.name, schema.strict, schema.description)
