"""Takes an export request in: spans become turns, durable before the sender hears that they were taken.

A call whose conversation is not told waits in the store for its trace's outermost span, two minutes at most. What is sent
again is taken once. Where the policy redacts, that is done before anything is written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.domain.record import TurnRecord
from pointsman.execution.privacy.redaction import Redactor
from pointsman.monitoring.otlp import reading
from pointsman.monitoring.otlp.doubles import each_once
from pointsman.monitoring.otlp.turns import turn_id, turn_of_span
from pointsman.monitoring.otlp.wire import Received, content_type_of, spans_of, unpacked
from pointsman.monitoring.telemetry.conventions import SCOPE
from pointsman.store import Store
from pointsman.store.captured import TraceRow, due, forget_job, keep_job, known_traces, known_turns, release_job

_JOIN_US: Final = 120_000_000
"""How long a call waits for its trace's outermost span. Turns are never changed later: readers have seen them by then."""
_REMEMBERED_US: Final = 24 * 3600 * 1_000_000


class Taken(msgspec.Struct, frozen=True):
    """What became of a request: how many spans were left out, and why."""

    content_type: str
    rejected: int = 0
    why: str = ""


class _Sorted(msgspec.Struct, frozen=True):
    """A request's turns: ready to be written, or waiting with their trace; and what it told of traces."""

    content_type: str
    ready: list[TurnRecord]
    waiting: list[tuple[str, TurnRecord]]
    traces: list[TraceRow]
    rejected: int


class Capture:
    """Takes spans into a store. ``redactor`` None: the policy keeps words as they come."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        redactor: Redactor | None,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._redactor = redactor
        self._now_us = now_us

    async def take(self, body: bytes, headers: Mapping[str, str], key_id: str | None) -> Taken:
        """Take one request; returns when all of it is durable.

        Raises:
            RequestError: the request cannot be read; nothing was taken.
            StoreError: it could not be written; the sender should send it again.
        """
        sorted_ = await asyncio.to_thread(self._sort, body, headers, key_id)
        writes = [self._store.append(record) for record in sorted_.ready]
        if sorted_.traces or sorted_.waiting:
            job = keep_job(sorted_.traces, sorted_.waiting, key_id, self._now_us())
            writes.append(self._store.post(job))
        results = await asyncio.gather(*writes, return_exceptions=True)
        await self._check(sorted_.ready, results)
        if any(trace.conversation_id is not None for trace in sorted_.traces):
            await self.release()
        why = "a span needs a trace id of 16 bytes, a span id of 8 bytes, and its times" if sorted_.rejected else ""
        return Taken(sorted_.content_type, sorted_.rejected, why)

    async def _check(self, ready: list[TurnRecord], results: list[BaseException | None]) -> None:
        """Raise what a write failed of, unless another request wrote the same turn meanwhile."""
        failed = [result for result in results if isinstance(result, BaseException)]
        if not failed:
            return
        lost = [record.id for record, result in zip(ready, results, strict=False) if isinstance(result, BaseException)]
        known = await asyncio.to_thread(partial(known_turns, self._store, lost, waiting=False))
        if len(failed) > len(lost) or known != set(lost):
            raise failed[0]

    def _sort(self, body: bytes, headers: Mapping[str, str], key_id: str | None) -> _Sorted:
        content_type = content_type_of(headers)
        spans = spans_of(unpacked(body, headers), content_type)
        sound = [span for span in spans if span.sound]
        # What Pointsman itself sent and a collector sent on is in a store already.
        foreign = [span for span in sound if span.scope != SCOPE]
        calls = each_once([span for span in foreign if reading.is_model_call(span)])
        traces = self._traces(foreign)
        known = known_traces(self._store, (span.trace_id for span in calls), key_id) if calls else {}
        known |= {trace.trace_id: trace.conversation_id or known.get(trace.trace_id) for trace in traces}
        there = known_turns(self._store, map(turn_id, calls)) if calls else set()
        ready: list[TurnRecord] = []
        waiting: list[tuple[str, TurnRecord]] = []
        for span in calls:
            if turn_id(span) in there:
                continue
            record = self._record(span, key_id, known.get(span.trace_id))
            if reading.session_of(span) or span.parent_id is None or span.trace_id in known:
                ready.append(record)
            else:
                waiting.append((span.trace_id, record))
        return _Sorted(content_type, ready, waiting, traces, len(spans) - len(sound))

    def _traces(self, spans: list[Received]) -> list[TraceRow]:
        """Return what is told of traces: a conversation by any span, or its end by the outermost one."""
        found: dict[str, str | None] = {}
        for span in spans:
            session = reading.session_of(span)
            if session is not None and self._redactor is not None:
                session = self._redactor.name(session)
            if session is not None or span.parent_id is None:
                found[span.trace_id] = found.get(span.trace_id) or session
        return [TraceRow(trace, conversation) for trace, conversation in found.items()]

    def _record(self, span: Received, key_id: str | None, conversation: str | None) -> TurnRecord:
        named = reading.session_of(span) or conversation or f"trace-{span.trace_id}"
        record = turn_of_span(span, self._catalog, key_id, named)
        if self._redactor is None:
            return record
        own = reading.session_of(span)
        # Ids made of trace and span are no customer's; a name that was redacted once must not be again.
        name = self._redactor.name(own) if own else conversation or f"trace-{span.trace_id}"
        return msgspec.structs.replace(_free_words(self._redactor.record(record), self._redactor), conversation_id=name)

    async def release(self) -> int:
        """Write the waiting calls whose conversation is known by now, or that waited long enough; return how many.

        Raises:
            StoreError: they could not be written; they go on waiting.
        """
        written = 0
        while found := await asyncio.to_thread(due, self._store, self._now_us() - _JOIN_US):
            ids = [record.id for record in found]
            there = await asyncio.to_thread(partial(known_turns, self._store, ids, waiting=False))
            fresh = [record for record in found if record.id not in there]
            results = await asyncio.gather(*map(self._store.append, fresh), return_exceptions=True)
            await self._check(fresh, results)
            await self._store.write(release_job(ids))
            written += len(found)
        return written

    async def forget(self) -> None:
        """Forget traces of which nothing was heard for a day.

        Raises:
            StoreError: the store cannot be written.
        """
        await self._store.write(forget_job(self._now_us() - _REMEMBERED_US))


def _free_words(record: TurnRecord, redactor: Redactor) -> TurnRecord:
    """Redact what the gateway takes from lists of its own, and a span may hold any words in: the model and the kind of error."""
    model, code = redactor.text(record.decision.model), record.error_code
    code = None if code is None else redactor.text(code)
    steps = tuple(msgspec.structs.replace(step, model=model, error_code=code) for step in record.steps)
    decision = msgspec.structs.replace(record.decision, model=model)
    return msgspec.structs.replace(record, decision=decision, steps=steps, error_code=code)
