"""A small MCP server over one folder, with the tool names and arguments of npm's server-filesystem.

``python files_server.py FOLDER`` speaks MCP over stdio. No path leads out of the folder, links included.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

server = MCPServer("files")
root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
READS = ToolAnnotations(read_only_hint=True)


def inside(path: str, *, there: bool = False) -> Path:
    """Return the place of ``path``; refuse what is outside of the folder, or missing where it must be ``there``."""
    place = (root / path).resolve()
    if place != root and root not in place.parents:
        raise ToolError(f"{path} is outside of the folder")
    if there and not place.exists():
        raise ToolError(f"{path}: there is no such file or folder")
    return place


@server.tool(annotations=READS)
def list_directory(path: str) -> str:
    """List a folder: one line per entry, [DIR] or [FILE] before its name."""
    entries = sorted(inside(path, there=True).iterdir())
    return "\n".join(f"[{'DIR' if entry.is_dir() else 'FILE'}] {entry.name}" for entry in entries)


@server.tool(annotations=READS)
def read_text_file(path: str) -> str:
    """Return the text of a file."""
    return inside(path, there=True).read_text(encoding="utf-8")


@server.tool()
def create_directory(path: str) -> str:
    """Make a folder, and those above it."""
    inside(path).mkdir(parents=True, exist_ok=True)
    return f"Successfully created directory {path}"


@server.tool()
def write_file(path: str, content: str) -> str:
    """Write a file, replacing what was there."""
    inside(path).write_text(content, encoding="utf-8")
    return f"Successfully wrote to {path}"


@server.tool()
def move_file(source: str, destination: str) -> str:
    """Move a file; the destination must not exist."""
    target = inside(destination)
    if target.exists():
        raise ToolError(f"{destination} exists")
    inside(source, there=True).rename(target)
    return f"Successfully moved {source} to {destination}"


if __name__ == "__main__":
    server.run()
