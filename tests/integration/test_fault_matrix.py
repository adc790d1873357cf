"""Every fault of the public list github.com/failoverbench/failoverbench (S01-S16) and of our emulator, in one table.

Each row says what goes wrong at the first model and what must come of it, streamed and whole, in both client dialects:

* ``rescued``: the client gets the whole reply, from a repeat or from another model;
* ``error``: a typed error with its status, before any content;
* ``broken``: the dialect's error event after the content so far; the part is on record and billed.

Never a clean end with half a reply, and always within the turn's deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import anthropic
import msgspec
import openai
import pytest

from pointsman.domain.record import TurnRecord
from pointsman.emulator.script import Fault, Pace, Quirks, Rule, Say, Script, When
from pointsman.routing.policy import parse_policy
from support.gateway import GatewayUnderTest, gateway

SIXTY = " ".join(f"word{number:02d}" for number in range(60))
FIRST, SECOND = "openai/gpt-5-mini", "anthropic/claude-sonnet-4-6"
TOTAL_S = 6
POLICY = f"""
version: 1
providers:
  anthropic: {{host: anthropic}}
  openai: {{host: openai}}
tiers:
  small: [{FIRST}]
  mid: [{SECOND}]
routes:
  direct: {{models: [{FIRST}, {SECOND}], choose: listed}}
default_route: direct
deadlines: {{connect_s: 1, first_token_s: 0.6, idle_s: 0.6, total_s: {TOTAL_S}}}
"""

End = Literal["rescued", "error", "broken"]


class Row(msgspec.Struct, frozen=True):
    """What goes wrong, and what must come of it. ``whole`` None: the same as streamed; ``-``: there is no such fault.

    ``calls`` are the calls that the first model may get; ``code`` is the code of its failed step.
    """

    id: str
    fault: Fault | None
    stream: End
    whole: End | Literal["-"] | None = None
    calls: int = 1
    times: int | None = None
    code: str | None = None
    pace: Pace | None = None
    quirks: Quirks | None = None


def status(code: int, error: str = "", **more: Any) -> Fault:
    return Fault(kind="status", status=code, error_code=error or None, **more)


SOON = {"retry-after-ms": "80"}
BENCH = (
    Row("S01 429 with Retry-After", status(429, headers=SOON), "rescued", calls=2, times=1, code="rate_limit"),
    Row("S02 429 for good", status(429), "rescued", calls=2, code="rate_limit"),
    Row("S03 500 once", status(500), "rescued", calls=2, times=1, code="server_error"),
    Row("S04 503 for good", status(503), "rescued", calls=2, code="overloaded"),
    Row("S05 reset before the head", Fault(kind="cut", reset=True), "rescued", calls=2, times=1, code="server_error"),
    Row("S06 no response at all", Fault(kind="stall"), "rescued", code="timeout"),
    Row("S07 slow first token", None, "rescued", whole="-", code="timeout", pace=Pace(ttft_ms=20_000)),
    Row("S08 stream cut", Fault(kind="cut", after_deltas=8), "broken", whole="rescued", calls=2),
    Row("S09 stream stalls", Fault(kind="stall", after_deltas=4), "broken", whole="rescued"),
    Row("S10 malformed chunk", Fault(kind="bad_json", after_deltas=9), "broken", whole="rescued", calls=2),
    Row("S11 no [DONE]", None, "rescued", whole="-", quirks=Quirks(no_done=True)),
    Row("S12 context length", status(400, "context_length_exceeded"), "rescued", code="context_length"),
    Row("S13 content filter", status(400, "content_policy_violation"), "error", code="content_filter"),
    Row("S14 cut, and the next takes no prefill", Fault(kind="cut", after_deltas=8), "broken", whole="-"),
    Row("S16 fallback is billed to whom it served", status(503), "rescued", calls=2, code="overloaded"),
)
OWN = (
    Row("400", status(400), "error", code="invalid_request"),
    Row("401", status(401), "rescued", code="authentication"),
    Row("402", status(402), "rescued", code="billing"),
    Row("403", status(403), "rescued", code="permission"),
    Row("404", status(404), "rescued", code="not_found"),
    Row("408", status(408), "rescued", calls=2),
    Row("409", status(409), "rescued", calls=2),
    Row("413", status(413), "rescued", code="too_large"),
    Row("422", status(422), "error", code="invalid_request"),
    Row("429 empty account", status(429, "insufficient_quota"), "rescued", code="quota"),
    Row("429 for an hour", status(429, retry_after_s=3600), "rescued", code="rate_limit"),
    Row("502 with a page of HTML", status(502, body="<html><h1>Bad gateway</h1></html>"), "rescued", calls=2),
    Row("504", status(504), "rescued", calls=2, code="timeout"),
    Row("529", status(529), "rescued", calls=2, code="overloaded"),
    Row(
        "error with status 200",
        status(200, body={"error": {"message": "no", "type": "server_error"}}),
        "rescued",
        calls=2,
    ),
    Row("redirect", status(302, headers={"location": "http://127.0.0.1:9/"}), "rescued", code="invalid_endpoint"),
    Row("cut before the head", Fault(kind="cut"), "rescued", calls=2),
    Row("slow head", Fault(kind="slow", seconds=30), "rescued", code="timeout"),
    Row("error event at once", Fault(kind="error", after_frames=0), "rescued", calls=2),
    Row("clean end at once", Fault(kind="end", after_frames=0), "rescued", calls=2),
    Row("broken JSON at once", Fault(kind="bad_json", after_frames=0), "rescued", calls=2),
    Row("cut after the role", Fault(kind="cut", after_frames=1), "rescued", calls=2),
    Row("error event", Fault(kind="error", after_deltas=2), "broken", whole="rescued", calls=2),
    Row("clean early end", Fault(kind="end", after_deltas=2), "broken", whole="rescued", calls=2),
    Row("reset", Fault(kind="cut", after_deltas=2, reset=True), "broken", whole="rescued", calls=2),
)
ROWS = {row.id: row for row in (*BENCH, *OWN)}


def script(row: Row) -> Script:
    faulty = Rule(
        when=When(model="gpt-5-mini*"),
        reply=Say(text=SIXTY),
        fault=row.fault,
        pace=row.pace,
        quirks=row.quirks,
        times=row.times,
    )
    return Script(rules=(faulty, Rule(reply=Say(text=SIXTY))))


def cases() -> Iterator[Any]:
    for row in ROWS.values():
        for dialect in ("openai", "anthropic"):
            yield pytest.param(row, dialect, True, id=f"{row.id}, streamed, {dialect}")
            if row.whole != "-":
                yield pytest.param(row, dialect, False, id=f"{row.id}, whole, {dialect}")


class Seen(msgspec.Struct):
    """What the client got: the text so far, and the error that ended it."""

    text: str = ""
    error: openai.APIError | anthropic.APIError | None = None


def ask(running: GatewayUnderTest, dialect: str, *, stream: bool) -> Seen:
    return _ask_openai(running, stream=stream) if dialect == "openai" else _ask_anthropic(running, stream=stream)


MESSAGES: Any = [{"role": "user", "content": "Why does a gateway earn trust?"}]


def _ask_openai(running: GatewayUnderTest, *, stream: bool) -> Seen:
    seen = Seen()
    with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0, timeout=TOTAL_S + 4) as client:
        try:
            if stream:
                finish = None
                for chunk in client.chat.completions.create(model="auto", messages=MESSAGES, stream=True):
                    for choice in chunk.choices:
                        seen.text += choice.delta.content or ""
                        finish = choice.finish_reason or finish
                assert finish == "stop"
            else:
                answer = client.chat.completions.create(model="auto", messages=MESSAGES)
                seen.text = answer.choices[0].message.content or ""
                assert answer.usage is not None
        except openai.APIError as error:
            seen.error = error
    return seen


def _ask_anthropic(running: GatewayUnderTest, *, stream: bool) -> Seen:
    seen = Seen()
    with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0, timeout=TOTAL_S + 4) as client:
        try:
            if stream:
                stop = None
                for event in client.messages.create(model="auto", max_tokens=500, messages=MESSAGES, stream=True):
                    if event.type == "content_block_delta" and event.delta.type == "text_delta":
                        seen.text += event.delta.text
                    stop = "stop" if event.type == "message_stop" else stop
                assert stop
            else:
                message = client.messages.create(model="auto", max_tokens=500, messages=MESSAGES)
                seen.text = message.content[0].text  # type: ignore[union-attr]
        except anthropic.APIError as error:
            seen.error = error
    return seen


@pytest.mark.parametrize(("row", "dialect", "stream"), [*cases()])
def test_every_fault_ends_well(tmp_path: Path, row: Row, dialect: str, stream: bool) -> None:
    expected = row.stream if stream or row.whole is None or row.whole == "-" else row.whole
    with gateway(tmp_path / "t.db", script(row), parse_policy(POLICY, "t.yaml")) as running:
        seen = ask(running, dialect, stream=stream)
        (turn,) = running.turns()
        _check(expected, seen, turn)
        first = [step for step in turn.steps if step.model == FIRST]
        assert 1 <= len(first) <= row.calls
        if row.code is not None:
            assert first[0].error_code == row.code
        assert turn.duration_ms < TOTAL_S * 1000
        again = ask(running, dialect, stream=stream)
        assert (again.error is None) == (seen.error is None), "and it stays so afterwards"


def _check(expected: End, seen: Seen, turn: TurnRecord) -> None:
    if expected == "rescued":
        assert seen.error is None
        assert seen.text == SIXTY
        assert turn.status == "ok"
        answered = turn.steps[-1]
        assert answered.usage is not None
        assert turn.cost_usd == answered.cost_usd, "failed attempts are not billed as replies"
        return
    assert seen.error is not None, "an error, never half a reply with a clean end"
    assert turn.error_code
    if expected == "error":
        assert not seen.text
        assert turn.status == "error"
        assert isinstance(seen.error, openai.BadRequestError | anthropic.BadRequestError)
        return
    assert seen.text
    assert SIXTY.startswith(seen.text)
    assert turn.status == "broken"
    assert turn.steps[-1].estimated
    assert turn.cost_usd is not None
    assert turn.cost_usd > 0
    assert seen.text.encode() in turn.reply
    assert len({step.model for step in turn.steps}) == 1, "nothing is glued onto half a reply"


def test_s15_a_model_that_flaps_is_left_alone_and_taken_back(tmp_path: Path) -> None:
    """Down for its first calls, then healthy: the breaker opens, the other model serves, one call probes, all go back."""
    policy = parse_policy(POLICY + "breaker: {consecutive: 3, open_s: 0.05}\n", "t.yaml")
    row = Row("S15", status(503), "rescued", times=7)
    with gateway(tmp_path / "t.db", script(row), policy) as running:
        answered: list[str] = []
        while len(answered) < 500 and answered[-3:] != [FIRST] * 3:
            seen = ask(running, "openai", stream=True)
            assert (seen.error, seen.text) == (None, SIXTY), "served during the outage too"
            answered.append(running.turns()[-1].steps[-1].model)
        turns = running.turns()
    assert answered[-3:] == [FIRST] * 3, "it goes back to the first model"
    assert set(answered[: answered.index(FIRST)]) == {SECOND}
    set_aside = [turn for turn in turns if any(item.constraint == "health" for item in turn.decision.excluded)]
    assert set_aside
    assert all(step.model == SECOND for turn in set_aside for step in turn.steps), "and costs it no call meanwhile"
    assert "it kept failing" in set_aside[0].decision.excluded[0].text


def test_when_all_models_are_set_aside_one_is_tried_all_the_same(tmp_path: Path) -> None:
    only = POLICY.replace(f", {SECOND}], choose", "], choose") + "breaker: {consecutive: 1, open_s: 600}\n"
    script_ = Script(
        rules=(Rule(fault=Fault(kind="status", status=503), times=2), Rule(reply=Say(text=SIXTY))),
    )
    with gateway(tmp_path / "t.db", script_, parse_policy(only, "t.yaml")) as running:
        assert ask(running, "openai", stream=False).error is not None
        assert ask(running, "openai", stream=False).text == SIXTY
    strict = only.replace("open_s: 600", "open_s: 600, when_all_open: refuse")
    with gateway(tmp_path / "u.db", script_, parse_policy(strict, "t.yaml")) as running:
        assert ask(running, "openai", stream=False).error is not None
        refused = ask(running, "openai", stream=False)
        assert isinstance(refused.error, openai.InternalServerError)
        assert refused.error.status_code == 503
        assert "kept failing" in str(refused.error)
        assert running.turns()[-1].error_code == "set_aside"
