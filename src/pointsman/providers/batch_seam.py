"""The seam between the batch desk and the providers' batch APIs. Like the dialects, what stands here does no I/O.

A step that takes several requests (upload a file, then start a batch) is a generator: it yields an ``Outgoing``, is sent the
``Received``, and returns what it found. ``drive`` in ``execution.batch_calls`` does the sending.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Literal, Protocol

import msgspec

from pointsman.domain.reply import Reply
from pointsman.errors import ProviderError
from pointsman.providers.seam import Dialect, Endpoint, Outgoing

Outcome = Literal["ok", "error", "expired", "cancelled"]
Phase = Literal["running", "cancelling", "ended", "failed"]


class Received(msgspec.Struct, frozen=True):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Entry(msgspec.Struct, frozen=True):
    """One item, encoded: ``line`` is its JSON as this batch API wants it."""

    custom_id: str
    line: bytes


class BatchState(msgspec.Struct, frozen=True):
    """What the provider says of one batch.

    ``total`` and ``finished`` are None where it does not tell. ``error`` says why the whole batch failed. ``created_s`` is
    Unix time. ``refs`` is where results are found once it has ``ended``: file ids, an address, or nothing.
    """

    id: str
    phase: Phase
    total: int | None = None
    finished: int | None = None
    error: str | None = None
    created_s: float | None = None
    refs: tuple[str, ...] = ()


class ItemResult(msgspec.Struct, frozen=True):
    """What became of one item. ``reply`` where it is ``ok``; else ``error``, as the dialect classifies it."""

    custom_id: str
    outcome: Outcome
    reply: Reply | None = None
    error: ProviderError | None = None


class Broken(msgspec.Struct, frozen=True):
    """A part of the results that cannot be read: the items it was about are unaccounted for."""

    text: str


Step = Generator[Outgoing, Received, BatchState]


class Limits(msgspec.Struct, frozen=True):
    """What one batch may hold."""

    items: int
    bytes: int


class ResultReader(Protocol):
    """Reads one body of results as its bytes come."""

    def feed(self, data: bytes) -> Iterator[ItemResult | Broken]:
        """Yield the results that ``data`` completes."""
        ...

    def close(self) -> Iterator[ItemResult | Broken]:
        """Yield what is left at the end of the body."""
        ...


class BatchDialect(Protocol):
    """One provider's batch API.

    ``template`` is an encoded request of the ordinary API to the same model: its path and headers show where the batch API
    stands and with which key. ``names`` tells that the provider keeps our name of a batch, so that one whose start
    was not heard of is found again by name; where it is False only its items' ids, once it ended, tell whose it is.
    """

    dialect: Dialect
    limits: Limits
    names: bool

    def entry(self, custom_id: str, outgoing: Outgoing) -> Entry:
        """Return an item from its ordinary request."""
        ...

    def submit(self, name: str, entries: list[Entry], template: Outgoing, endpoint: Endpoint) -> Step:
        """Start a batch called ``name``."""
        ...

    def find(self, name: str, template: Outgoing) -> Generator[Outgoing, Received, list[BatchState]]:
        """Return the batches that may be the one called ``name``: exactly it where ``names``, else all, newest first."""
        ...

    def poll(self, batch_id: str, template: Outgoing) -> Step:
        """Return how a batch stands."""
        ...

    def cancel(self, batch_id: str, template: Outgoing) -> Step:
        """Ask to cancel a batch; what is finished stays and is paid."""
        ...

    def fetches(self, state: BatchState, template: Outgoing) -> list[Outgoing]:
        """Return the requests whose bodies hold the results."""
        ...

    def reader(self) -> ResultReader:
        """Return a fresh reader for one such body."""
        ...


def get(path: str, template: Outgoing) -> Outgoing:
    """Return a GET with the template's key and versions."""
    headers = {name: value for name, value in template.headers.items() if name != "content-type"}
    return Outgoing(path, headers, b"", method="GET")


def post(path: str, body: bytes, template: Outgoing, kind: str = "application/json") -> Outgoing:
    """Return a POST with the template's key and versions."""
    return Outgoing(path, {**template.headers, "content-type": kind}, body)


def checked(dialect: Dialect, received: Received) -> bytes:
    """Return the body of an answer that went well.

    Raises:
        ProviderError: as the dialect classifies it.
    """
    if received.status not in {200, 201}:
        raise dialect.decode_error(received.status, received.headers, received.body)
    return received.body


def unreadable(what: str, error: Exception) -> ProviderError:
    """Return the error for an answer that is not what a batch API says."""
    return ProviderError(f"the provider's {what} cannot be read: {error}", kind="malformed_reply", retry="same")


class LineReader:
    """Reads JSON lines; subclasses read one line."""

    LONGEST = 64 * 1024 * 1024

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[ItemResult | Broken]:
        """See ``ResultReader.feed``."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield from self._one(line)
        if len(self._rest) > self.LONGEST:
            self._rest = b""
            yield Broken("a line of the results is longer than 64 MiB")

    def close(self) -> Iterator[ItemResult | Broken]:
        """See ``ResultReader.close``."""
        rest, self._rest = self._rest, b""
        yield from self._one(rest)

    def _one(self, line: bytes) -> Iterator[ItemResult | Broken]:
        line = line.strip()
        if not line:
            return
        try:
            yield self.read(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ProviderError) as error:
            yield Broken(f"{error}: {line[:120].decode('utf-8', 'replace')}")

    def read(self, line: bytes) -> ItemResult:
        """Read one line."""
        raise ProviderError(f"no reader for {len(line)} bytes")
