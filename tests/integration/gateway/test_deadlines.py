"""Deadlines and second tries: when a call is given up, when it is tried again, and where."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.emulator.script import Fault, Pace, Rule, Say, Script, When
from support.gateway import POLICY, GatewayUnderTest, gateway, gateway_at, policy, timed
from support.wire import Answer, Client, provider, whole

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
HAIKU, MINI = "anthropic/claude-haiku-4-5", "openai/gpt-5-mini"
ASK: Any = [{"role": "user", "content": "When are you open?"}]
SAY = Say(text="From nine to five.")
AT_HAIKU = When(model="claude-haiku-4-5*")


def ask(running: GatewayUnderTest, model: str = "auto", *, stream: bool = False, path: str = OPENAI) -> Answer:
    with Client(running.port) as client:
        return client.post(path, {"model": model, "max_tokens": 99, "stream": stream, "messages": ASK})


def steps(running: GatewayUnderTest) -> list[tuple[str, str, int, str | None]]:
    """Model, status, attempt and error of each call of the only turn."""
    (record,) = running.turns()
    return [(step.model, step.status, step.attempt, step.error_code) for step in record.steps]


def with_fault(fault: Fault, times: int | None = None) -> Script:
    return Script(rules=(Rule(when=AT_HAIKU, fault=fault, times=times), Rule(reply=SAY)))


def test_a_short_wait_is_waited(tmp_path: Path) -> None:
    script = with_fault(Fault(kind="status", status=429, retry_after_s=1), times=1)
    with gateway(tmp_path / "t.db", script) as running:
        assert ask(running).status == 200
        assert steps(running) == [(HAIKU, "error", 1, "rate_limit"), (HAIKU, "ok", 2, None)]
        assert running.turns()[0].duration_ms >= 1000


def test_a_long_wait_goes_to_the_next_model(tmp_path: Path) -> None:
    with gateway(tmp_path / "t.db", with_fault(Fault(kind="status", status=429, retry_after_s=60))) as running:
        answer = ask(running)
        assert answer.status == 200
        assert answer.headers["x-pointsman-model"] == MINI
        assert steps(running) == [(HAIKU, "error", 1, "rate_limit"), (MINI, "ok", 1, None)]
        assert running.turns()[0].duration_ms < 1500


def test_what_another_provider_may_know_is_not_asked_again_here(tmp_path: Path) -> None:
    fault = Fault(kind="status", status=401, error_type="authentication_error")
    with gateway(tmp_path / "t.db", with_fault(fault)) as running:
        assert ask(running).status == 200
        assert steps(running) == [(HAIKU, "error", 1, "authentication"), (MINI, "ok", 1, None)]


def test_what_may_pass_is_tried_again_here_first(tmp_path: Path) -> None:
    fault = Fault(kind="status", status=529, error_type="overloaded_error")
    with gateway(tmp_path / "t.db", with_fault(fault, times=1)) as running:
        assert ask(running).status == 200
        assert steps(running) == [(HAIKU, "error", 1, "overloaded"), (HAIKU, "ok", 2, None)]


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_a_bad_request_is_final(tmp_path: Path, status: int, path: str) -> None:
    fault = Fault(kind="status", status=status, error_type="invalid_request_error", message="tools.0.name: no")
    with gateway(tmp_path / "t.db", with_fault(fault)) as running:
        answer = ask(running, path=path)
        assert answer.status == 400
        assert "tools.0.name: no" in answer.json["error"]["message"]
        assert len(steps(running)) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_pin_means_that_model(tmp_path: Path, stream: bool) -> None:
    with gateway(tmp_path / "t.db", with_fault(Fault(kind="status", status=503))) as running:
        answer = ask(running, HAIKU, stream=stream)
        assert answer.status >= 500
        assert answer.headers["x-should-retry"] == "false"
        assert {step[0] for step in steps(running)} == {HAIKU}
        assert [step[2] for step in steps(running)] == [1, 2]
        assert running.turns()[0].decision.fallbacks == ()


def test_the_number_of_calls_is_the_policys(tmp_path: Path) -> None:
    chosen = policy(POLICY + "fallback: {max_attempts: 1}\n")
    with gateway(tmp_path / "t.db", with_fault(Fault(kind="status", status=503)), chosen) as running:
        assert ask(running).status == 503
        assert len(steps(running)) == 1


def test_spent_tries_are_said_and_the_sdks_do_not_multiply_them(tmp_path: Path) -> None:
    script = Script(rules=(Rule(fault=Fault(kind="status", status=429, retry_after_s=60)),))
    with gateway(tmp_path / "t.db", script) as running:
        # Both SDKs with their own retries on.
        with (
            openai.OpenAI(api_key="k", base_url=running.openai_url) as client,
            pytest.raises(openai.RateLimitError) as caught,
        ):
            client.chat.completions.create(model="auto", messages=ASK)
        assert caught.value.response.headers["retry-after"] == "60"
        assert len(running.turns()) == 1
        with (
            anthropic.Anthropic(api_key="k", base_url=running.base_url) as other,
            pytest.raises(anthropic.RateLimitError),
        ):
            other.messages.create(model="auto", max_tokens=9, messages=ASK)
        assert len(running.turns()) == 2


@pytest.mark.parametrize("stream", [True, False])
def test_nobody_listens(tmp_path: Path, stream: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with gateway_at(address, tmp_path / "t.db") as running:
        answer = ask(running, stream=stream)
        assert answer.status == 502
        assert "127.0.0.1" not in answer.body.decode()
        assert {step[3] for step in steps(running)} == {"server_error"}


def test_a_connection_that_is_never_accepted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        # The line of a server that accepts nobody is full after a few; further ones wait for ever.
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        with gateway_at(f"http://127.0.0.1:{address[1]}", tmp_path / "t.db", timed(connect_s=0.2)) as running:
            answer = ask(running, HAIKU)
            assert answer.status == 504
            assert {step[3] for step in steps(running)} == {"timeout"}
            assert running.turns()[0].duration_ms < 2500
        for one in waiting:
            one.close()


def test_the_first_token(tmp_path: Path) -> None:
    script = Script(rules=(Rule(when=AT_HAIKU, reply=SAY, pace=Pace(ttft_ms=5000)), Rule(reply=SAY)))
    with gateway(tmp_path / "t.db", script, timed(first_token_s=0.3)) as running:
        answer = ask(running, stream=True)
        assert answer.status == 200
        assert answer.headers["x-pointsman-model"] == MINI
        assert steps(running)[0] == (HAIKU, "error", 1, "timeout")
        (record,) = running.turns()
        assert record.ttft_ms is not None
        assert record.ttft_ms > 300  # as the client saw it: the first model's silence counts


def test_the_whole_turn(tmp_path: Path) -> None:
    script = Script(rules=(Rule(reply=SAY, pace=Pace(ttft_ms=20_000)),))
    with gateway(tmp_path / "t.db", script, timed(total_s=0.8)) as running:
        answer = ask(running)
        assert answer.status == 504
        assert running.turns()[0].duration_ms < 2000
        assert len({step[0] for step in steps(running)}) > 1  # silence left time for another model


def test_a_slow_but_steady_stream_is_not_cut(tmp_path: Path) -> None:
    script = Script(rules=(Rule(reply=Say(text="word " * 40), pace=Pace(tokens_per_s=60)),))
    with gateway(tmp_path / "t.db", script, timed(first_token_s=0.4, idle_s=0.4)) as running:
        answer = ask(running, stream=True)
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert running.turns()[0].duration_ms > 500


def test_a_wait_does_not_outlast_the_turn(tmp_path: Path) -> None:
    fault = Fault(kind="status", status=429, retry_after_s=5)
    with gateway(tmp_path / "t.db", with_fault(fault), timed(total_s=1)) as running:
        assert ask(running, HAIKU).status == 429
        assert running.turns()[0].duration_ms < 1000


@pytest.mark.parametrize("wish", ["-5", "nan", "inf", "1e300", "tomorrow", "", "0", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_an_odd_wish_to_wait(tmp_path: Path, wish: str) -> None:
    busy = whole(b'{"error":{"message":"slow down"}}', status="429 Too Many", retry_after=wish)
    choice = {"index": 0, "message": {"content": "From nine."}, "finish_reason": "stop"}
    fine = whole(json.dumps({"id": "c", "choices": [choice]}).encode())
    with provider(busy, fine) as upstream, gateway_at(upstream.base_url, tmp_path / "t.db") as running:
        assert ask(running, "openai/gpt-4o-mini").status in {200, 429}
        assert running.turns()[0].duration_ms < 2000
