"""Agents over HTTP: the official SDKs ask for ``agent/NAME`` and get a final reply."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.emulator.script import Script
from pointsman.execution.python_tools import python_tool
from pointsman.routing.policy import parse_policy
from support.agents import TOOLS, Ledger, agent, says
from support.gateway import GatewayUnderTest, gateway

LOOK_UP = ("look_up", {"order": "A1"})
REFUND = ("refund", {"order": "A1", "cents": 500})
RULES = (
    says("", REFUND, contains="refund", results=False),
    says("", LOOK_UP, contains="where", results=False),
    says("It was shipped.", contains="where", results=True),
    says("All right."),
)
NAMED = {"x-pointsman-conversation-id": "c7"}


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def served(tmp_path: Path, ledger: Ledger) -> Iterator[GatewayUnderTest]:
    text = agent(TOOLS + "approval: [refund]") + "  payer:\n    prompt: You pay.\n    tools: {refund: {}}\n"
    policy = parse_policy(text, "test.yaml")
    with gateway(tmp_path / "s.db", Script(rules=RULES), policy) as running:
        running.router.tools["look_up"] = python_tool(ledger.look_up)
        running.router.tools["refund"] = python_tool(ledger.refund, writes=True)
        yield running


def test_the_openai_sdk_gets_one_final_reply(served: GatewayUnderTest, ledger: Ledger) -> None:
    with openai.OpenAI(base_url=served.openai_url, api_key="k") as client:
        raw = client.chat.completions.with_raw_response.create(
            model="agent/clerk", messages=[{"role": "user", "content": "Where is order A1?"}]
        )
    reply = raw.parse()
    assert reply.choices[0].message.content == "It was shipped."
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model == "agent/clerk"
    assert ledger.looked_up == ["A1"]
    steps = served.router.agents.runs.costs(raw.headers["x-pointsman-run-id"])
    assert len(steps) == 2
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == sum(step.tokens_in or 0 for step in steps)
    assert float(raw.headers["x-pointsman-cost-usd"]) == float(sum(step.cost_usd or 0 for step in steps))


def test_the_anthropic_sdk_streams_it(served: GatewayUnderTest, ledger: Ledger) -> None:
    client = anthropic.Anthropic(base_url=served.base_url, api_key="k")
    with (
        client,
        client.messages.stream(
            model="agent/clerk", max_tokens=200, messages=[{"role": "user", "content": "Where is order A1?"}]
        ) as stream,
    ):
        final = stream.get_final_message()
    assert [block.text for block in final.content if block.type == "text"] == ["It was shipped."]
    assert final.stop_reason == "end_turn"
    assert ledger.looked_up == ["A1"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_approval_is_asked_and_answered_over_http(served: GatewayUnderTest, ledger: Ledger, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Please refund order A1"}]
    said = ""
    with openai.OpenAI(base_url=served.openai_url, api_key="k", default_headers=NAMED) as client:
        for words in ("yes, go ahead", None):
            if stream:
                chunks: Any = client.chat.completions.create(model="agent/clerk", messages=messages, stream=True)
                said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            else:
                reply = client.chat.completions.create(model="agent/clerk", messages=messages)
                said = reply.choices[0].message.content or ""
            if words is not None:
                assert "refund (order: A1, cents: 500)" in said
                assert ledger.refunds == []
                messages += [{"role": "assistant", "content": said}, {"role": "user", "content": words}]
    assert said == "All right."
    assert ledger.refunds == [("A1", 500)]


def test_what_cannot_be_served_is_a_clear_error(served: GatewayUnderTest) -> None:
    tool = {"type": "function", "function": {"name": "x", "parameters": {"type": "object"}}}
    with openai.OpenAI(base_url=served.openai_url, api_key="k", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError, match="tools of its own"):
            client.chat.completions.create(
                model="agent/clerk",
                messages=[{"role": "user", "content": "Hi"}],
                tools=[tool],  # type: ignore[list-item]
            )
        with pytest.raises(openai.NotFoundError, match="there is no agent 'ghost'"):
            client.chat.completions.create(model="agent/ghost", messages=[{"role": "user", "content": "Hi"}])


def test_a_client_that_leaves_stops_the_run_between_tools(served: GatewayUnderTest, ledger: Ledger) -> None:
    """The write under way is finished and kept; the same request takes the run up and does not write again."""
    started, leave = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        leave.wait(10)

    ledger.before_return = hold
    agents = served.router.agents
    body = {"model": "agent/payer", "messages": [{"role": "user", "content": "Please refund order A1"}]}
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    headers = {"content-type": "application/json", **NAMED}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    assert started.wait(10)
    connection.close()
    leave.set()
    (run,) = agents.runs.newest()
    for _ in range(500):
        (run,) = agents.runs.newest()
        if run.state == "cancelled":
            break
        time.sleep(0.01)
    assert run.state == "cancelled"
    assert [call.state for call in agents.runs.calls(run.id)] == ["done"]
    with openai.OpenAI(base_url=served.openai_url, api_key="k", default_headers=NAMED) as client:
        reply = client.chat.completions.create(**body)  # type: ignore[call-overload]
    assert reply.choices[0].message.content == "All right."
    assert ledger.refunds == [("A1", 500)]
    assert len(agents.runs.newest()) == 1


def test_agents_are_listed_beside_the_models(served: GatewayUnderTest) -> None:
    with openai.OpenAI(base_url=served.openai_url, api_key="k") as client:
        assert [model.id for model in client.models.list()][:3] == ["auto", "agent/clerk", "agent/payer"]
        assert client.models.retrieve("agent/clerk").owned_by == "pointsman"
    with anthropic.Anthropic(base_url=served.base_url, api_key="k") as other:
        assert "The agent clerk" in [model.display_name for model in other.models.list()]
