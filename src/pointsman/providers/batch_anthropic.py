"""Anthropic Message Batches: one request starts a batch, results are JSON lines in any order. Pure: no I/O.

The API keeps no name of ours: a batch whose start was not heard of shows itself only by the ids of its items, at its end.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import msgspec

from pointsman.providers.batch_seam import (
    BatchState,
    Entry,
    ItemResult,
    Limits,
    LineReader,
    Phase,
    Received,
    Step,
    checked,
    get,
    post,
    unreadable,
)
from pointsman.providers.seam import Dialect, Endpoint, Outgoing

_PHASES: dict[str, Phase] = {"in_progress": "running", "canceling": "cancelling", "ended": "ended"}
_PAGE = 100
_PAGES = 20


class _Batch(msgspec.Struct, frozen=True):
    id: str
    processing_status: str
    request_counts: dict[str, int] = {}
    results_url: str | None = None
    created_at: str | None = None


class _Page(msgspec.Struct, frozen=True):
    data: list[_Batch]
    has_more: bool = False
    last_id: str | None = None


class _Said(msgspec.Struct, frozen=True):
    type: Literal["succeeded", "errored", "canceled", "expired"]
    message: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Line(msgspec.Struct, frozen=True):
    custom_id: str
    result: _Said


class AnthropicBatches:
    """``BatchDialect`` for Message Batches."""

    limits = Limits(items=100_000, bytes=256_000_000)
    names = False

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def entry(self, custom_id: str, outgoing: Outgoing) -> Entry:
        """See ``BatchDialect.entry``."""
        return Entry(
            custom_id, b'{"custom_id":' + msgspec.json.encode(custom_id) + b',"params":' + outgoing.body + b"}"
        )

    def submit(self, name: str, entries: list[Entry], template: Outgoing, endpoint: Endpoint) -> Step:  # noqa: ARG002
        """See ``BatchDialect.submit``."""
        body = b'{"requests":[' + b",".join(entry.line for entry in entries) + b"]}"
        return self._state((yield post(f"{template.path}/batches", body, template)))

    def find(self, name: str, template: Outgoing) -> Generator[Outgoing, Received, list[BatchState]]:  # noqa: ARG002
        """See ``BatchDialect.find``: all batches of the workspace, the newest two thousand."""
        found: list[BatchState] = []
        after = ""
        for _ in range(_PAGES):
            received = yield get(f"{template.path}/batches?limit={_PAGE}{after}", template)
            try:
                page = msgspec.json.decode(checked(self.dialect, received), type=_Page)
            except msgspec.MsgspecError as error:
                raise unreadable("list of batches", error) from None
            found += [_read(batch) for batch in page.data]
            if not page.has_more or page.last_id is None:
                break
            after = f"&after_id={quote(page.last_id, safe='')}"
        return found

    def poll(self, batch_id: str, template: Outgoing) -> Step:
        """See ``BatchDialect.poll``."""
        return self._state((yield get(f"{template.path}/batches/{quote(batch_id, safe='')}", template)))

    def cancel(self, batch_id: str, template: Outgoing) -> Step:
        """See ``BatchDialect.cancel``."""
        path = f"{template.path}/batches/{quote(batch_id, safe='')}/cancel"
        return self._state((yield post(path, b"", template)))

    def fetches(self, state: BatchState, template: Outgoing) -> list[Outgoing]:
        """See ``BatchDialect.fetches``. The key goes only to the endpoint itself, whatever host ``results_url`` names."""
        return [get(f"{template.path}/batches/{quote(state.id, safe='')}/results", template)]

    def reader(self) -> LineReader:
        """See ``BatchDialect.reader``."""
        return _Lines(self.dialect)

    def _state(self, received: Received) -> BatchState:
        try:
            return _read(msgspec.json.decode(checked(self.dialect, received), type=_Batch))
        except msgspec.MsgspecError as error:
            raise unreadable("batch", error) from None


def _read(batch: _Batch) -> BatchState:
    counts = batch.request_counts
    ended = batch.processing_status == "ended"
    return BatchState(
        batch.id,
        _PHASES.get(batch.processing_status, "running"),
        total=sum(counts.values()) if counts else None,
        # Until a batch has ended every item counts as being processed.
        finished=sum(counts.values()) - counts.get("processing", 0) if counts and ended else None,
        created_s=_seconds(batch.created_at),
        refs=(urlsplit(batch.results_url).path,) if batch.results_url else (),
    )


def _seconds(written: str | None) -> float | None:
    try:
        return None if written is None else datetime.fromisoformat(written).timestamp()
    except ValueError:
        return None


class _Lines(LineReader):
    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def read(self, line: bytes) -> ItemResult:
        found = msgspec.json.decode(line, type=_Line)
        said: Any = found.result
        if said.type == "succeeded":
            return ItemResult(found.custom_id, "ok", self._dialect.decode_reply(bytes(said.message), {}))
        if said.type == "errored":
            return ItemResult(found.custom_id, "error", error=self._dialect.decode_error(200, {}, bytes(said.error)))
        return ItemResult(found.custom_id, "cancelled" if said.type == "canceled" else "expired")
