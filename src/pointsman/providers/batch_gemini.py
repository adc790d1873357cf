"""Gemini batch mode, with the requests inline: the batch is a long-running operation that ends up holding the replies.

Our name of a batch is its ``displayName``, so one whose start was not heard of is found again by it. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from pointsman.errors import ProviderError
from pointsman.providers.batch_seam import (
    BatchState,
    Broken,
    Entry,
    ItemResult,
    Limits,
    Phase,
    Received,
    Step,
    checked,
    get,
    post,
    unreadable,
)
from pointsman.providers.seam import Dialect, Endpoint, Outgoing

_PHASES: dict[str, Phase] = {
    "PENDING": "running",
    "QUEUED": "running",
    "RUNNING": "running",
    "UPDATING": "running",
    "PAUSED": "running",
    "CANCELLING": "cancelling",
    "SUCCEEDED": "ended",
    "PARTIALLY_SUCCEEDED": "ended",
    "CANCELLED": "ended",
    "EXPIRED": "ended",
    "FAILED": "failed",
}
_STATUS_BY_CODE = {1: 499, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}
"""HTTP status by the canonical code of an item's error (google.rpc.Code)."""
_CANCELLED, _DEADLINE = 1, 4
_PAGES = 20


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    state: str = "BATCH_STATE_PENDING"
    display_name: str | None = None
    create_time: str | None = None
    batch_stats: dict[str, Any] = {}


class _Status(msgspec.Struct, frozen=True):
    code: int = 13
    message: str = ""


class _Operation(msgspec.Struct, frozen=True):
    name: str
    metadata: _Metadata = _Metadata()
    error: _Status | None = None


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    operations: list[_Operation] = []
    next_page_token: str | None = None


class _Inlined(msgspec.Struct, frozen=True):
    response: msgspec.Raw = msgspec.Raw(b"null")
    error: _Status | None = None
    metadata: dict[str, Any] = {}


class GeminiBatches:
    """``BatchDialect`` for ``batchGenerateContent`` with inline requests."""

    # The limit is 20 MB a request. All replies come in one answer, and each stands in it twice: users report batches whose
    # results grew so large that they could not be fetched any more, so few items go together.
    limits = Limits(items=1_000, bytes=19_000_000)
    names = True

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def entry(self, custom_id: str, outgoing: Outgoing) -> Entry:
        """See ``BatchDialect.entry``."""
        tail = msgspec.json.encode({"metadata": {"key": custom_id}})
        return Entry(custom_id, b'{"request":' + outgoing.body + b"," + tail[1:])

    def submit(self, name: str, entries: list[Entry], template: Outgoing, endpoint: Endpoint) -> Step:  # noqa: ARG002
        """See ``BatchDialect.submit``."""
        path = template.path.partition(":")[0] + ":batchGenerateContent"
        requests = b'{"requests":{"requests":[' + b",".join(entry.line for entry in entries) + b"]}}"
        body = b'{"batch":{"displayName":' + msgspec.json.encode(name) + b',"inputConfig":' + requests + b"}}"
        return self._state((yield post(path, body, template)))

    def find(self, name: str, template: Outgoing) -> Generator[Outgoing, Received, list[BatchState]]:
        """See ``BatchDialect.find``."""
        found: list[BatchState] = []
        token = ""
        for _ in range(_PAGES):
            received = yield get(f"{_root(template)}/batches?pageSize=100{token}", template)
            try:
                page = msgspec.json.decode(checked(self.dialect, received), type=_Page)
            except msgspec.MsgspecError as error:
                raise unreadable("list of batches", error) from None
            found += [_read(batch) for batch in page.operations if batch.metadata.display_name == name]
            if found or not page.next_page_token:
                break
            token = f"&pageToken={quote(page.next_page_token, safe='')}"
        return found

    def poll(self, batch_id: str, template: Outgoing) -> Step:
        """See ``BatchDialect.poll``."""
        return self._state((yield get(_path(batch_id, template), template)))

    def cancel(self, batch_id: str, template: Outgoing) -> Step:
        """See ``BatchDialect.cancel``. The answer is empty; how the batch stands is asked afterwards."""
        checked(self.dialect, (yield post(_path(batch_id, template) + ":cancel", b"{}", template)))
        return self._state((yield get(_path(batch_id, template), template)))

    def fetches(self, state: BatchState, template: Outgoing) -> list[Outgoing]:
        """See ``BatchDialect.fetches``: the operation itself holds the replies."""
        return [get(_path(state.id, template), template)]

    def reader(self) -> _Whole:
        """See ``BatchDialect.reader``."""
        return _Whole(self.dialect)

    def _state(self, received: Received) -> BatchState:
        try:
            return _read(msgspec.json.decode(checked(self.dialect, received), type=_Operation))
        except msgspec.MsgspecError as error:
            raise unreadable("batch", error) from None


def _root(template: Outgoing) -> str:
    return template.path.partition("/models/")[0]


def _path(batch_id: str, template: Outgoing) -> str:
    return f"{_root(template)}/batches/{quote(batch_id.removeprefix('batches/'), safe='')}"


def _read(batch: _Operation) -> BatchState:
    state = batch.metadata.state.removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")
    phase = _PHASES.get(state, "running")
    stats = batch.metadata.batch_stats
    total, waiting = _count(stats.get("requestCount")), _count(stats.get("pendingRequestCount"))
    return BatchState(
        batch.name,
        "failed" if batch.error is not None and phase == "running" else phase,
        total=total,
        finished=None if total is None else total - (waiting or 0),
        error=(batch.error.message if batch.error else "no reason given") if phase == "failed" or batch.error else None,
        created_s=_seconds(batch.metadata.create_time),
    )


def _count(value: Any) -> int | None:
    """Read an int64, which this API writes as text."""
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None


def _seconds(written: str | None) -> float | None:
    try:
        return None if written is None else datetime.fromisoformat(written).timestamp()
    except ValueError:
        return None


class _Output(msgspec.Struct, frozen=True, rename="camel"):
    inlined_responses: dict[str, list[msgspec.Raw]] = {}


class _Ended(msgspec.Struct, frozen=True):
    output: _Output = _Output()


class _Results(msgspec.Struct, frozen=True):
    metadata: _Ended = _Ended()
    response: _Output = _Output()


class _Whole:
    """Reads the operation: its replies stand in one JSON document, in ``metadata.output`` or in ``response``."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[ItemResult | Broken]:
        """See ``ResultReader.feed``."""
        self._pieces.append(data)
        yield from ()

    def close(self) -> Iterator[ItemResult | Broken]:
        """See ``ResultReader.close``."""
        try:
            found = msgspec.json.decode(b"".join(self._pieces), type=_Results)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            yield Broken(str(error))
            return
        output = found.metadata.output.inlined_responses or found.response.inlined_responses
        for raw in output.get("inlinedResponses", []):
            try:
                yield self._read(msgspec.json.decode(raw, type=_Inlined))
            except (msgspec.MsgspecError, ProviderError, UnicodeDecodeError) as error:
                yield Broken(f"{error}: {bytes(raw)[:120].decode('utf-8', 'replace')}")

    def _read(self, found: _Inlined) -> ItemResult:
        key = found.metadata.get("key")
        if not isinstance(key, str):
            raise msgspec.ValidationError("a result without its key")
        if found.error is None:
            return ItemResult(key, "ok", self._dialect.decode_reply(bytes(found.response), {}))
        if found.error.code in {_CANCELLED, _DEADLINE}:
            return ItemResult(key, "cancelled" if found.error.code == _CANCELLED else "expired")
        status = _STATUS_BY_CODE.get(found.error.code, 500)
        body = msgspec.json.encode({"error": {"code": status, "message": found.error.message}})
        return ItemResult(key, "error", error=self._dialect.decode_error(status, {}, body))
