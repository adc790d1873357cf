"""Runs the gateway under uvicorn."""

from __future__ import annotations

import gc
import socket
from typing import TYPE_CHECKING

import uvicorn

from pointsman.errors import UsageError
from pointsman.server.http_protocol import BoundedHttpProtocol

if TYPE_CHECKING:
    from pointsman.server.gateway.asgi import Gateway

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any free one.

    Raises:
        UsageError: the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --host or --port"
        ) from None
    return sock


def run(gateway: Gateway, sock: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; open streams get ten seconds to end."""
    config = uvicorn.Config(
        gateway,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
    )
    # What start-up built lives as long as the process: the collector need not walk it again, least of all during a turn.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    uvicorn.Server(config).run(sockets=[sock])
