"""Providers that misbehave in ways nobody lists: a valid reply or a typed error, in time, and a record that says so."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.gateway import POLICY, gateway_at, timed
from support.wire import Answer, Client, chunk, provider, streamed, whole

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
MODEL = "openai/gpt-4o-mini"
ASK: Any = [{"role": "user", "content": "When are you open?"}]
QUICK = timed(POLICY, connect_s=1, first_token_s=0.4, idle_s=0.4, total_s=1.5)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def frame(delta: Any, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]} | more).encode() + b"\n\n"


TEXT = frame({"content": "From nine to five."})
FINISH = frame({}, "stop")
DONE = b"data: [DONE]\n\n"
REPLY = {
    "id": "c",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "From nine."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2},
}


def for_ever(data: bytes, before: bytes = b"") -> Callable[[socket.socket], None]:
    """Send ``data`` again and again until the other side has gone."""

    def play(connection: socket.socket) -> None:
        connection.sendall(HEAD + before)
        pause = threading.Event()
        while True:
            connection.sendall(chunk(data))
            pause.wait(0.02)

    return play


def ask(folder: Path, played: Any, path: str, *, stream: bool, model: str = MODEL) -> tuple[Answer, Any]:
    with provider(played) as upstream, gateway_at(upstream.base_url, folder / "t.db", QUICK) as running:
        with Client(running.port) as client:
            answer = client.post(path, {"model": model, "max_tokens": 99, "stream": stream, "messages": ASK})
            assert answer.complete
        with Client(running.port) as client:
            client.send(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert client.answer().status == 200
        (record,) = running.turns()
    return answer, record


def check_error(answer: Answer, record: Any, path: str) -> None:
    """A typed error with a status, or the dialect's error event, and nothing that looks complete."""
    if answer.status == 200:
        assert record.status == "broken"
        last = answer.body.rstrip(b"\n").rpartition(b"\n\n")[2]
        assert last.startswith(b'data: {"error":' if path == OPENAI else b"event: error\ndata: ")
        assert b"data: [DONE]" not in answer.body
        assert b"event: message_stop" not in answer.body
    else:
        assert 500 <= answer.status < 600
        assert answer.json["error"]["message"]
        assert answer.headers["x-should-retry"] == "false"
        assert record.status in {"error", "broken"}
    assert record.error_code
    assert record.steps[-1].error_code


NO_REPLY: dict[str, bytes] = {
    "empty body": whole(b""),
    "empty body as a stream": whole(b"", "text/event-stream"),
    "html": whole(b"<html><title>Welcome</title></html>", "text/html"),
    "html that says it is a stream": whole(b"<html>Hi</html>\n\n", "text/event-stream"),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "302": b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    "an error as 200": whole(b'{"error":{"message":"no capacity","type":"server_error"}}'),
    "an error as a string": whole(b'{"error":"no capacity"}'),
    "an error in the stream": whole(b'data: {"error":{"message":"no capacity"}}\n\n', "text/event-stream"),
    "a bare error as a stream": whole(b'{"error":{"message":"no capacity"}}', "text/event-stream"),
    "null": whole(b"null"),
    "a list": whole(b"[]"),
    "no choices": whole(b'{"id":"c","choices":[]}'),
    "choices of another type": whole(b'{"id":"c","choices":"x"}'),
    "deep JSON": whole(b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "shorter than it says": whole(b"{}").replace(b"length: 2", b"length: 500"),
    "gzip though not asked": whole(b"\x1f\x8b\x08\x00", content_encoding="gzip"),
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "a bad chunk": HEAD + b"zz\r\n",
    "only [DONE]": streamed(DONE),
    "only a role": streamed(frame({"role": "assistant"})),
    "bytes that are no UTF-8": streamed(b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n', DONE),
    "JSON of another kind": streamed(b"data: 7\n\n", DONE),
    "half a frame": streamed(b'data: {"choices":[{"del'),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("name", NO_REPLY)
def test_no_reply(tmp_path: Path, name: str, path: str, stream: bool) -> None:
    def play(connection: socket.socket) -> None:
        connection.sendall(NO_REPLY[name])

    answer, record = ask(tmp_path, play, path, stream=stream)
    assert answer.status >= 500
    check_error(answer, record, path)
    assert record.usage is None
    assert record.reply == b""


def head_only(connection: socket.socket) -> None:
    connection.sendall(HEAD)
    connection.recv(1)


SILENT = {
    "comments for ever": for_ever(b": still here\n\n"),
    "empty deltas for ever": for_ever(frame({"content": ""})),
    "empty frames for ever": for_ever(b"\n\n"),
    "a role for ever": for_ever(frame({"role": "assistant"})),
    "bytes without a frame": for_ever(b"x"),
    "a head and nothing": head_only,
}


@pytest.mark.parametrize("name", SILENT)
def test_noise_is_not_an_answer(tmp_path: Path, name: str) -> None:
    answer, record = ask(tmp_path, SILENT[name], OPENAI, stream=True)
    assert answer.status == 504
    check_error(answer, record, OPENAI)
    assert 300 < record.steps[0].duration_ms < 1500


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_reasoning_without_end_meets_the_turns_end(tmp_path: Path, path: str) -> None:
    answer, record = ask(tmp_path, for_ever(frame({"reasoning_content": "Hm. "})), path, stream=True)
    check_error(answer, record, path)
    assert record.duration_ms < 4000


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("after", [b": ping\n\n", frame({"content": "x"}), frame({"content": ""})])
def test_a_trickle_after_content_meets_the_turns_end(tmp_path: Path, path: str, after: bytes) -> None:
    answer, record = ask(tmp_path, for_ever(after, chunk(TEXT)), path, stream=True)
    assert b"From nine" in answer.body
    check_error(answer, record, path)
    assert record.steps[0].estimated
    assert 1200 < record.duration_ms < 4000


BREAKS_OFF = {
    "no UTF-8": b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n',
    "no JSON": b"data: {oops}\n\n",
    "an error": b'data: {"error":{"message":"gone","code":500}}\n\n',
    "half a frame": b'data: {"choices":[{"delta":{"content":"x"}}',
    "finish_reason error": frame({}, "error"),
    "another type": frame({"content": 7}),
    "arguments of no call": frame({"tool_calls": [{"index": 3, "function": {"arguments": "{}"}}]}, "tool_calls"),
}


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("name", BREAKS_OFF)
def test_it_breaks_off_after_content(tmp_path: Path, name: str, path: str) -> None:
    ends = b"" if name == "half a frame" else DONE
    answer, record = ask(tmp_path, streamed(TEXT, BREAKS_OFF[name], ends or b"\n"), path, stream=True)
    assert b"From nine" in answer.body
    check_error(answer, record, path)


COMPLETE = {
    "finish twice": [TEXT, FINISH, FINISH, DONE],
    "[DONE] twice": [TEXT, FINISH, DONE, DONE],
    "data after [DONE]": [TEXT, FINISH, DONE, frame({"content": "more"}), b"data: {oops}\n\n"],
    "NUL and controls": [frame({"content": "a\x00\x1b[31mb\u2028"}), FINISH, DONE],
    "a lone surrogate": [TEXT.replace(b"nine", b"\\ud83d\\ude00"), FINISH, DONE],
    "usage of zero": [
        TEXT,
        FINISH,
        b'data: {"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}\n\n',
        DONE,
    ],
    "negative usage": [
        TEXT,
        FINISH,
        b'data: {"choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":-1}}\n\n',
        DONE,
    ],
    "an unknown finish": [TEXT, frame({}, "because"), DONE],
    "a large frame": [frame({"content": "x" * 3_000_000}), FINISH, DONE],
    "ten thousand frames at once": [frame({"content": "y"}) * 10_000, FINISH, DONE],
}


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("name", COMPLETE)
def test_odd_but_complete(tmp_path: Path, name: str, path: str) -> None:
    answer, record = ask(tmp_path, streamed(*COMPLETE[name]), path, stream=True)
    assert answer.status == 200
    assert record.status == "ok"
    assert answer.body.count(b"data: [DONE]" if path == OPENAI else b"event: message_stop") == 1
    assert b'"more"' not in answer.body
    assert b"oops" not in answer.body
    assert record.reply


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_a_frame_without_end_is_not_kept_in_memory(tmp_path: Path, path: str) -> None:
    def play(connection: socket.socket) -> None:
        connection.sendall(HEAD + chunk(TEXT) + chunk(b"data: "))
        while True:
            connection.sendall(chunk(b"x" * 1_000_000))

    answer, record = ask(tmp_path, play, path, stream=True)
    check_error(answer, record, path)


@pytest.mark.parametrize("stream", [True, False])
def test_broken_tool_arguments(tmp_path: Path, stream: bool) -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a": '}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    played = (
        streamed(frame({"tool_calls": [call]}), frame({}, "tool_calls"), DONE)
        if stream
        else whole(json.dumps(REPLY | {"choices": choices}).encode())
    )
    # OpenAI's dialect hands arguments over as text: the client is told to expect the worst.
    answer, record = ask(tmp_path, played, OPENAI, stream=stream)
    assert answer.status == 200
    assert record.status == "ok"
    (tmp_path / "other").mkdir()
    answer, record = ask(tmp_path / "other", played, ANTHROPIC, stream=stream)
    check_error(answer, record, ANTHROPIC)
    assert record.error_code == "invalid_tool_arguments"
    if not stream:
        assert record.http_status >= 500
        assert record.usage.prompt == 5
        assert record.cost_usd > 0


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_a_server_that_ignores_stream(tmp_path: Path, path: str) -> None:
    answer, record = ask(tmp_path, whole(json.dumps(REPLY).encode()), path, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert b"From nine." in answer.body
    assert answer.body.count(b"data: [DONE]" if path == OPENAI else b"event: message_stop") == 1
    assert record.status == "ok"
    assert record.usage.prompt == 5
    assert record.ttft_ms is None


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_a_server_that_streams_unasked(tmp_path: Path, path: str) -> None:
    answer, record = ask(tmp_path, streamed(TEXT, FINISH, DONE), path, stream=False)
    check_error(answer, record, path)


def test_more_bytes_than_the_length_says_do_not_reach_the_next_turn(tmp_path: Path) -> None:
    first = whole(json.dumps(REPLY).encode()) + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
    with (
        provider(first, whole(json.dumps(REPLY).encode())) as upstream,
        gateway_at(upstream.base_url, tmp_path / "t.db", QUICK) as running,
        Client(running.port) as client,
    ):
        for _ in range(3):
            answer = client.post(OPENAI, {"model": MODEL, "messages": ASK})
            assert b"evil" not in answer.body
            assert answer.status == 200
