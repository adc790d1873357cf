"""Puts an emulator on a real port, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pointsman.emulator.app import Emulator
from pointsman.emulator.records import Recorded
from pointsman.emulator.sending import TRANSPORT
from pointsman.errors import UsageError


class CuttableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, lending the application the transport so that it can cut a connection as a broken network does."""

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class Handle:
    """A running emulator. ``base_url`` has no ``/v1``; stop it with ``stop()`` or by leaving the ``with`` block."""

    def __init__(self, emulator: Emulator, sock: socket.socket) -> None:
        self.emulator = emulator
        self.host, self.port = sock.getsockname()[:2]
        name = f"[{self.host}]" if ":" in self.host else self.host
        self.base_url = f"http://{name}:{self.port}"
        self._sock = sock
        self._server = uvicorn.Server(server_config(emulator))
        self._thread = threading.Thread(target=self._run, name="pointsman-emulator", daemon=True)
        self._thread.start()

    @property
    def requests(self) -> list[Recorded]:
        """The requests so far, oldest first."""
        return self.emulator.requests

    def stop(self) -> None:
        """Close the port and every connection; return when the thread has ended. Calling it again does nothing."""
        self._server.should_exit = True
        # A stream that stalls on purpose must not hold up the end.
        self._server.force_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        config = self._server.config
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        with contextlib.closing(self._sock):
            await self._server.serve(sockets=[self._sock])
            for connection in list(self._server.server_state.connections):
                connection.transport.abort()
            for _ in range(3):
                await asyncio.sleep(0)  # lets the requests see that they are gone, so that nothing is left to cancel


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; clients can connect at once, even before the server runs.

    Raises:
        UsageError: the address cannot be listened on.
    """
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as problem:
        raise UsageError(
            f"cannot listen on {host}:{port}: {problem.strerror or problem}; choose another --port, or 0 for a free one"
        ) from problem


def server_config(emulator: Emulator) -> uvicorn.Config:
    """Return the uvicorn settings: quiet, no own headers, no lifespan."""
    options: dict[str, Any] = {"log_config": None, "access_log": False, "lifespan": "off", "server_header": False}
    options |= {"interface": "asgi3", "proxy_headers": False}
    return uvicorn.Config(emulator.asgi, http=CuttableProtocol, ws="none", **options)


def serve_in_thread(emulator: Emulator, host: str = "127.0.0.1", port: int = 0) -> Handle:
    """Serve an emulator from a thread until the handle is stopped.

    Raises:
        UsageError: the address cannot be listened on.
    """
    return Handle(emulator, listen(host, port))
