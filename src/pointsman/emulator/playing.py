"""Plays an answer onto a connection: at the script's pace, with its faults and oddities."""

from __future__ import annotations

import asyncio

import msgspec

from pointsman.emulator import faults, sse
from pointsman.emulator.exchange import Frame, RejectedError, Reply
from pointsman.emulator.faces import Face
from pointsman.emulator.records import Recorded
from pointsman.emulator.script import Fault, Pace, Quirks
from pointsman.emulator.sending import Connection

_encode = msgspec.json.Encoder().encode


class Playing(msgspec.Struct, frozen=True):
    """An answer about to be sent, and how the script wants it sent. ``array``: a stream as one JSON array, not as events."""

    reply: Reply
    face: Face
    headers: dict[str, str]
    pace: Pace
    quirks: Quirks
    fault: Fault | None = None
    array: bool = False


async def play_whole(connection: Connection, record: Recorded, playing: Playing) -> None:
    """Send a reply that is not streamed.

    Raises:
        RejectedError: the fault is an error, and nothing has been sent.
    """
    content = playing.face.whole(playing.reply, playing.quirks)
    if playing.quirks.extra_fields:
        content["emulator_note"] = {"ignore": True}
    parts = list(faults.on_whole(_encode(content), playing.fault))
    await connection.pause(_whole_seconds(playing))
    size = sum(len(part) for part in parts if isinstance(part, bytes))
    record.status = 200
    await connection.head(200, playing.headers | {"content-type": "application/json", "content-length": str(size)})
    for part in parts:
        if isinstance(part, bytes):
            await connection.write(part)
        else:
            await do(connection, part)
    await connection.write(b"", last=True)


async def play_stream(connection: Connection, record: Recorded, playing: Playing) -> None:
    """Send a reply as a stream."""
    face, quirks, fault = playing.face, playing.quirks, playing.fault
    failure = faults.refusal(fault) if fault is not None else RejectedError("", status=500)
    frames = sse.decorated(face.frames(playing.reply, quirks), quirks, face.ping())
    kind = "application/json; charset=UTF-8" if playing.array else "text/event-stream; charset=utf-8"
    record.status = 200
    await connection.head(200, playing.headers | {"content-type": kind, "cache-control": "no-cache"})
    pen = _Pen(connection, playing)
    first = True
    for step in faults.on_stream(frames, fault, face.error_frame(failure, record.serial)):
        if not isinstance(step, Frame):
            await pen.flush()
            await do(connection, step)
            continue
        wait = _delta_seconds(step, playing.pace, first=first)
        first = first and step.kind != "delta"
        if wait:
            await pen.flush()
            await connection.pause(wait)
        await pen.write(step)
    await pen.end()


async def do(connection: Connection, act: faults.Act) -> None:
    """Stall or cut a connection."""
    if act.kind == "stall":
        await connection.pause(act.seconds)
    else:
        await connection.cut(reset=act.reset)


class _Pen:
    """Writes frames: how many in one write, and in pieces of which size, the quirks say."""

    def __init__(self, connection: Connection, playing: Playing) -> None:
        self._connection = connection
        self._quirks = playing.quirks
        self._array = playing.array
        self._batch: list[bytes] = []
        self._started = False

    async def write(self, frame: Frame) -> None:
        if self._array:
            self._batch.append(sse.array_item(frame, first=not self._started))
        else:
            self._batch.append(sse.rendered(frame, self._quirks))
        self._started = True
        if len(self._batch) >= self._quirks.frames_per_write:
            await self.flush()

    async def flush(self) -> None:
        if not self._batch:
            return
        for data in sse.writes(self._batch, self._quirks):
            await self._connection.write(data)
            if self._quirks.split_bytes:
                # Gives the loop a turn, so that each write leaves on its own.
                await asyncio.sleep(0)
        self._batch.clear()

    async def end(self) -> None:
        await self.flush()
        await self._connection.write(b"]" if self._array else b"", last=True)


def _delta_seconds(frame: Frame, pace: Pace, *, first: bool) -> float:
    if frame.kind != "delta":
        return 0.0
    if first:
        return pace.ttft_ms / 1000
    return frame.tokens / pace.tokens_per_s if pace.tokens_per_s > 0 else 0.0


def _whole_seconds(playing: Playing) -> float:
    pace = playing.pace
    writing = playing.reply.tokens.output / pace.tokens_per_s if pace.tokens_per_s > 0 else 0.0
    return pace.ttft_ms / 1000 + writing
