"""Runs the gateway in a thread of its own: for the demo, where the caller is the client."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from pointsman.app import Router
from pointsman.errors import UsageError
from pointsman.server.gateway.asgi import Gateway
from pointsman.server.http_protocol import BoundedHttpProtocol
from pointsman.server.run import listen

_LOOK_AGAIN_S = 0.005


@contextmanager
def gateway_in_thread(router: Router, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve ``router`` without client keys, on loopback, and lend the base URL; leaving stops it and closes the router.

    Raises:
        UsageError: the gateway did not start.
    """
    sock = listen(host, port)
    config = uvicorn.Config(
        Gateway(router, None),
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="pointsman-gateway", daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(_LOOK_AGAIN_S)
            if not thread.is_alive():
                raise UsageError("the gateway did not start: see its message above")
        yield f"http://{host}:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
