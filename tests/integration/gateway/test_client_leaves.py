"""A client that goes away: its upstream call is cancelled, what came is on record and billed, and nobody else notices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pointsman.emulator.script import Fault, Pace, Rule, Say, Script, When
from support.gateway import GatewayUnderTest, gateway, timed
from support.wire import Client, eventually, post

LONG = Say(text="We are open from nine to five. " * 200)
WORKS = Rule(when=When(contains="works"), reply=Say(text="It works."))
OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
SERVED_BY = ["anthropic/claude-haiku-4-5", "openai/gpt-4o-mini"]


def ask(path: str, model: str, *, stream: bool, text: str = "When are you open?") -> bytes:
    body: Any = {"model": model, "stream": stream, "max_tokens": 4000, "messages": [{"role": "user", "content": text}]}
    return post(path, body)


def the_turn(running: GatewayUnderTest) -> Any:
    return eventually(running.turns)[0]


def check_nothing_is_left(running: GatewayUnderTest, idle_tasks: int) -> None:
    """The next turn works, and no task of the one that was left goes on."""
    with Client(running.port) as client:
        client.send(ask(OPENAI, "openai/gpt-4o-mini", stream=False, text="It works?"))
        assert client.answer().status == 200
    eventually(lambda: running.busy == 0)
    eventually(lambda: running.tasks() <= idle_tasks)


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("model", SERVED_BY)
def test_in_the_middle_of_a_stream(tmp_path: Path, path: str, model: str) -> None:
    script = Script(rules=(WORKS, Rule(reply=LONG, pace=Pace(tokens_per_s=400))))
    with gateway(tmp_path / "t.db", script) as running:
        idle_tasks = running.tasks()
        with Client(running.port) as client:
            client.send(ask(path, model, stream=True))
            client.until(b"open from")
        record = the_turn(running)
        assert record.status == record.steps[0].status == "cancelled"
        assert record.steps[0].estimated
        assert 0 < record.usage.output < 1400
        assert record.cost_usd > 0
        assert b"We are open" in record.reply
        assert running.emulator is not None
        upstream = running.emulator.requests[0]
        eventually(lambda: upstream.disconnected)
        assert not upstream.finished
        check_nothing_is_left(running, idle_tasks)
        assert len(running.turns()) == 2


BEFORE_CONTENT = {
    "no head yet": Rule(fault=Fault(kind="stall")),
    "no content yet": Rule(reply=LONG, pace=Pace(ttft_ms=60_000)),
}


@pytest.mark.parametrize("name", BEFORE_CONTENT)
@pytest.mark.parametrize("stream", [True, False])
def test_before_the_first_content(tmp_path: Path, name: str, stream: bool) -> None:
    chosen = timed(first_token_s=20, total_s=30)
    with gateway(tmp_path / "t.db", Script(rules=(WORKS, BEFORE_CONTENT[name])), chosen) as running:
        idle_tasks = running.tasks()
        assert running.emulator is not None
        with Client(running.port) as client:
            client.send(ask(OPENAI, "anthropic/claude-haiku-4-5", stream=stream))
            upstream = eventually(lambda: running.emulator and running.emulator.requests)[0]
        record = the_turn(running)
        assert record.status == "cancelled"
        assert [step.status for step in record.steps] == ["cancelled"]
        # Nothing came, so nothing is known of the bill; unknown is not zero.
        assert record.usage is None or not record.steps[0].estimated
        assert record.ttft_ms is None
        eventually(lambda: upstream.disconnected)
        check_nothing_is_left(running, idle_tasks)


@pytest.mark.parametrize("size", [100_000, 500_000])
def test_after_a_body_so_large_that_reading_was_paused(tmp_path: Path, size: int) -> None:
    with gateway(tmp_path / "t.db", Script(rules=(WORKS, Rule(fault=Fault(kind="stall"))))) as running:
        idle_tasks = running.tasks()
        with Client(running.port) as client:
            client.send(ask(OPENAI, "anthropic/claude-haiku-4-5", stream=True, text="Are you open? " * (size // 14)))
            upstream = eventually(lambda: running.emulator and running.emulator.requests)[0]
        assert the_turn(running).status == "cancelled"
        eventually(lambda: upstream.disconnected)
        check_nothing_is_left(running, idle_tasks)


def test_under_another_server(tmp_path: Path) -> None:
    """A server that speaks plain ASGI tells of it only to who waits for its next message."""
    script = Script(rules=(WORKS, Rule(fault=Fault(kind="stall"))))
    with gateway(tmp_path / "t.db", script, http="httptools") as running:
        idle_tasks = running.tasks()
        with Client(running.port) as client:
            client.send(ask(OPENAI, "anthropic/claude-haiku-4-5", stream=False))
            upstream = eventually(lambda: running.emulator and running.emulator.requests)[0]
        assert the_turn(running).status == "cancelled"
        eventually(lambda: upstream.disconnected)
        check_nothing_is_left(running, idle_tasks)


def test_between_two_tries(tmp_path: Path) -> None:
    fault = Fault(kind="status", status=429, retry_after_s=6)
    with gateway(tmp_path / "t.db", Script(rules=(WORKS, Rule(fault=fault)))) as running:
        idle_tasks = running.tasks()
        with Client(running.port) as client:
            client.send(ask(OPENAI, "anthropic/claude-haiku-4-5", stream=True))
            eventually(lambda: running.emulator and running.emulator.requests and running.emulator.requests[0].status)
        record = the_turn(running)
        assert record.status == "cancelled"
        assert [(step.status, step.error_code) for step in record.steps] == [("error", "rate_limit")]
        check_nothing_is_left(running, idle_tasks)


def test_while_it_sends_its_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with gateway(tmp_path / "t.db", Script(rules=(WORKS,))) as running:
        idle_tasks = running.tasks()
        with Client(running.port) as client:
            client.send(ask(OPENAI, "auto", stream=False)[:-10])
            eventually(lambda: running.busy == 1)
        eventually(lambda: running.busy == 0)
        assert running.turns() == []
        check_nothing_is_left(running, idle_tasks)
    assert [entry for entry in caplog.records if entry.levelname == "ERROR"] == []


def test_right_after_it_sent_its_request(tmp_path: Path) -> None:
    with gateway(tmp_path / "t.db", Script(rules=(WORKS, Rule(reply=LONG)))) as running:
        idle_tasks = running.tasks()
        for stream in (True, False) * 5:
            with Client(running.port) as client:
                client.send(ask(OPENAI, "auto", stream=stream))
        eventually(lambda: len(running.turns()) == 10)
        assert {record.status for record in running.turns()} <= {"ok", "cancelled"}
        check_nothing_is_left(running, idle_tasks)
