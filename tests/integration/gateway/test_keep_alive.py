"""Keep-alives: before and during a stream, harmless to both SDKs, never inside a frame, and an error after them is an error."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.emulator.script import Fault, Pace, Rule, Say, Script
from support.gateway import GatewayUnderTest, gateway, gateway_at, timed
from support.wire import Client, chunk, post, provider

ASK: Any = [{"role": "user", "content": "When are you open?"}]
SAY = Say(text="We are open from nine to five, Monday to Friday.")
SLOW_START = Pace(ttft_ms=150)
SLOW_ALL_ALONG = Pace(ttft_ms=60, tokens_per_s=100)
OFTEN_S = 0.02
MODELS = ["anthropic/claude-haiku-4-5", "openai/gpt-4o-mini"]
OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
PING = {OPENAI: b": keep-alive\n\n", ANTHROPIC: b'event: ping\ndata: {"type":"ping"}\n\n'}


def openai_text(running: GatewayUnderTest, model: str) -> str:
    with (
        openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client,
        client.chat.completions.stream(model=model, messages=ASK) as streamed,
    ):
        return streamed.get_final_completion().choices[0].message.content or ""


def anthropic_text(running: GatewayUnderTest, model: str) -> str:
    with (
        anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client,
        client.messages.stream(model=model, max_tokens=99, messages=ASK) as streamed,
    ):
        return streamed.get_final_text()


def stream(running: GatewayUnderTest, path: str, model: str) -> Any:
    with Client(running.port) as client:
        return client.post(path, {"model": model, "max_tokens": 99, "stream": True, "messages": ASK})


@pytest.mark.parametrize("pace", [SLOW_START, SLOW_ALL_ALONG])
@pytest.mark.parametrize("model", MODELS)
def test_both_sdks_read_on(tmp_path: Path, model: str, pace: Pace) -> None:
    script = Script(rules=(Rule(reply=SAY, pace=pace),))
    with gateway(tmp_path / "t.db", script, keep_alive_s=OFTEN_S) as running:
        assert openai_text(running, model) == SAY.text
        assert anthropic_text(running, model) == SAY.text
        for path, ping in PING.items():
            answer = stream(running, path, model)
            assert ping in answer.body
            assert answer.headers["x-pointsman-decision-id"]
        records = running.turns()
    assert {record.status for record in records} == {"ok"}
    assert all(record.ttft_ms and record.ttft_ms > 50 for record in records)


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_a_failure_after_them_is_the_dialects_error_event(tmp_path: Path, path: str) -> None:
    script = Script(rules=(Rule(fault=Fault(kind="stall")),))
    with gateway(tmp_path / "t.db", script, timed(first_token_s=0.1), keep_alive_s=OFTEN_S) as running:
        answer = stream(running, path, "anthropic/claude-haiku-4-5")
        assert answer.status == 200
        assert answer.complete
        assert answer.body.startswith(PING[path])
        last = answer.body.rpartition(PING[path])[2]
        assert last.startswith(b'data: {"error":' if path == OPENAI else b"event: error\ndata: ")
        assert b"[DONE]" not in answer.body
        assert b"message_stop" not in answer.body
        assert running.turns()[0].status == "error"
        with pytest.raises((openai.APIError, anthropic.APIStatusError)):
            (openai_text if path == OPENAI else anthropic_text)(running, "anthropic/claude-haiku-4-5")


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_a_fallback_after_them_answers(tmp_path: Path, path: str) -> None:
    fault = Rule(fault=Fault(kind="stall"), times=1)
    script = Script(rules=(fault, Rule(reply=SAY)))
    with gateway(tmp_path / "t.db", script, timed(first_token_s=0.1), keep_alive_s=OFTEN_S) as running:
        answer = stream(running, path, "auto")
        assert answer.body.startswith(PING[path])
        assert b"We are open" in answer.body
        record = running.turns()[0]
    assert [step.status for step in record.steps] == ["error", "ok"]


def test_never_inside_a_frame(tmp_path: Path) -> None:
    frames = [
        b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"one"}}]}\n\n',
        b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"two"}}]}\n\n',
        b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    ]
    seen = threading.Event()

    def play(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.sendall(chunk(frames[0] + frames[1][:30]))
        seen.wait(5)
        connection.sendall(chunk(frames[1][30:]) + chunk(frames[2]) + b"0\r\n\r\n")

    with (
        provider(play) as upstream,
        gateway_at(upstream.base_url, tmp_path / "t.db", keep_alive_s=0.05) as running,
        Client(running.port) as client,
    ):
        client.send(post(OPENAI, {"model": "openai/gpt-4o-mini", "stream": True, "messages": ASK}))
        client.until(b": keep-alive")  # it fell into the half frame
        seen.set()
        answer = client.answer()
    assert answer.body.replace(b": keep-alive\n\n", b"") == b"".join(frames)
    for frame in re.split(rb"(?<=\n\n)", answer.body):
        assert frame in {b"", b": keep-alive\n\n", frames[0], frames[1], *re.split(rb"(?<=\n\n)", frames[2])}
