"""Server-sent events, read as their bytes come: whatever the splits, frames come out whole.

``SseDecoder`` is the part of a ``StreamDecoder`` that all SSE dialects share; a dialect adds what a frame means.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from pointsman.domain.reply import Event
from pointsman.errors import ProviderError, StreamBroken

MAX_FRAME = 16 * 1024 * 1024
"""Bytes a single frame may have. The largest honest frame is a tool call's arguments; this bounds our memory."""

# A lone CR ends a line too, but only once the next byte shows that no LF follows: it may be in the next read.
_LINE_END = rb"(?:\r\n|\n|\r(?=[^\n]))"
_FRAME_END = re.compile(_LINE_END + _LINE_END)
_NAMED = re.compile(rb"event:[^\n]*")
_BOM = b"\xef\xbb\xbf"

DecodeError = Callable[[int, Mapping[str, str], bytes], ProviderError]


class FrameCutter:
    """Cuts a byte stream into SSE frames, keeping only the frame that is not complete yet."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self.fed = 0
        self._limit = limit
        self._pending = bytearray()

    @property
    def pending(self) -> bytes:
        """The bytes after the last complete frame."""
        return bytes(self._pending)

    @property
    def pending_size(self) -> int:
        """How many bytes wait for the end of their frame."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that ``data`` completes, each with the offset of its first byte in the whole stream.

        Raises:
            StreamBroken: a frame is larger than the limit.
        """
        self.fed += len(data)
        if self._pending:
            # Looking again at the last three old bytes finds an end that was cut apart (CR LF CR | LF).
            scan_from = max(0, len(self._pending) - 3)
            self._pending += data
            if _FRAME_END.search(self._pending, scan_from) is None:
                self._check_size()
                return []
            data = bytes(self._pending)
            self._pending = bytearray()
        start = self.fed - len(data)
        frames: list[tuple[int, bytes]] = []
        if b"\r" in data:
            rest = _cut_any_line_end(data, start, frames)
        else:
            whole = data.split(b"\n\n")
            rest = whole.pop()
            for frame in whole:
                frames.append((start, frame))
                start += len(frame) + 2
        if rest:
            self._pending += rest
            self._check_size()
        return frames

    def _check_size(self) -> None:
        if len(self._pending) > self._limit:
            raise StreamBroken(f"the provider sent a frame of more than {self._limit:,} bytes", kind="malformed_reply")


def _cut_any_line_end(data: bytes, start: int, frames: list[tuple[int, bytes]]) -> bytes:
    position = 0
    for end in _FRAME_END.finditer(data):
        frames.append((start + position, data[position : end.start()]))
        position = end.end()
    return data[position:]


def frame_data(frame: bytes) -> bytes | None:
    """Return the data of one frame, or None where it has none (a comment, an empty frame)."""
    # The two shapes that nearly all frames have, first: a stream pays this for each of them.
    named, line_end, line = frame.rpartition(b"\n")
    if line.startswith(b"data: ") and b"\r" not in frame and (not line_end or _NAMED.fullmatch(named)):
        return line[6:]
    lines = []
    for line in frame.removeprefix(_BOM).splitlines():
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value[1:] if value.startswith(b" ") else value)
    return b"\n".join(lines) if lines else None


class SseDecoder(ABC):
    """The shared half of an SSE dialect's ``StreamDecoder``.

    A subclass reads one frame in ``_read`` (appending events, calling ``_hold`` / ``_end``) and settles in ``_finish``
    what a stream owes that ended without a terminator. Events read before an error frame of the same read are not
    lost: they are returned, ``failure`` is set, and the next ``feed`` or ``close`` raises it.
    """

    def __init__(self, headers: Mapping[str, str], decode_error: DecodeError) -> None:
        self.done = False
        self.held = 0
        self.surplus = 0
        self.failure: ProviderError | None = None
        self._headers = headers
        self._decode_error = decode_error
        self._frames = FrameCutter()
        self._held_from: int | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that ``data`` completes; see ``StreamDecoder.feed``."""
        if self.failure is not None:
            raise self.failure
        events: list[Event] = []
        reading: int | None = None
        try:
            for start, frame in self._frames.feed(data):
                if self.done:
                    self.surplus = self._frames.fed - start
                    break
                payload = frame_data(frame)
                if payload is not None:
                    reading = start
                    self._read(start, payload, events)
            reading = None
            self._settle(events)
        except ProviderError as error:
            if reading is not None:
                self._hold(reading)
            self.failure = error
        pending = self._frames.pending_size
        self.held = pending if self._held_from is None else self._frames.fed - self._held_from
        if self.done:
            self.surplus = self.surplus or pending
        if not events:
            self._raise_failure()
        return events

    def close(self) -> list[Event]:
        """Say that the stream ended; see ``StreamDecoder.close``."""
        self._raise_failure()
        events: list[Event] = []
        if not self.done:
            self._read_rest(events)
        if not self.done:
            self._finish(events)
            self.done = True
        return events

    @abstractmethod
    def _read(self, start: int, payload: bytes, events: list[Event]) -> None:
        """Read one frame's data."""

    def _settle(self, events: list[Event]) -> None:  # noqa: B027 - most dialects owe nothing here
        """Add what is due once all frames of a read are known."""

    @abstractmethod
    def _finish(self, events: list[Event]) -> None:
        """Add what is owed at a clean end without terminator.

        Raises:
            StreamBroken: the stream is not complete.
        """

    def _hold(self, start: int) -> None:
        """Hold back everything from this offset on."""
        if self._held_from is None:
            self._held_from = start

    def _release(self) -> None:
        """More content came after all: nothing but the terminal frame is held."""
        self._held_from = None

    def _broken(self, message: str) -> StreamBroken:
        return StreamBroken(message, kind="malformed_reply")

    def _read_rest(self, events: list[Event]) -> None:
        rest = self._frames.pending.strip()
        if not rest:
            return
        payload = frame_data(rest)
        if payload is not None:
            start = self._frames.fed - self._frames.pending_size
            try:
                self._read(start, payload, events)
            except ProviderError:
                self._hold(start)
                raise
            self._settle(events)
        elif rest[:1] in {b"{", b"["}:
            # A bare JSON body where a stream was asked for: providers report early errors this way.
            raise self._decode_error(200, self._headers, rest)

    def _raise_failure(self) -> None:
        if self.failure is not None:
            raise self.failure
