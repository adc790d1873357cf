"""Turns that are refused, parameters that are dropped, and what the answer's headers say of a decision."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pointsman.emulator.script import Rule, Say, Script
from support.gateway import POLICY, GatewayUnderTest, gateway, policy
from support.wire import Answer, Client

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
ASK: Any = [{"role": "user", "content": "When are you open?"}]
HAIKU, OPUS, MINI = "anthropic/claude-haiku-4-5", "anthropic/claude-opus-4-8", "openai/gpt-5-mini"
SCRIPT = Script(rules=(Rule(reply=Say(text="From nine to five.")),))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayUnderTest]:
    with gateway(tmp_path_factory.mktemp("refusals") / "t.db", SCRIPT) as running:
        yield running


def ask(running: GatewayUnderTest, path: str = OPENAI, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    body = {"model": "auto", "max_tokens": 99, "messages": ASK} | fields
    with Client(running.port) as client:
        return client.post(path, body, **(headers or {}))


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("stream", [True, False])
def test_headers_of_an_answer(served: GatewayUnderTest, path: str, stream: bool) -> None:
    answer = ask(served, path, stream=stream)
    record = served.turn(answer.headers["x-pointsman-decision-id"])
    assert answer.headers["x-pointsman-route"] == record.decision.route == "direct"
    assert answer.headers["x-pointsman-model"] == record.steps[-1].model == HAIKU
    assert answer.headers["x-pointsman-simulated"] == "1"
    assert record.simulated
    assert "x-pointsman-reasons" not in answer.headers
    assert "x-pointsman-dropped-params" not in answer.headers
    if stream:  # its cost is not known before its body ends
        assert "x-pointsman-cost-usd" not in answer.headers
    else:
        assert answer.headers["x-pointsman-cost-usd"] == format(record.cost_usd or 0, "f")
    assert record.dialect == ("openai_chat" if path == OPENAI else "anthropic")
    assert record.gateway_us is not None


def test_reasons_on_request(served: GatewayUnderTest) -> None:
    answer = ask(served, headers={"x_pointsman_explain": "1"})
    reasons = json.loads(answer.headers["x-pointsman-reasons"])
    record = served.turn(answer.headers["x-pointsman-decision-id"])
    assert [reason["text"] for reason in reasons] == [reason.text for reason in record.decision.reasons]


def test_many_long_reasons_stay_whole_json(tmp_path: Path) -> None:
    rules = "".join(
        f"  - {{name: rule {n}, when: 'size.prompt_tokens > {n}', floor: tools, reason: '{'ü' * 290} {n}'}}\n"
        for n in (0, 1)
    ) + "".join(f"  - {{name: 'pre {n}', when: 'true', prefer: direct, reason: '{'é' * 290}'}}\n" for n in range(3))
    with gateway(tmp_path / "t.db", SCRIPT, policy(POLICY + "rules:\n" + rules)) as running:
        answer = ask(running, headers={"x_pointsman_explain": "1"})
    header = answer.headers["x-pointsman-reasons"]
    reasons = json.loads(header)
    assert len(header) < 3000
    assert {frozenset(reason) for reason in reasons} == {frozenset({"kind", "name", "text"})}


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("stream", [True, False])
def test_an_unknown_model_is_on_record(served: GatewayUnderTest, path: str, stream: bool) -> None:
    answer = ask(served, path, model="gpt-99", stream=stream)
    assert answer.status == 404
    record = served.turn(answer.headers["x-pointsman-decision-id"])
    assert (record.status, record.error_code, record.http_status) == ("error", "not_found", 404)
    assert record.requested_model == "gpt-99"
    assert record.cost_usd == 0


TOO_MUCH: Any = {"max_tokens": 3_000_000}


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("stream", [True, False])
def test_a_turn_no_model_can_serve_is_on_record_with_the_reasons(
    served: GatewayUnderTest, path: str, stream: bool
) -> None:
    answer = ask(served, path, stream=stream, **TOO_MUCH)
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-should-retry"] == "false"
    assert HAIKU in answer.json["error"]["message"]
    record = served.turn(answer.headers["x-pointsman-decision-id"])
    assert (record.status, record.error_code, record.http_status) == ("error", "no_eligible_model", 400)
    assert {item.model for item in record.decision.excluded} >= {HAIKU, OPUS, MINI}
    assert {item.constraint for item in record.decision.excluded} <= {"context", "max_output"}
    assert record.steps == ()
    assert record.request
    assert [row for row in served.router.store.turns() if row.id == record.id]


NAMED: dict[str, dict[str, Any]] = {
    "logprobs": {"logprobs": True},
    "n": {"n": 2},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "response_format": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    },
    "web_search_options": {"web_search_options": {}},
    "functions": {"functions": [{"name": "f", "parameters": {}}]},
}


@pytest.mark.parametrize("name", [name for name in NAMED if name != "response_format"])
def test_a_parameter_that_nobody_honours_is_named(tmp_path: Path, name: str) -> None:
    only_claude = policy(
        POLICY.replace("[anthropic/claude-haiku-4-5, openai/gpt-5-mini]", "[anthropic/claude-haiku-4-5]")
    )
    with gateway(tmp_path / "t.db", SCRIPT, only_claude) as running:
        for model in ("auto", HAIKU):
            answer = ask(running, model=model, **NAMED[name])
            assert answer.status == 400
            error = answer.json["error"]
            assert error["param"] == name
            assert name in error["message"]
        assert running.emulator is not None
        assert running.emulator.requests == []


def test_a_parameter_chooses_among_models(served: GatewayUnderTest) -> None:
    answer = ask(served, logit_bias={"50256": -100})
    assert answer.status == 200
    assert answer.headers["x-pointsman-model"].startswith("openai/")


def test_sampling_parameters_are_dropped_and_listed(served: GatewayUnderTest) -> None:
    answer = ask(served, model=OPUS, temperature=0.2, seed=7, presence_penalty=0.1)
    assert answer.status == 200
    dropped = answer.headers["x-pointsman-dropped-params"].split(",")
    assert set(dropped) == {"temperature", "seed", "presence_penalty"}
    record = served.turn(answer.headers["x-pointsman-decision-id"])
    assert set(record.dropped_params) == set(dropped)


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_strict_parameters_are_refused_by_name(tmp_path: Path, path: str) -> None:
    chosen = policy(POLICY + "parameters: {unsupported_sampling: strict}\n")
    with gateway(tmp_path / "t.db", SCRIPT, chosen) as running:
        headers = {"anthropic_version": "2023-06-01"}
        answer = ask(running, path, headers, model=OPUS, temperature=0.2)
        assert answer.status == 400
        assert "temperature" in answer.json["error"]["message"]
        routed = ask(running, path, headers, temperature=0.2)
        assert routed.status == 200
        assert "x-pointsman-dropped-params" not in routed.headers
