"""Agents over the admin endpoints: defined, looked at, approved; by operators alone."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from pointsman.emulator.script import Script
from pointsman.execution.python_tools import python_tool
from pointsman.routing.policy import parse_policy
from pointsman.store.keys import create_key
from support.agents import POLICY, TOOLS, Ledger, agent, says
from support.gateway import GatewayUnderTest, gateway

REFUND = ("refund", {"order": "A1", "cents": 500})
RULES = (says("", REFUND, contains="refund", results=False), says("All right."))
SPEC: dict[str, Any] = {"name": "desk", "prompt": "You are a desk.", "tools": {"refund": {}}, "approval": ["refund"]}


class Client:
    def __init__(self, running: GatewayUnderTest, secret: str = "") -> None:
        self._port = running.port
        self._headers = {"x-api-key": secret} if secret else {}

    def ask(self, method: str, path: str, body: Any = None, conversation: str = "c1") -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        headers = {**self._headers, "x-pointsman-conversation-id": conversation}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def turn(self, model: str, text: str) -> Any:
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        status, answer = self.ask("POST", "/v1/chat/completions", body)
        assert status == 200, answer
        return answer["choices"][0]["message"]["content"]


def test_an_agent_is_defined_used_approved_and_looked_at(tmp_path: Path) -> None:
    ledger = Ledger()
    policy = parse_policy(agent(TOOLS), "test.yaml")
    with gateway(tmp_path / "s.db", Script(rules=RULES), policy, keys=True) as running:
        store = running.router.store
        running.router.tools["refund"] = python_tool(ledger.refund, writes=True)
        operator = Client(running, create_key(store, "ops", role="operator")[1])
        bot = Client(running, create_key(store, "bot")[1])
        other = Client(running, create_key(store, "other")[1])
        for client in (operator, bot, other):
            _await_key(client)
        assert bot.ask("POST", "/v1/agents", SPEC)[0] == 403
        assert operator.ask("POST", "/v1/agents", SPEC)[0] == 201
        assert operator.ask("POST", "/v1/agents", SPEC)[0] == 200
        listed = operator.ask("GET", "/v1/agents")[1]["data"]
        assert [(one["name"], one["model"]) for one in listed] == [("clerk", "agent/clerk"), ("desk", "agent/desk")]
        assert "prompt" not in bot.ask("GET", "/v1/agents/desk")[1]

        assert "approval" in bot.turn("agent/desk", "Please refund order A1")
        (run,) = running.router.agents.runs.newest()
        assert bot.ask("GET", f"/v1/agent-runs/{run.id}")[1]["state"] == "waiting_for_approval"
        assert other.ask("GET", f"/v1/agent-runs/{run.id}")[0] == 404
        assert bot.ask("POST", f"/v1/agent-runs/{run.id}/approve")[0] == 403
        assert ledger.refunds == []
        status, approved = operator.ask("POST", f"/v1/agent-runs/{run.id}/approve", {"comment": "ticket 12"})
        assert (status, approved["state"], approved["reply"]) == (200, "done", "All right.")
        assert approved["calls"][0]["state"] == "done"
        assert ledger.refunds == [("A1", 500)]
        assert operator.ask("POST", f"/v1/agent-runs/{run.id}/approve")[0] == 400
        assert len(ledger.refunds) == 1


def _await_key(client: Client) -> None:
    for _ in range(60):
        if client.ask("GET", "/v1/agents")[0] == 200:
            return
    raise AssertionError("the key was never taken")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompt": None}, "exactly one of prompt"),
        ({"stepz": 1}, "unknown key"),
        ({"routes": ["nowhere"]}, "there is no route 'nowhere'"),
        ({"approval": ["erase"]}, "is the name of none of its tools"),
        ({"name": "clerk"}, "defined in the policy file"),
        ({"name": "../x"}, "name: letters"),
        ({"tools": {"refund": {"python": "os:system"}}}, "asks for no key"),
        ({"mcp": {"sh": {"stdio": {"command": "sh"}}}}, "asks for no key"),
        ({"contract": {"type": "objekt"}}, "contract: it is no JSON Schema"),
        ({"prompt_file": "p.md"}, "an agent must give exactly one of prompt and prompt_file"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with gateway(tmp_path / "s.db", Script(rules=RULES), parse_policy(POLICY, "test.yaml")) as running:
        running.router.tools["refund"] = python_tool(Ledger().refund, writes=True)
        status, answer = Client(running).ask("POST", "/v1/agents", SPEC | change)
        assert status in {400, 403}
        assert words in answer["error"]["message"]
        assert Client(running).ask("GET", "/v1/agents/desk")[0] == 404
