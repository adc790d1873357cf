"""Frames of a stream as bytes, with the oddities of real servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pointsman.emulator.exchange import Frame
from pointsman.emulator.script import Quirks

_UNKNOWN = Frame(data=b'{"type":"emulator.unknown","note":"ignore me"}', kind="ping", event="emulator.unknown")


def decorated(frames: Iterable[Frame], quirks: Quirks, ping: Frame | None) -> Iterator[Frame]:
    """Yield the frames with pings and unknown events between them, as the quirks say."""
    for index, frame in enumerate(frames):
        if quirks.pings and ping is not None and index:
            yield ping
        if quirks.unknown_events and index == 1:
            yield (
                _UNKNOWN if ping is not None else Frame(data=b'{"object":"emulator.unknown","choices":[]}', kind="ping")
            )
        if frame.kind != "done" or not quirks.no_done:
            yield frame


def rendered(frame: Frame, quirks: Quirks) -> bytes:
    """Return the bytes of one frame."""
    line = b"\r\n" if quirks.crlf else b"\n"
    comment = b": keep-alive" + line + line if quirks.comments else b""
    event = b"event: " + frame.event.encode() + line if frame.event and not quirks.no_event else b""
    data = b"data:" if quirks.no_space else b"data: "
    return comment + event + data + frame.data + line + line


def array_item(frame: Frame, *, first: bool) -> bytes:
    """Return one frame as an item of the JSON array that Gemini streams when no ``alt=sse`` is asked for."""
    return (b"[" if first else b",\r\n") + frame.data


def writes(pieces: Iterable[bytes], quirks: Quirks) -> list[bytes]:
    """Return one batch of frames as the writes that carry it."""
    data = b"".join(pieces)
    if quirks.split_bytes <= 0:
        return [data]
    return [data[start : start + quirks.split_bytes] for start in range(0, len(data), quirks.split_bytes)]
