"""An MCP server that speaks the protocol itself, so that it can break it. The first argument says how."""

from __future__ import annotations

import json
import sys
from typing import Any

HOW = sys.argv[1]
NAMES = {"long name": ["x" * 200], "too many": [f"t{n}" for n in range(1500)]}.get(HOW, ["t"])
CONTENT = {"type": "nonsense"} if HOW == "no result" else {"type": "text", "text": "ok"}


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a request."""
    match asked["method"]:
        case "initialize":
            version = asked["params"]["protocolVersion"]
            about = {"name": "odd", "version": "1"}
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
        case "tools/list":
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in NAMES]}
        case _:
            return {"content": [CONTENT]}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        if HOW == "chatter":
            sys.stdout.write("this is no JSON\n")
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": answer(request)}) + "\n")
        sys.stdout.flush()
