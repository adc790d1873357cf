"""What agents refer to, looked up without running any of it: for ``pointsman check``.

Files are read and parsed, never imported; programs are looked for, never started.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from pointsman.domain.message import Tool
from pointsman.errors import UsageError
from pointsman.execution.agents.tools import check_contract, checker
from pointsman.execution.prompts import defined_prompt
from pointsman.routing.policy import Policy
from pointsman.routing.sections_agents import Agent, AgentTool, McpServer


def broken_references(policy: Policy, environ: Mapping[str, str]) -> list[str]:
    """Return, for every agent of a policy, what it names and what is not there."""
    folder = Path(policy.source).parent if policy.source else Path()
    return [
        f"agents.{name}.{problem}"
        for name, agent in policy.agents.items()
        for problem in _of_agent(name, agent, folder, environ)
    ]


def _of_agent(name: str, agent: Agent, folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    yield from _prompt(name, agent, folder)
    for tool_name, tool in agent.tools.items():
        for problem in _tool(tool_name, tool, folder):
            yield f"tools.{tool_name}: {problem}"
    for server_name, server in agent.mcp.items():
        for problem in _server(server, folder, environ):
            yield f"mcp.{server_name}: {problem}"
    if agent.contract is not None:
        try:
            check_contract(agent.contract)
        except UsageError as error:
            yield str(error)
    yield from _patterns(agent)


def _patterns(agent: Agent) -> Iterator[str]:
    if agent.mcp:  # what a server offers is known once it runs
        return
    for field in ("writes", "idempotent", "approval"):
        for pattern in getattr(agent, field) or ():
            if not any(fnmatchcase(tool, pattern) for tool in agent.tools):
                yield f"{field}: {pattern!r} is the name of none of its tools ({', '.join(agent.tools) or 'none'})"


def _prompt(name: str, agent: Agent, folder: Path) -> Iterator[str]:
    try:
        text = agent.prompt if agent.prompt_file is None else (folder / agent.prompt_file).read_text(encoding="utf-8")
        defined_prompt(name, text or "")
    except (OSError, UnicodeDecodeError) as error:
        yield f"prompt_file: {agent.prompt_file} cannot be read: {error}"
    except UsageError as error:
        yield f"{'prompt' if agent.prompt_file is None else 'prompt_file'}: {error}"


def _tool(name: str, tool: AgentTool, folder: Path) -> Iterator[str]:
    if tool.parameters is not None and (wrong := _schema(name, tool.parameters)):
        yield wrong
    if tool.python is None:  # registered by the program that embeds Pointsman, which is not here
        return
    module, _, function = tool.python.rpartition(":")
    try:
        place = (folder / module).resolve() if module.endswith(".py") else _source(module)
        if place is not None:
            yield from _function(place, function, described=tool.parameters is not None)
    except (UsageError, OSError, ValueError) as error:
        yield f"{tool.python} cannot be loaded: {error}"
    except SyntaxError as error:
        yield f"{tool.python} cannot be loaded: line {error.lineno}: {error.msg}"


def _source(module: str) -> Path | None:
    """Return the file of a module; None where it has no Python text."""
    path: list[str] | None = None
    spec: ModuleSpec | None = None
    names = module.split(".")
    for depth in range(1, len(names) + 1):
        spec = PathFinder.find_spec(".".join(names[:depth]), path)
        if spec is None or (depth < len(names) and spec.submodule_search_locations is None):
            raise UsageError(f"there is no module {'.'.join(names[:depth])!r} on the path of this Python")
        path = list(spec.submodule_search_locations or ())
    found = Path(spec.origin) if spec is not None and spec.origin else None
    return found if found is not None and found.suffix == ".py" else None


def _function(place: Path, name: str, *, described: bool) -> Iterator[str]:
    if not place.is_file():
        raise UsageError(f"there is no file {place}")
    tree = ast.parse(place.read_bytes(), str(place))
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    if name not in defined:
        # It may be imported, assigned or made in a branch: then only running the file would tell.
        if not {name, "*"} & {bound for node in ast.walk(tree) for bound in _binds(node)}:
            yield f"there is no function {name!r} in {place.name}"
        return
    if not described:
        given = defined[name].args
        untyped = [one.arg for one in (*given.args, *given.kwonlyargs) if one.annotation is None]
        if untyped:
            yield f"{name}: parameter {untyped[0]!r} has no type; annotate it, or write parameters"


def _binds(node: ast.AST) -> tuple[str, ...]:
    """Return the names a node may bind; ``*`` for any."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return (node.id,)
    if isinstance(node, ast.alias):
        return (node.asname or node.name,)
    return (node.name,) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else ()


def _schema(name: str, schema: dict[str, object]) -> str | None:
    try:
        checker(Tool(name, "", schema))
    except UsageError as error:
        return str(error)
    return None


def _server(server: McpServer, folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    if PathFinder.find_spec("mcp") is None:
        yield "needs the package mcp: install pointsman[mcp]"
    if server.http is not None:
        for header, variable in server.http.headers_env.items():
            if variable not in environ:
                yield f"http: {header} needs the environment variable {variable}"
    if server.stdio is None:
        return
    where = folder / (server.stdio.cwd or ".")
    if not where.is_dir():
        yield f"stdio: cwd {where} is no folder"
    command = server.stdio.command
    if command != "python" and shutil.which(command, path=environ.get("PATH")) is None:
        yield f"stdio: there is no program {command!r} on the PATH"
    for name, value in server.stdio.env.items():
        if value.startswith("$") and value.removeprefix("$") not in environ:
            yield f"stdio: env {name} needs the environment variable {value.removeprefix('$')}"
