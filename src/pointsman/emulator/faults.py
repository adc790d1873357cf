"""Faults: where a stream or a whole reply goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from pointsman.emulator.exchange import Frame, RejectedError
from pointsman.emulator.script import Fault


class Act(msgspec.Struct, frozen=True):
    """Something done to the connection in place of a write. ``seconds`` None: until the client leaves."""

    kind: Literal["cut", "stall"]
    seconds: float | None = None
    reset: bool = False


def refusal(fault: Fault) -> RejectedError:
    """Return the error answer that a fault describes."""
    return RejectedError(
        fault.message,
        status=fault.status,
        kind=fault.error_type,
        code=fault.error_code,
        retry_after_s=fault.retry_after_s,
        headers=fault.headers,
        body=fault.body,
    )


def before_head(fault: Fault | None) -> Act | None:
    """Return what happens before the status line is sent, raising the error answer if that is the fault."""
    if fault is None:
        return None
    if fault.kind == "status":
        raise refusal(fault)
    if fault.kind == "slow":
        return Act("stall", fault.seconds)
    if fault.kind in {"cut", "stall"} and fault.after_frames is None and fault.after_deltas is None:
        return _act(fault)
    return None


def on_stream(frames: Iterable[Frame], fault: Fault | None, error: Frame) -> Iterator[Frame | Act]:
    """Yield the frames of a stream, with the fault in its place. ``error`` is the dialect's error event."""
    if fault is None or fault.kind in {"status", "slow"} or before_head(fault) is not None:
        yield from frames
        return
    seen = deltas = 0
    pending = True
    for frame in frames:
        if pending and _due(fault, seen, deltas):
            pending = False
            if fault.kind == "error":
                yield error
            if fault.kind in {"error", "end"}:
                return
            if fault.kind == "bad_json":
                yield msgspec.structs.replace(frame, data=frame.data[: len(frame.data) // 2])
                continue
            yield _act(fault)
        yield frame
        seen += 1
        deltas += frame.kind == "delta"


def on_whole(body: bytes, fault: Fault | None) -> Iterator[bytes | Act]:
    """Yield the parts of a whole reply, with the fault in the middle; ``error`` becomes an error answer.

    Raises:
        RejectedError: the fault is an error event, which a whole reply has no other form for.
    """
    half = len(body) // 2
    if fault is None or fault.kind in {"status", "slow"} or before_head(fault) is not None:
        yield body
        return
    if fault.kind == "error":
        raise refusal(fault)
    yield body[:half]
    if fault.kind in {"cut", "stall"}:
        yield _act(fault)
        yield body[half:]


def _act(fault: Fault) -> Act:
    return Act("cut" if fault.kind == "cut" else "stall", fault.seconds, fault.reset)


def _due(fault: Fault, seen: int, deltas: int) -> bool:
    if fault.after_deltas is not None:
        return deltas >= fault.after_deltas
    return seen >= (fault.after_frames or 0)
