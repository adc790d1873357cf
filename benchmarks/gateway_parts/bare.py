"""The yardstick: a bare ASGI pass-through, same server and HTTP client, nothing else of ours. Usage: bare.py PORT UPSTREAM."""

from __future__ import annotations

import sys
from math import inf
from typing import Any

import uvicorn

from pointsman.providers.hosts import endpoint
from pointsman.providers.lean_transport import LeanTransport
from pointsman.providers.seam import Outgoing

_HEADERS = {"content-type": "application/json"}


class Bare:
    """Forwards the body, relays the answer."""

    def __init__(self, upstream: str) -> None:
        self._upstream = endpoint("upstream", "openai-compatible", base_url=upstream)
        self._transport = LeanTransport()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        outgoing = Outgoing("/chat/completions", _HEADERS, body)
        answer = await self._transport.send(self._upstream, outgoing, connect_s=5, head_s=inf)
        kind = answer.headers["content-type"].encode()
        await send({"type": "http.response.start", "status": answer.status, "headers": [(b"content-type", kind)]})
        async for chunk in answer.chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        answer.close()
        await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    app = Bare(sys.argv[2])
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="error"
    )
