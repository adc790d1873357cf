"""The seam between the gateway's ASGI app and the inbound dialects, which do no I/O.

A dialect reads a client's request into a ``Turn`` and writes a ``Reply``, the events of a stream, or an error the way the
official SDK of that dialect expects them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from pointsman.domain.reply import Event, Reply
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError


class Inbound(msgspec.Struct, frozen=True):
    """A client's request, read once.

    ``parts`` are raw JSON slices for the store: ``("params", ...)`` (everything that is not named next), ``("system", ...)``,
    ``("tools", ...)``, then one ``("message", raw)`` each, in order. ``conversation_hint`` is the client's own name of the
    conversation where it gave one in its metadata. ``api_version`` is the dialect version the client asked for.
    """

    turn: Turn
    parts: tuple[tuple[str, bytes], ...]
    conversation_hint: str | None = None
    api_version: str | None = None


MAX_HINT = 128
"""Characters of a conversation's name; longer ones, or ones that cannot be printed, are not taken."""


def hint(name: object) -> str | None:
    """Return ``name`` if it can serve as the name of a conversation."""
    return name if isinstance(name, str) and 0 < len(name) <= MAX_HINT and name.isprintable() else None


class HttpError(msgspec.Struct, frozen=True):
    """An error answer, ready to be sent. Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


class StreamEncoder(Protocol):
    """Writes one stream. ``keep_alive`` is a frame that the dialect's SDK skips at any time."""

    keep_alive: bytes

    def encode(self, events: list[Event]) -> bytes:
        """Return the frames for these events; ``b""`` when they show nothing to this client.

        Raises:
            ProviderError: the model's output cannot be expressed in this dialect (``invalid_tool_arguments``).
        """
        ...

    def terminal(self) -> bytes:
        """Return the last frames: stop reason, usage, end mark. Release them only after the record is committed.

        Raises:
            StreamBroken: no ``ReplyEnd`` came: a broken stream must not look complete.
        """
        ...

    def error(self, error: PointsmanError, request_id: str) -> bytes:
        """Return the dialect's own error event, to be sent instead of ``terminal``."""
        ...


class InboundDialect(Protocol):
    """One dialect that clients speak. ``name`` is the name of the provider dialect it matches for relay.

    ``keep_alive`` is a frame that the dialect's SDK skips at any time, also before the first event.
    """

    name: str
    keep_alive: bytes

    def decode_request(self, body: bytes, headers: Mapping[str, str]) -> Inbound:
        """Read a request; ``headers`` has lower-case names.

        Raises:
            RequestError: the body is not this dialect; ``param`` is the path of the field at fault.
            UnsupportedParameter: it asks for a feature that only the vendor's own servers have.
        """
        ...

    def encode_reply(self, reply: Reply, turn: Turn, model: str) -> bytes:
        """Write a whole reply; ``model`` is the catalogue id that served it.

        Raises:
            ProviderError: the model's output cannot be expressed in this dialect (``invalid_tool_arguments``).
        """
        ...

    def encoder(self, turn: Turn, model: str, reply_id: str) -> StreamEncoder:
        """Return a fresh encoder for one stream."""
        ...

    def encode_error(self, error: PointsmanError, request_id: str) -> HttpError:
        """Write an error that came before the first byte of the reply."""
        ...
