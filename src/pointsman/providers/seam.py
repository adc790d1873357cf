"""The seam between the engine and the providers: pure dialects above, a transport below.

A dialect does no I/O: it turns a ``Turn`` into the bytes of a request, and bytes of an answer into a ``Reply`` or events.
So a relayed stream and a translated one are read by the same decoder and give the same record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.reply import Event, Reply
from pointsman.domain.turn import Turn
from pointsman.errors import ProviderError


class Endpoint(msgspec.Struct, frozen=True):
    """Where a provider is reached: its name in the policy, the host profile it follows, base URL and key.

    ``api_key`` never leaves the request headers: ``repr`` hides it.
    """

    provider: str
    host: str
    dialect: str
    base_url: str
    api_key: str | None = None
    simulated: bool = False

    def __repr__(self) -> str:
        """Show everything but the key."""
        return f"Endpoint(provider={self.provider!r}, host={self.host!r}, base_url={self.base_url!r})"


class Outgoing(msgspec.Struct, frozen=True):
    """A request ready to be sent. ``dropped`` names parameters left out, as the neutral ``Turn`` spells them."""

    path: str
    headers: dict[str, str]
    body: bytes
    dropped: tuple[str, ...] = ()
    method: str = "POST"

    def __repr__(self) -> str:
        """Show neither headers (they hold the key) nor body (it holds the customer's words)."""
        return f"Outgoing(path={self.path!r}, body=<{len(self.body)} bytes>, dropped={self.dropped!r})"


class StreamDecoder(Protocol):
    """Reads a stream as its bytes come. One instance reads one stream.

    ``done`` turns True once the terminal event has been read. ``held`` is the number of bytes at the end of everything fed
    so far that belong to the terminal frame or to a frame not yet complete: the engine holds these back until the
    record is committed, and passes on all before them. ``surplus`` is how many bytes came after the terminal frame in the
    same read: they belong to nothing and are passed on to nobody.
    """

    done: bool
    held: int
    surplus: int

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that ``data`` completes.

        Raises:
            ProviderError: the stream carries the provider's error event.
            StreamBroken: the bytes are not this dialect.
        """
        ...

    def close(self) -> list[Event]:
        """Say that the stream ended; return what is still owed.

        Raises:
            StreamBroken: it ended before its terminal event.
        """
        ...


class Dialect(Protocol):
    """One wire dialect."""

    name: str

    def encode(self, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Return the request that asks ``model`` for this turn.

        Raises:
            UnsupportedParameter: the turn asks for something this dialect, host or model cannot express.
            RequestError: the messages cannot be put into this dialect.
        """
        ...

    def splice(self, body: bytes, turn: Turn, model: Model, endpoint: Endpoint) -> Outgoing:
        """Return the client's own ``body`` for relay, with only the model name (and the wish for usage) rewritten."""
        ...

    def decode_reply(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Read a whole reply.

        Raises:
            ProviderError: the body carries an error, or is not this dialect.
        """
        ...

    def decoder(self, headers: Mapping[str, str]) -> StreamDecoder:
        """Return a fresh decoder for one stream."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Classify an error answer: kind, retryability and the provider's own retry-after."""
        ...


class Answer(Protocol):
    """An HTTP answer whose head has arrived. Close it in every case: an unread answer is cancelled upstream."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; raise ``ProviderUnreachable`` / ``StreamBroken`` when the connection is cut."""
        ...

    async def read(self) -> bytes:
        """Return the whole body."""
        ...

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else cut it."""
        ...


class Transport(Protocol):
    """Sends requests. One instance per process; keeps connections open."""

    async def send(self, endpoint: Endpoint, outgoing: Outgoing, *, connect_s: float, head_s: float) -> Answer:
        """Send and wait for the answer's head.

        Raises:
            ProviderTimeout: no connection within ``connect_s``, or no head within ``head_s`` seconds.
            ProviderUnreachable: refused, reset, or a TLS or DNS failure.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...
