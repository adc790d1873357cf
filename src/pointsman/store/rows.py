"""Turn records as rows: ``decode(encode(record)) == record``, with money rounded to whole pico-dollars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from pointsman.domain.decision import Decision
from pointsman.domain.record import CheckRecord, Handoff, StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.errors import StoreError
from pointsman.store.bodies import Codec, digest, manifest, read_manifest
from pointsman.store.money import from_pico, to_pico

Row = tuple[Any, ...]
_COMPRESS_DETAIL_FROM = 1024  # every turn has one, and a short one is not worth a tenth of the turn's budget
NO_USAGE: Row = (None, None, None, None, None, None)


class _Detail(msgspec.Struct, frozen=True, array_like=True):
    decision: Decision
    dropped_params: tuple[str, ...]
    metadata: dict[str, str]
    # Stores written before there were handoffs end here.
    handoffs: tuple[tuple[str, str, str, bytes], ...] = ()
    checks: tuple[CheckRecord, ...] = ()
    prepared_ms: float | None = None
    traceparent: str | None = None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Detail)


class Bodies(msgspec.Struct, frozen=True):
    """The bodies of one record: hashes of the request's parts in order, the reply's, and the plain bytes by hash."""

    manifest: bytes
    reply_hash: bytes | None
    by_hash: dict[bytes, bytes]


def gather_bodies(record: TurnRecord) -> Bodies:
    """Hash the request's parts and the reply."""
    names, hashes, by_hash = [], [], {}
    for name, body in record.request:
        key = digest(body)
        names.append(name)
        hashes.append(key)
        by_hash[key] = body
    reply_hash = None
    if record.reply:
        reply_hash = digest(record.reply)
        by_hash[reply_hash] = record.reply
    return Bodies(manifest(names, hashes), reply_hash, by_hash)


def turn_row(record: TurnRecord, seq: int, bodies: Bodies, codec: Codec) -> Row:
    """Return the values of ``insert_turn``, in its order.

    Raises:
        StoreError: a cost is beyond what can be stored.
    """
    decision = record.decision
    return (
        seq,
        record.id,
        record.conversation_id,
        record.at_us,
        record.dialect,
        record.status,
        record.requested_model,
        record.steps[-1].model if record.steps else decision.model,
        decision.route,
        decision.tier,
        decision.intent,
        decision.policy,
        decision.confidence,
        record.key_id,
        record.channel,
        record.stream,
        record.http_status,
        record.error_code,
        record.duration_ms,
        record.ttft_ms,
        record.gateway_us,
        *usage_columns(record.usage),
        to_pico(record.cost_usd),
        record.flagship_model,
        to_pico(record.flagship_cost_usd),
        record.simulated,
        bodies.reply_hash,
        bodies.manifest,
        codec.pack(_ENCODER.encode(_detail(record)), _COMPRESS_DETAIL_FROM),
    )


def _detail(record: TurnRecord) -> tuple[object, ...]:
    plain = (record.decision, record.dropped_params, record.metadata)
    if not (record.handoffs or record.checks or record.prepared_ms is not None or record.traceparent):
        return plain
    handoffs = [(one.kind, one.source, one.target, bytes(one.artifact)) for one in record.handoffs]
    return (*plain, handoffs, record.checks, record.prepared_ms, record.traceparent)


def step_row(step: StepRecord, seq: int, n: int) -> Row:
    """Return the values of ``insert_step``, in its order."""
    return (
        seq,
        n,
        step.purpose,
        step.model,
        step.status,
        step.duration_ms,
        step.attempt,
        step.http_status,
        step.error_code,
        step.error_text,
        step.stop_reason,
        *usage_columns(step.usage),
        step.estimated,
        to_pico(step.cost_usd),
        step.ttft_ms,
        step.relayed,
        step.upstream_model,
        step.request_id,
        step.prompt,
        step.started_ms,
        step.chunks,
    )


def usage_columns(usage: Usage | None) -> Row:
    """Return the six token columns; all NULL when the usage is unknown."""
    if usage is None:
        return NO_USAGE
    return (
        usage.input_uncached,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        usage.cache_write_1h,
        usage.reasoning,
    )


def read_usage(row: Mapping[str, Any]) -> Usage | None:
    """Return the usage of a turn's or step's row, None when unknown."""
    if row["input_uncached"] is None:
        return None
    return Usage(
        row["input_uncached"],
        row["output"],
        row["cache_read"],
        row["cache_write"],
        row["cache_write_1h"],
        row["reasoning"],
    )


def read_turn(
    row: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], fetch: Callable[[bytes], bytes], codec: Codec
) -> TurnRecord:
    """Return the record a turn's row, its steps' rows and its bodies stand for. ``fetch`` gives a body by hash.

    Raises:
        StoreError: the stored bytes are damaged.
    """
    try:
        detail = _DECODER.decode(codec.unpack(row["detail"]))
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"turn {row['id']}: its decision is damaged ({error}). Restore the store from a copy."
        ) from error
    return TurnRecord(
        id=row["id"],
        conversation_id=row["conversation_id"],
        at_us=row["at_us"],
        dialect=row["dialect"],
        status=row["status"],
        decision=detail.decision,
        steps=tuple(_read_step(step) for step in steps),
        duration_ms=row["duration_ms"],
        requested_model=row["requested_model"],
        key_id=row["key_id"],
        channel=row["channel"],
        stream=bool(row["stream"]),
        http_status=row["http_status"],
        error_code=row["error_code"],
        ttft_ms=row["ttft_ms"],
        gateway_us=row["gateway_us"],
        usage=read_usage(row),
        cost_usd=from_pico(row["cost_pico"]),
        flagship_model=row["flagship_model"],
        flagship_cost_usd=from_pico(row["flagship_cost_pico"]),
        dropped_params=detail.dropped_params,
        simulated=bool(row["simulated"]),
        request=tuple((name, fetch(key)) for name, key in read_manifest(row["manifest"])),
        reply=fetch(row["reply_hash"]) if row["reply_hash"] is not None else b"",
        metadata=detail.metadata,
        handoffs=tuple(
            Handoff(kind, source, target, msgspec.Raw(artifact)) for kind, source, target, artifact in detail.handoffs
        ),
        checks=detail.checks,
        prepared_ms=detail.prepared_ms,
        traceparent=detail.traceparent,
    )


def _read_step(row: Mapping[str, Any]) -> StepRecord:
    return StepRecord(
        purpose=row["purpose"],
        model=row["model"],
        status=row["status"],
        duration_ms=row["duration_ms"],
        attempt=row["attempt"],
        http_status=row["http_status"],
        error_code=row["error_code"],
        error_text=row["error_text"],
        stop_reason=row["stop_reason"],
        usage=read_usage(row),
        estimated=bool(row["estimated"]),
        cost_usd=from_pico(row["cost_pico"]),
        ttft_ms=row["ttft_ms"],
        relayed=bool(row["relayed"]),
        upstream_model=row["upstream_model"],
        request_id=row["request_id"],
        prompt=row["prompt"],
        started_ms=row["started_ms"],
        chunks=row["chunks"],
    )
