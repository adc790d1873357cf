"""Spans as plain data, their ids, and which turns are sent.

Ids are made of the turn's own id, so that a batch sent twice (its answer was lost, the process died) is the same spans.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from pointsman.domain.record import TurnRecord

Value = str | bool | int | float | tuple[str, ...]
Attributes = Mapping[str, Value]
_SAMPLED: Final = 1
_RANGE: Final = 1 << 63


class Event(msgspec.Struct, frozen=True):
    """Something that happened at one moment, in Unix nanoseconds."""

    name: str
    at_ns: int
    attributes: Attributes


class Span(msgspec.Struct, frozen=True):
    """One span. Times are Unix nanoseconds; ``error`` is what went wrong, None where nothing did."""

    name: str
    kind: Literal["server", "client", "internal"]
    trace_id: int
    span_id: int
    parent_id: int | None
    start_ns: int
    end_ns: int
    attributes: Attributes
    events: tuple[Event, ...] = ()
    error: str | None = None


class Trace(msgspec.Struct, frozen=True):
    """The trace of a turn. ``parent_id`` is the client's own span; ``sampled`` what the client decided (None: nothing)."""

    trace_id: int
    parent_id: int | None = None
    sampled: bool | None = None


def span_id(turn_id: str, part: str = "turn") -> int:
    """Return the id of one span of a turn."""
    return int.from_bytes(blake2b(f"{turn_id}\x00{part}".encode(), digest_size=8).digest()) or 1


def trace_of(record: TurnRecord, run_id: str | None = None) -> Trace:
    """Return the trace of a turn: the client's, else that of its agent's run, else one of its own."""
    if record.traceparent is not None:
        _, trace, parent, flags = record.traceparent.split("-")[:4]
        return Trace(int(trace, 16), int(parent, 16), bool(int(flags, 16) & _SAMPLED))
    return Trace(int.from_bytes(blake2b((run_id or record.id).encode(), digest_size=16).digest()) or 1)


def is_kept(trace: Trace, record: TurnRecord, share: float) -> bool:
    """Tell whether a turn is sent. One that failed or went up is always; else the client's word counts, else the trace id.

    The id decides alike in every process (the lower 63 bits against the share), so that traces are whole.
    """
    if record.status != "ok" or went_up(record):
        return True
    if trace.sampled is not None:
        return trace.sampled
    return (trace.trace_id & (_RANGE - 1)) < share * _RANGE


def went_up(record: TurnRecord) -> bool:
    """Tell whether a turn was escalated: by a check of its reply, or because the model that was chosen did not answer it."""
    if any(check.action in ("escalated", "failed") for check in record.checks):
        return True
    replies = [step for step in record.steps if step.purpose == "reply"]
    return any(step.status == "error" for step in replies) and replies[-1].status == "ok"
