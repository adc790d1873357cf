"""An MCP server for tests: honest tools, tools that hang, lie or kill the server. ``http PORT`` serves it over HTTP."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

server = MCPServer("test")
HERE = Path.cwd()


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def environment(name: str) -> str:
    """Return a variable of the server's environment."""
    return os.environ.get(name, "unset")


@server.tool()
def note(text: str, ctx: Context) -> str:
    """Write a line down, with its idempotency key."""
    meta = ctx.request_context.meta or {}
    key = meta.get("pointsman/idempotency-key", "none")
    with (HERE / "notes.txt").open("a") as file:
        file.write(f"{text} {key}\n")
    return "noted"


@server.tool()
def note_and_die(text: str) -> str:
    """Write a line down, then end the process without an answer."""
    with (HERE / "notes.txt").open("a") as file:
        file.write(f"{text}\n")
        file.flush()
    os._exit(1)


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def die_once() -> str:
    """End the process the first time it is called."""
    mark = HERE / "died.txt"
    if not mark.exists():
        mark.touch()
        os._exit(1)
    return "alive again"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def hang() -> str:
    """Never answer in time."""
    time.sleep(30)
    return "too late"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def fail() -> str:
    """Raise."""
    raise ToolError("no such thing")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def flood() -> str:
    """Return far too much, with control characters."""
    return "\x1b[31m" + "x" * 100_000


if __name__ == "__main__":
    if sys.argv[1:2] == ["http"]:
        server.run("streamable-http", port=int(sys.argv[2]))
    else:
        server.run()
