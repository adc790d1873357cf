"""A stream means the same however the network cuts it, and what is held back never holds content."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.reply import ReplyEnd, TextDelta
from pointsman.errors import StreamBroken
from pointsman.providers.anthropic import Anthropic
from pointsman.providers.gemini import Gemini
from pointsman.providers.openai_chat import OpenAIChat
from pointsman.providers.seam import Dialect
from pointsman.providers.sse import FrameCutter
from support.providers import read_all, read_stream, sse

OPENAI_STREAM = sse(
    '{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
    '{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Grüße 👋"},"finish_reason":null}]}',
    '{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
    '{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}',
    "[DONE]",
)
ANTHROPIC_STREAM = (
    'event: message_start\ndata: {"type":"message_start",'
    '"message":{"id":"m","model":"x","usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    'event: ping\ndata: {"type":"ping"}\n\n: comment\n\n'
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,\ndata: '
    '"delta":{"type":"text_delta","text":"Grüße 👋"}}\n\n'
    'event: message_delta\ndata: {"type":"message_delta",'
    '"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n'
    'event: message_stop\ndata: {"type":"message_stop"}\n\n'
).encode()
GEMINI_STREAM = sse(
    '{"candidates":[{"index":0,"content":{"parts":[{"text":"Grüße 👋"}]}}],"responseId":"r","modelVersion":"g"}',
    '{"candidates":[{"index":0,"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}}',
)
CASES = [(OpenAIChat(), OPENAI_STREAM), (Anthropic(), ANTHROPIC_STREAM), (Gemini(), GEMINI_STREAM)]


@given(st.sampled_from(CASES), st.lists(st.integers(0, 700), max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_cut_gives_the_same_events(case: tuple[Dialect, bytes], cuts: list[int], line_end: bytes) -> None:
    dialect, stream = case
    stream = stream.replace(b"\n", line_end)
    places = sorted({0, *[min(cut, len(stream)) for cut in cuts], len(stream)})
    pieces = [stream[a:b] for a, b in pairwise(places)]

    events = read_all(dialect.decoder({}), pieces)

    assert [event for event in events if type(event) is not ReplyEnd][1:] != []
    assert events == read_all(dialect.decoder({}), [stream])
    assert TextDelta("Grüße 👋") in events
    assert events[-1] == ReplyEnd("end_turn")


@given(st.sampled_from(CASES), st.lists(st.integers(1, 40), min_size=1, max_size=40))
def test_what_is_passed_on_is_whole_frames_and_never_the_end(case: tuple[Dialect, bytes], sizes: list[int]) -> None:
    dialect, stream = case
    decoder = dialect.decoder({})
    fed = b""
    for number in range(10_000):
        size = sizes[number % len(sizes)]
        piece = stream[len(fed) : len(fed) + size]
        if not piece:
            break
        fed += piece
        events = decoder.feed(piece)
        passed = fed[: len(fed) - decoder.held]
        assert passed == b"" or passed.endswith(b"\n\n")
        assert not any(mark in passed for mark in (b"[DONE]", b"message_stop", b"finishReason", b'"stop"'))
        if decoder.done:
            assert type(events[-1]) is ReplyEnd
    assert decoder.done
    assert fed == stream


def test_a_byte_order_mark_and_missing_space_are_borne() -> None:
    stream = b"\xef\xbb\xbf" + OPENAI_STREAM.replace(b"data: ", b"data:")

    assert TextDelta("Grüße 👋") in read_stream(OpenAIChat(), stream)


def test_a_last_frame_without_blank_line_counts() -> None:
    assert read_stream(OpenAIChat(), OPENAI_STREAM.rstrip())[-1] == ReplyEnd("end_turn")
    assert read_stream(Anthropic(), ANTHROPIC_STREAM.rstrip())[-1] == ReplyEnd("end_turn")


def test_bytes_after_the_end_are_held_and_mean_nothing() -> None:
    decoder = OpenAIChat().decoder({})
    decoder.feed(OPENAI_STREAM)
    held = decoder.held

    assert decoder.feed(b"data: nonsense\n\n") == []
    assert decoder.held == held + len(b"data: nonsense\n\n")
    assert decoder.close() == []


def test_an_endless_frame_is_refused() -> None:
    cutter = FrameCutter(limit=1000)
    cutter.feed(b"data: " + b"x" * 900)

    with pytest.raises(StreamBroken, match="more than 1,000 bytes"):
        cutter.feed(b"x" * 200)


@pytest.mark.parametrize("dialect", [OpenAIChat(), Anthropic(), Gemini()], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    "stream", [b"", b"data: {\n\n", b'data: {"choices"', b"<html>Bad gateway</html>", b"data: 7\n\n", b"\xff\xfe\n\n"]
)
def test_nonsense_is_a_broken_stream(dialect: Dialect, stream: bytes) -> None:
    with pytest.raises(StreamBroken):
        read_stream(dialect, stream)
