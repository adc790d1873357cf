"""The tools of one agent, ready to be called: Python functions and tools of MCP servers behind one shape."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import msgspec

from pointsman.domain.message import Image, JsonObject, Text, Tool, ToolResult
from pointsman.errors import UsageError
from pointsman.execution.python_tools import PythonTool, as_text, in_thread, python_tool
from pointsman.routing.sections_agents import Agent, AgentTool

# Line ends and tabs stay; everything else that a terminal or a parser might obey goes.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_KEY_PARAMETER: Final = "idempotency_key"
_DESCRIPTION_LIMIT: Final = 4000


class Output(msgspec.Struct, frozen=True):
    """What a tool gave back."""

    content: tuple[Text | Image, ...]
    is_error: bool = False


Run = Callable[[JsonObject, str], Awaitable[Output]]
"""Runs a tool with checked arguments and the idempotency key of the call."""
Check = Callable[[JsonObject], str | None]
"""Returns what is wrong with a call's arguments, in words for the model, or None."""


class BoundTool(msgspec.Struct, frozen=True):
    """A tool as one agent may use it."""

    tool: Tool
    run: Run
    check: Check
    writes: bool
    idempotent: bool
    approval: bool

    @property
    def name(self) -> str:
        """Its name, as the model knows it."""
        return self.tool.name


class Offered(msgspec.Struct, frozen=True):
    """A tool before the agent's rules are laid over it; ``writes`` is what its maker says, None when nothing is said."""

    tool: Tool
    run: Run
    writes: bool | None = None


def bind(agent: Agent, offered: Iterable[Offered]) -> dict[str, BoundTool]:
    """Lay the agent's rules over its tools.

    Raises:
        UsageError: two tools have one name, or a rule of the agent names no tool.
    """
    bound: dict[str, BoundTool] = {}
    for one in offered:
        name = one.tool.name
        if name in bound:
            raise UsageError(f"two tools are called {name!r}: give one MCP server a prefix")
        # What is not known to be harmless counts as a write: that errs towards doing a thing once.
        writes = one.writes is not False if agent.writes is None else _any(name, agent.writes)
        approval = _any(name, agent.approval)
        bound[name] = BoundTool(
            tool=one.tool,
            run=one.run,
            check=checker(one.tool),
            writes=writes or approval,
            idempotent=_any(name, agent.idempotent),
            approval=approval,
        )
    for field in ("writes", "idempotent", "approval"):
        for pattern in getattr(agent, field) or ():
            if not any(fnmatchcase(name, pattern) for name in bound):
                known = ", ".join(sorted(bound)) or "none"
                raise UsageError(f"{field}: {pattern!r} is the name of none of its tools ({known[:300]})")
    return bound


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def checker(tool: Tool) -> Check:
    """Return a check of arguments against the tool's JSON Schema.

    Raises:
        UsageError: the schema is not one.
    """
    import jsonschema_rs

    try:
        validator = jsonschema_rs.validator_for(tool.parameters or {"type": "object"}, retriever=_fetch_nothing)
    except (ValueError, TypeError) as error:
        raise UsageError(f"tool {tool.name!r}: its parameters are no JSON Schema: {_first_line(error)}") from None

    def check(arguments: JsonObject) -> str | None:
        problems = []
        for problem in validator.iter_errors(arguments):
            where = "/".join(str(part) for part in problem.instance_path) or "arguments"
            problems.append(f"{where}: {problem.message[:200]}")
            if len(problems) == 5:  # noqa: PLR2004 - enough to mend a call by
                break
        return "; ".join(problems) or None

    return check


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200]


def check_contract(schema: JsonObject, key: str = "contract") -> None:
    """Refuse a contract that is no JSON Schema, before a model is asked to keep to it; ``key`` says where it stands.

    Raises:
        UsageError: it is none.
    """
    import jsonschema_rs

    try:
        jsonschema_rs.validator_for(schema, retriever=_fetch_nothing)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{key}: it is no JSON Schema: {_first_line(error)}") from None


def _fetch_nothing(uri: str) -> Any:
    raise ValueError(f"a schema may not point elsewhere ({uri[:100]})")


def clean(text: str, limit: int) -> str:
    """Return untrusted text of a tool: without control characters, at most ``limit`` characters, and saying so if cut."""
    kept = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[:limit])
    return kept if len(text) <= limit else f"{kept}\n[cut here: {len(text):,} characters]"


def described(tool: Tool) -> Tool:
    """Return an untrusted tool with its description made safe to show to a model."""
    return msgspec.structs.replace(tool, description=clean(tool.description, _DESCRIPTION_LIMIT))


def result(call_id: str, name: str, text: str, *, is_error: bool = False) -> ToolResult:
    """Return a result of plain text."""
    return ToolResult(call_id, (Text(text),), name, is_error)


def python_tools(agent: Agent, registered: Mapping[str, PythonTool], folder: Path) -> list[Offered]:
    """Return the Python tools of an agent. ``folder`` is where file names begin.

    Raises:
        UsageError: a function cannot be found, or has types that JSON cannot carry.
    """
    return [_offered(name, spec, registered, folder) for name, spec in agent.tools.items()]


def _offered(name: str, spec: AgentTool, registered: Mapping[str, PythonTool], folder: Path) -> Offered:
    if spec.python is None:
        known = registered.get(name)
        if known is None:
            raise UsageError(f"tool {name!r}: no function is registered under this name; write python: module:function")
        return _known(name, spec, known)
    function = _load(name, spec.python, folder)
    if spec.parameters is None:
        # Nobody has said of this function whether it writes.
        return msgspec.structs.replace(_known(name, spec, python_tool(function, name=name)), writes=None)
    about = spec.description if spec.description is not None else inspect.getdoc(function) or ""
    return Offered(Tool(name, about, spec.parameters), _plain(function), writes=None)


def _known(name: str, spec: AgentTool, known: PythonTool) -> Offered:
    tool = Tool(
        name,
        known.description if spec.description is None else spec.description,
        known.parameters if spec.parameters is None else spec.parameters,
    )

    async def run(arguments: JsonObject, key: str) -> Output:
        return Output((Text(await known.call(arguments, key)),))

    return Offered(tool, run, writes=known.writes)


def _plain(function: Callable[..., Any]) -> Run:
    """Return how a function is called whose arguments a schema in the policy describes."""
    takes_key = _KEY_PARAMETER in inspect.signature(function).parameters

    async def run(arguments: JsonObject, key: str) -> Output:
        values = arguments | ({_KEY_PARAMETER: key} if takes_key else {})
        if inspect.iscoroutinefunction(function):
            given = await function(**values)
        else:
            given = await in_thread(function, values)
        return Output((Text(as_text(given)),))

    return run


def _load(name: str, where: str, folder: Path) -> Callable[..., Any]:
    module_name, _, function_name = where.rpartition(":")
    try:
        if module_name.endswith(".py"):
            module = _from_file((folder / module_name).resolve())
        else:
            module = importlib.import_module(module_name)
    except Exception as error:
        raise UsageError(f"tool {name!r}: {where} cannot be loaded: {type(error).__name__}: {error}") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(f"tool {name!r}: {where}: there is no function {function_name!r} in it")
    found: Callable[..., Any] = function
    return found


def _from_file(path: Path) -> Any:
    # Under a name of its own, so that two files called tools.py do not stand in each other's way.
    name = f"pointsman_agent_tools_{abs(hash(str(path))):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
