"""OpenAI Batch: a file of JSON lines is uploaded, a batch is started on it, results are two files. Pure: no I/O.

Our name of a batch travels in its ``metadata``, so one whose start was not heard of is found again by it. A file that was
uploaded without a batch costs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Any
from urllib.parse import quote

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

NAME_KEY = "pointsman_batch"
"""The key of a batch's ``metadata`` that holds our name of it."""
_CHAT = "/chat/completions"
_URL = "/v1/chat/completions"
_PHASES: dict[str, Phase] = {
    "validating": "running",
    "in_progress": "running",
    "finalizing": "running",
    "cancelling": "cancelling",
    "completed": "ended",
    "expired": "ended",
    "cancelled": "ended",
    "failed": "failed",
}
_PAGE = 100
_PAGES = 20
_OK, _FAILED, _TIMED_OUT = 200, 500, 504


class _Batch(msgspec.Struct, frozen=True):
    id: str
    status: str
    metadata: dict[str, str] | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: dict[str, Any] | None = None
    errors: dict[str, Any] | None = None
    created_at: float | None = None


class _Page(msgspec.Struct, frozen=True):
    data: list[_Batch]
    has_more: bool = False
    last_id: str | None = None


class _File(msgspec.Struct, frozen=True):
    id: str


class _Response(msgspec.Struct, frozen=True):
    status_code: int
    body: msgspec.Raw
    request_id: str | None = None


class _Error(msgspec.Struct, frozen=True):
    code: str | None = None
    message: str | None = None


class _Line(msgspec.Struct, frozen=True):
    custom_id: str
    response: _Response | None = None
    error: _Error | None = None


class OpenAIBatches:
    """``BatchDialect`` for OpenAI Batch over Chat Completions."""

    limits = Limits(items=50_000, bytes=200_000_000)
    names = True

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def entry(self, custom_id: str, outgoing: Outgoing) -> Entry:
        """See ``BatchDialect.entry``."""
        head = msgspec.json.encode({"custom_id": custom_id, "method": "POST", "url": _URL})
        return Entry(custom_id, head[:-1] + b',"body":' + outgoing.body + b"}")

    def submit(self, name: str, entries: list[Entry], template: Outgoing, endpoint: Endpoint) -> Step:  # noqa: ARG002
        """See ``BatchDialect.submit``."""
        root = template.path.removesuffix(_CHAT)
        body, kind = _form(name, b"\n".join(entry.line for entry in entries) + b"\n")
        received = yield post(f"{root}/files", body, template, kind)
        try:
            file = msgspec.json.decode(checked(self.dialect, received), type=_File)
        except msgspec.MsgspecError as error:
            raise unreadable("file", error) from None
        wish = {"input_file_id": file.id, "endpoint": _URL, "completion_window": "24h", "metadata": {NAME_KEY: name}}
        return self._state((yield post(f"{root}/batches", msgspec.json.encode(wish), template)))

    def find(self, name: str, template: Outgoing) -> Generator[Outgoing, Received, list[BatchState]]:
        """See ``BatchDialect.find``: the newest two thousand batches are looked through."""
        root = template.path.removesuffix(_CHAT)
        found: list[BatchState] = []
        after = ""
        for _ in range(_PAGES):
            received = yield get(f"{root}/batches?limit={_PAGE}{after}", template)
            try:
                page = msgspec.json.decode(checked(self.dialect, received), type=_Page)
            except msgspec.MsgspecError as error:
                raise unreadable("list of batches", error) from None
            found += [_read(batch) for batch in page.data if (batch.metadata or {}).get(NAME_KEY) == name]
            if found or not page.has_more or page.last_id is None:
                break
            after = f"&after={quote(page.last_id, safe='')}"
        return found

    def poll(self, batch_id: str, template: Outgoing) -> Step:
        """See ``BatchDialect.poll``."""
        root = template.path.removesuffix(_CHAT)
        return self._state((yield get(f"{root}/batches/{quote(batch_id, safe='')}", template)))

    def cancel(self, batch_id: str, template: Outgoing) -> Step:
        """See ``BatchDialect.cancel``."""
        root = template.path.removesuffix(_CHAT)
        return self._state((yield post(f"{root}/batches/{quote(batch_id, safe='')}/cancel", b"", template)))

    def fetches(self, state: BatchState, template: Outgoing) -> list[Outgoing]:
        """See ``BatchDialect.fetches``."""
        root = template.path.removesuffix(_CHAT)
        return [get(f"{root}/files/{quote(ref, safe='')}/content", template) for ref in state.refs]

    def reader(self) -> LineReader:
        """See ``BatchDialect.reader``."""
        return _Lines(self.dialect)

    def _state(self, received: Received) -> BatchState:
        try:
            return _read(msgspec.json.decode(checked(self.dialect, received), type=_Batch))
        except msgspec.MsgspecError as error:
            raise unreadable("batch", error) from None


def _read(batch: _Batch) -> BatchState:
    counts = batch.request_counts or {}
    done = [counts.get("completed"), counts.get("failed")]
    problems = (batch.errors or {}).get("data")
    first = problems[0] if isinstance(problems, list) and problems and isinstance(problems[0], dict) else {}
    return BatchState(
        batch.id,
        _PHASES.get(batch.status, "running"),
        total=counts.get("total"),
        finished=sum(count for count in done if isinstance(count, int)) if counts else None,
        error=str(first.get("message") or first.get("code") or "no reason given") if batch.status == "failed" else None,
        created_s=batch.created_at,
        refs=tuple(ref for ref in (batch.output_file_id, batch.error_file_id) if ref),
    )


def _form(name: str, lines: bytes) -> tuple[bytes, str]:
    """Return the multipart body of an upload and its content type; the purpose stands before the file."""
    boundary = "pointsman" + hashlib.sha256(lines).hexdigest()[:32]
    head = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}.jsonl"\r\n'
        "content-type: application/jsonl\r\n\r\n"
    )
    return head.encode() + lines + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


class _Lines(LineReader):
    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def read(self, line: bytes) -> ItemResult:
        found = msgspec.json.decode(line, type=_Line)
        if found.response is not None and found.response.status_code == _OK:
            headers = {"x-request-id": found.response.request_id} if found.response.request_id else {}
            return ItemResult(found.custom_id, "ok", self._dialect.decode_reply(bytes(found.response.body), headers))
        if found.response is not None:
            error = self._dialect.decode_error(found.response.status_code, {}, bytes(found.response.body))
            return ItemResult(found.custom_id, "error", error=error)
        said = found.error
        if said is None:
            raise msgspec.ValidationError("neither a response nor an error")
        if said.code == "batch_expired":
            return ItemResult(found.custom_id, "expired")
        if said.code == "batch_cancelled":
            return ItemResult(found.custom_id, "cancelled")
        body = msgspec.json.encode({"error": {"message": said.message or "no reason given", "code": said.code}})
        status = _TIMED_OUT if said.code == "request_timeout" else _FAILED
        return ItemResult(found.custom_id, "error", error=self._dialect.decode_error(status, {}, body))
