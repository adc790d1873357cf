"""The same turns from Python and over HTTP leave the same records, field by field."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.domain.record import TurnRecord
from pointsman.emulator.script import Fault, Rule, SaidCall, Say, Script, When
from pointsman.errors import PointsmanError
from pointsman.library.door import Pointsman
from support.gateway import gateway, policy
from support.wire import Client

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "lookup_order",
        "description": "Looks up an order.",
        "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}},
    },
}
CALL = {"id": "c1", "type": "function", "function": {"name": "lookup_order", "arguments": '{"order_id":"A-1"}'}}
SCRIPT = Script(
    rules=(
        Rule(when=When(contains="down"), fault=Fault(kind="status", status=500)),
        Rule(when=When(contains="wrong"), fault=Fault(kind="status", status=400, message="no")),
        Rule(
            when=When(contains="A-1", results=False),
            reply=Say(text="I look.", calls=(SaidCall(name="lookup_order", arguments={"order_id": "A-1"}),)),
        ),
        Rule(reply=Say(text="Grüße, 2 €.")),
    )
)
HELLO = [{"role": "user", "content": "Hello"}]
SYSTEM = {"role": "system", "content": "Be brief."}
ORDER = [{"role": "user", "content": "Where is my order A-1?"}]
CALLED = [*ORDER, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
ANSWERED = [*CALLED, {"role": "tool", "tool_call_id": "c1", "content": "in transit"}]
DOWN = [{"role": "user", "content": "the server is down"}]
WRONG = [{"role": "user", "content": "all wrong"}]
NOT_COMPARED = {
    "record": {"id", "at_us", "dialect", "duration_ms", "gateway_us", "ttft_ms"},
    "decision": {"id", "decided_us"},
    # Bytes are relayed only where a client of the provider's own dialect sent some.
    "step": {"started_ms", "duration_ms", "ttft_ms", "relayed", "request_id"},
    "reply": {"id", "created", "request_id"},
}

TURNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # name -> (request over HTTP, the same in Python)
    "plain": ({"messages": HELLO}, {"said": "Hello"}),
    "system": ({"messages": [SYSTEM, *HELLO]}, {"said": "Hello", "system": "Be brief."}),
    "tools": ({"messages": ORDER, "tools": [TOOL]}, {"said": ORDER, "tools": [TOOL]}),
    "tool result": (
        {"messages": ANSWERED, "tools": [TOOL]},
        {"said": ANSWERED[2:], "history": CALLED, "tools": [TOOL]},
    ),
    "wishes": (
        {"messages": HELLO, "temperature": 0.2, "max_tokens": 50, "user": "u7", "metadata": {"tenant": "t"}},
        {
            "said": "Hello",
            "user": "u7",
            "metadata": {"tenant": "t"},
            "options": {"temperature": 0.2, "max_tokens": 50},
        },
    ),
    "all fail": ({"messages": DOWN}, {"said": DOWN}),
    "refused": ({"messages": WRONG}, {"said": WRONG}),
    "no such model": ({"messages": HELLO, "model": "nobody/knows"}, {"said": "Hello", "model": "nobody/knows"}),
}


def plain(record: TurnRecord) -> dict[str, Any]:
    """A record as data, without what no two turns share. The order of request fields is the writer's own."""
    fields = msgspec.to_builtins(record, builtin_types=(bytes,))
    kept = {name: value for name, value in fields.items() if name not in NOT_COMPARED["record"]}
    kept["decision"] = _without(kept["decision"], "decision")
    kept["steps"] = [_without(step, "step") for step in kept["steps"]]
    kept["request"] = [(name, msgspec.json.decode(raw)) for name, raw in kept["request"]]
    kept["reply"] = _without(msgspec.json.decode(kept["reply"] or b"{}"), "reply")
    return kept


def _without(fields: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in NOT_COMPARED[kind]}


def over_http(folder: Path, model: str, *, stream: bool) -> list[TurnRecord]:
    with gateway(folder / "http.db", SCRIPT, policy()) as running, Client(running.port) as client:
        for name, (request, _) in TURNS.items():
            body = {"model": model, **request} | ({"stream": True} if stream else {})
            client.post("/v1/chat/completions", body, x_pointsman_conversation_id=name)
        return running.turns()


def from_python(folder: Path, model: str, *, stream: bool) -> list[TurnRecord]:
    async def run() -> list[TurnRecord]:
        door = Pointsman.from_policy(policy(), store=f"sqlite:///{folder / 'py.db'}", emulated=True, script=SCRIPT)
        async with door as pm:
            for name, (_, wishes) in TURNS.items():
                with contextlib.suppress(PointsmanError):
                    asked = {"model": model, "conversation_id": name, **wishes}
                    if stream:
                        _ = [event async for event in pm.stream(**asked)]
                    else:
                        await pm.turn(**asked)
            rows = reversed(pm.router.store.turns(limit=100))
            return [record for row in rows if (record := pm.router.store.turn(row.id)) is not None]

    return asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ["anthropic/claude-haiku-4-5", "openai/gpt-5-mini", "auto"])
def test_one_record_two_ways(tmp_path: Path, model: str, *, stream: bool) -> None:
    http = over_http(tmp_path, model, stream=stream)
    python = from_python(tmp_path, model, stream=stream)
    assert [record.conversation_id for record in http] == list(TURNS)
    for theirs, ours in zip(http, python, strict=True):
        assert plain(ours) == _expected(plain(theirs))


def _expected(record: dict[str, Any]) -> dict[str, Any]:
    """Over HTTP the wish to stream stands in the body; in Python it is the method that is called."""
    for name, raw in record["request"]:
        if name == "params":
            raw.pop("stream", None)
    return record
