"""Relay is faithful to the byte: only the model name and our own wish for usage are changed, and that wish is hidden again."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.gateway import gateway_at
from support.wire import Client, post, provider, streamed, whole

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
GPT, HAIKU = "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5"

ODD = (
    b'{ "metadata" : {"model":"not me","n":"\\u00e9"},\r\n "model"\t:"openai/gpt-4o-mini" ,"messages":[ '
    b'{"role":"user","content":"say \\"model\\": \\"x\\" \\/ \\ud83d\\ude00 \xc3\xa9"}],'
    b'"temperature":1.0e0,"seed":12345678901234567,"x_unknown":{"model":"nor me","b":[1.10,{}]} %s}'
)
SENT = ODD.replace(b'"openai/gpt-4o-mini"', b'"gpt-4o-mini"')

REPLY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini-2024","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"h\\u00e9 \xf0\x9f\x98\x80"},"finish_reason":"stop"}] , "usage":'
    b'{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6},"x_odd":[ 1.0 ]}\n'
)
HEAD = b'{"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-mini-2024",'
FIRST = b"data: " + HEAD + b'"choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}\n\n'
TEXT = b"data: " + HEAD + b'"choices":[{"index":0,"delta":{"content":"\\u00e9 [DONE] data: "},"x":1.0}]}\n\n'
FINISH = b"data: " + HEAD + b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b"data: " + HEAD + b'"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n'
FILTERS = b'data: {"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM = [b": hello\n\n", FILTERS, FIRST, TEXT, b": ping\n\n", TEXT, FINISH, USAGE, DONE]


def test_a_whole_turn(tmp_path: Path) -> None:
    with provider(whole(REPLY)) as upstream, gateway_at(upstream.base_url, tmp_path / "t.db") as running:
        with Client(running.port) as client:
            answer = client.post(OPENAI, ODD % b"")
        record = running.turn(answer.headers["x-pointsman-decision-id"])
    assert upstream.bodies == [SENT % b""]
    assert answer.body == REPLY
    assert record.steps[0].relayed
    assert record.usage is not None
    assert record.usage.prompt == 5


@pytest.mark.parametrize(
    ("options", "sent", "asked"),
    [
        (b',"stream":true', b',"stream":true,"stream_options":{"include_usage":true}', False),
        (b',"stream":true,"stream_options":{"include_usage":true}', None, True),
        (
            b',"stream":true,"stream_options":{"include_usage":false}',
            b',"stream":true,"stream_options":{"include_usage":true}',
            False,
        ),
        (b',"stream":true,"stream_options":null', b',"stream":true,"stream_options":{"include_usage":true}', False),
    ],
)
@pytest.mark.parametrize("pieces", ["frames", "one", "bytes"])
def test_a_stream(tmp_path: Path, options: bytes, sent: bytes | None, asked: bool, pieces: str) -> None:
    whole_stream = b"".join(STREAM)
    cut = {
        "frames": STREAM,
        "one": [whole_stream],
        "bytes": [whole_stream[i : i + 1] for i in range(len(whole_stream))],
    }
    with (
        provider(streamed(*cut[pieces])) as upstream,
        gateway_at(upstream.base_url, tmp_path / "t.db") as running,
    ):
        with Client(running.port) as client:
            answer = client.post(OPENAI, ODD % options)
        record = running.turn(answer.headers["x-pointsman-decision-id"])
    assert upstream.bodies == [SENT % (options if sent is None else sent)]
    assert answer.body == b"".join(frame for frame in STREAM if asked or frame is not USAGE)
    assert answer.complete
    assert record.status == "ok"
    assert record.usage is not None
    assert (record.usage.prompt, record.usage.output) == (5, 2)


def test_line_ends_and_a_missing_end_mark_pass_as_they_are(tmp_path: Path) -> None:
    frames = [frame.replace(b"\n", b"\r\n") for frame in (FIRST, TEXT, FINISH)]
    with (
        provider(streamed(*frames)) as upstream,
        gateway_at(upstream.base_url, tmp_path / "t.db") as running,
        Client(running.port) as client,
    ):
        answer = client.post(OPENAI, ODD % b',"stream":true')
        record = running.turn(answer.headers["x-pointsman-decision-id"])
    assert answer.body == b"".join(frames)
    assert record.status == "ok"
    assert record.usage is None
    assert record.cost_usd is None


MESSAGE = (
    b'{"model":"claude-haiku-4-5","id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"h\\u00e9"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1},"x_odd":1.0}'
)
START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"claude-haiku-4-5","content":[],"stop_reason":null,"usage":{"input_tokens":3,"output_tokens":1}} }\n\n'
)
OPEN = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"h\\u00e9"}}\n\n'
)
END = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n'
EVENTS = [
    START,
    OPEN,
    b'event: ping\ndata: {"type": "ping"}\n\n',
    DELTA,
    b'event: from_the_future\ndata: {"type":"from_the_future"}\n\n',
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    END,
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]


@pytest.mark.parametrize("stream", [True, False])
def test_anthropic(tmp_path: Path, stream: bool) -> None:
    played = streamed(*EVENTS) if stream else whole(MESSAGE)
    body = b'{"messages":[{"role":"user","content":"h\\u00e9"}],  "max_tokens" : 5e1 ,"model":"%s","stream":' + (
        b"true }" if stream else b"false }"
    )
    body = body.replace(b"5e1", b"50")
    with provider(played) as upstream, gateway_at(upstream.base_url, tmp_path / "t.db") as running:
        with Client(running.port) as client:
            answer = client.post(
                ANTHROPIC, body % HAIKU.encode(), anthropic_version="2023-06-01", anthropic_beta="x-2025"
            )
        record = running.turn(answer.headers["x-pointsman-decision-id"])
    assert upstream.bodies == [body % b"claude-haiku-4-5"]
    assert answer.body == (b"".join(EVENTS) if stream else MESSAGE)
    assert record.usage is not None
    assert record.usage.output == (2 if stream else 1)
    head = upstream.requests[0].partition(b"\r\n\r\n")[0].lower()
    assert b"anthropic-version: 2023-06-01" in head
    assert b"anthropic-beta: x-2025" in head


def test_the_clients_key_stays_here(tmp_path: Path) -> None:
    with (
        provider(whole(REPLY)) as upstream,
        gateway_at(upstream.base_url, tmp_path / "t.db") as running,
        Client(running.port) as client,
    ):
        client.send(post(OPENAI, ODD % b"", authorization="Bearer pm_live_mine", cookie="a=b", x_mine="1"))
        client.answer()
    head = upstream.requests[0].partition(b"\r\n\r\n")[0].lower()
    assert b"authorization: bearer simulated" in head
    for mine in (b"pm_live", b"cookie", b"x-mine"):
        assert mine not in head
