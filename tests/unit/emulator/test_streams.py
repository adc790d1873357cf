"""Streams: their frames in each dialect, pace, faults and oddities, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from inline_snapshot import snapshot

from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Fault, Pace, Quirks, Rule, SaidCall, Say, Script
from support.emulated import KEYS, Answered, chat, message, post

HELLO = Say(text="Hello there, Ann! Nice day.")
CALLS = Say(calls=(SaidCall(name="a", arguments={"order": "A-10023"}), SaidCall(name="b")))


def scripted(reply: Say = HELLO, **rule: Any) -> Emulator:
    return Emulator(Script(rules=(Rule(reply=reply, **rule),)), wall=lambda: 1_700_000_000)


def gemini_stream(emulator: Emulator, query: str = "alt=sse") -> Answered:
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    return post(emulator, "/v1beta/models/gemini-2.5-flash:streamGenerateContent", body, KEYS["gemini"], query)


def deltas(answer: Answered) -> list[Any]:
    return [
        frame["choices"][0]["delta"] if frame != "[DONE]" and frame["choices"] else frame for frame in answer.frames
    ]


def test_openai_chunks() -> None:
    answer = chat(scripted(), stream=True)
    assert deltas(answer) == snapshot(
        [
            {"role": "assistant", "content": ""},
            {"content": "Hello there, Ann"},
            {"content": "! Nice day."},
            {},
            "[DONE]",
        ]
    )
    assert [frame["choices"][0]["finish_reason"] for frame in answer.frames[:-1]] == [None, None, None, "stop"]


def test_openai_usage_comes_last_and_only_when_asked_for() -> None:
    plain, asked = chat(scripted(), stream=True), chat(scripted(), stream=True, stream_options={"include_usage": True})
    assert "usage" not in plain.frames[-2]
    assert asked.frames[-2]["choices"] == []
    assert asked.frames[-2]["usage"]["completion_tokens"] == 7
    assert {frame["usage"] for frame in asked.frames[:-2]} == {None}


def test_openai_parallel_calls_open_with_name_and_go_on_by_index() -> None:
    assert [
        delta["tool_calls"][0] for delta in deltas(chat(scripted(CALLS), stream=True)) if "tool_calls" in delta
    ] == snapshot(
        [
            {"index": 0, "id": "call_000001_00", "type": "function", "function": {"name": "a", "arguments": ""}},
            {"index": 0, "function": {"arguments": '{"order":"A-1002'}},
            {"index": 0, "function": {"arguments": '3"}'}},
            {"index": 1, "id": "call_000001_01", "type": "function", "function": {"name": "b", "arguments": ""}},
            {"index": 1, "function": {"arguments": "{}"}},
        ]
    )


def test_anthropic_events() -> None:
    say = Say(reasoning="Hm.", text="Hi.", calls=(SaidCall(name="a", arguments={"x": 1}),))
    body: dict[str, Any] = {"model": "claude-opus-4-8", "thinking": {"type": "adaptive"}, "stream": True}
    answer = message(scripted(say), **body)
    assert [
        (frame["type"], frame.get("index"), frame.get("delta", {}).get("type")) for frame in answer.frames
    ] == snapshot(
        [
            ("message_start", None, None),
            ("content_block_start", 0, None),
            ("content_block_delta", 0, "thinking_delta"),
            ("content_block_delta", 0, "signature_delta"),
            ("content_block_stop", 0, None),
            ("ping", None, None),
            ("content_block_start", 1, None),
            ("content_block_delta", 1, "text_delta"),
            ("content_block_stop", 1, None),
            ("content_block_start", 2, None),
            ("content_block_delta", 2, "input_json_delta"),
            ("content_block_delta", 2, "input_json_delta"),
            ("content_block_stop", 2, None),
            ("message_delta", None, None),
            ("message_stop", None, None),
        ]
    )
    assert answer.body.startswith(b"event: message_start\ndata: {")


def test_gemini_frames_and_the_array_without_sse() -> None:
    frames = gemini_stream(scripted()).frames
    assert [frame["candidates"][0].get("finishReason") for frame in frames] == [None, "STOP"]
    assert all("usageMetadata" in frame for frame in frames)
    array = gemini_stream(scripted(), query="").json
    texts = ["".join(part["text"] for part in frame["candidates"][0]["content"]["parts"]) for frame in array]
    assert "".join(texts) == HELLO.text


def test_gemini_sends_a_call_whole() -> None:
    parts = [frame["candidates"][0]["content"]["parts"][0] for frame in gemini_stream(scripted(CALLS)).frames]
    assert parts == [
        {"functionCall": {"name": "a", "args": {"order": "A-10023"}}},
        {"functionCall": {"name": "b", "args": {}}},
    ]


def test_together_and_groq_deviate_as_the_real_ones() -> None:
    together = chat(scripted(), model="meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", stream=True).frames[-2]
    assert (together["choices"][0]["finish_reason"], together["usage"]["completion_tokens"]) == ("eos", 7)
    groq = chat(scripted(), model="llama-3.1-8b-instant", stream=True).frames[-2]
    assert groq["x_groq"]["usage"]["completion_tokens"] == 7


def test_pace_waits_before_the_first_content_and_between_deltas() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    script = Script(rules=(Rule(reply=HELLO),), pace=Pace(head_ms=50, ttft_ms=300, tokens_per_s=10))
    chat(Emulator(script, sleep=sleep), stream=True)
    assert waits == [0.05, 0.3, 0.3], "head, first delta, second delta of three tokens"
    waits.clear()
    chat(Emulator(script, sleep=sleep))
    assert waits == [0.05, 1.0], "a whole reply waits for all seven tokens"


@pytest.mark.parametrize(
    ("fault", "frames"),
    [
        (Fault(kind="end", after_frames=2), 2),
        (Fault(kind="end", after_deltas=1), 2),
        (Fault(kind="end"), 0),
        (Fault(kind="error", after_frames=3, status=503), 4),
        (Fault(kind="bad_json", after_frames=1), None),
        (Fault(kind="end", after_frames=99), 5),
    ],
)
def test_faults_inside_a_stream(fault: Fault, frames: int | None) -> None:
    answer = chat(scripted(fault=fault), stream=True)
    assert answer.status == 200
    if frames is None:
        with pytest.raises(msgspec.DecodeError):
            _ = answer.frames
    else:
        assert len(answer.frames) == frames


@pytest.mark.parametrize(
    ("status", "kind"),
    [(529, "overloaded_error"), (500, "api_error"), (429, "rate_limit_error"), (504, "timeout_error")],
)
def test_error_events_carry_the_dialects_type(status: int, kind: str) -> None:
    answer = message(scripted(fault=Fault(kind="error", after_frames=2, status=status)), stream=True)
    assert answer.frames[-1]["error"]["type"] == kind
    assert answer.body.count(b"event: error") == 1


@pytest.mark.parametrize("kind", ["end", "bad_json"])
def test_a_whole_reply_can_be_broken_json(kind: Any) -> None:
    with pytest.raises(msgspec.DecodeError):
        _ = chat(scripted(fault=Fault(kind=kind))).json


def test_an_error_body_can_be_anything() -> None:
    answer = chat(
        scripted(
            fault=Fault(
                kind="status", status=502, body="<html>Bad Gateway</html>", headers={"content-type": "text/html"}
            )
        )
    )
    assert (answer.status, answer.body, answer.headers["content-type"]) == (
        502,
        b"<html>Bad Gateway</html>",
        "text/html",
    )


def quirky(**quirks: Any) -> Answered:
    return chat(scripted(quirks=Quirks(**quirks)), stream=True)


def test_oddities_of_openai_streams() -> None:
    assert "[DONE]" not in quirky(no_done=True).frames
    assert quirky(finish="null").frames[-2]["choices"][0]["finish_reason"] is None
    assert quirky(finish="eos").frames[-2]["choices"][0]["finish_reason"] == "eos"
    assert quirky(usage="on_finish").frames[-2]["usage"]["completion_tokens"] == 7
    assert b"\r\n\r\n" in quirky(crlf=True).body
    assert b": keep-alive\n" in quirky(comments=True).body
    assert b"data:{" in quirky(no_space=True).body
    assert quirky(unknown_events=True).frames[1]["object"] == "emulator.unknown"
    missing = chat(scripted(quirks=Quirks(usage="missing")), stream=True, stream_options={"include_usage": True})
    assert all("usage" not in frame for frame in missing.frames[:-1])


def test_oddities_of_anthropic_streams() -> None:
    answer = message(scripted(quirks=Quirks(pings=True, unknown_events=True)), stream=True)
    types = [frame["type"] for frame in answer.frames]
    assert types.count("ping") > 5
    assert "emulator.unknown" in types
    assert b"event:" not in message(scripted(quirks=Quirks(no_event=True)), stream=True).body


def test_writes_can_split_a_character_and_hold_several_frames() -> None:
    umlaut = scripted(Say(text="Grüße – 你好"), quirks=Quirks(split_bytes=1))
    answer = chat(umlaut, stream=True)
    assert {len(data) for data in answer.writes} == {1}
    assert "".join(delta.get("content") or "" for delta in deltas(answer)[:-1]) == "Grüße – 你好"
    assert len(quirky(frames_per_write=3).writes) == 2


def test_usage_is_the_same_streamed_or_not() -> None:
    whole, stream = message(scripted()).json["usage"], message(scripted(), stream=True).frames
    merged = stream[0]["message"]["usage"] | stream[-2]["usage"]
    assert {key: merged[key] for key in whole if key in merged} == {key: whole[key] for key in whole if key in merged}
