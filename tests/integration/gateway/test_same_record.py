"""Relay and translation, streamed and whole: the same scripted reply leaves the same record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.domain.message import Reasoning, Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.emulator.script import Rule, SaidCall, Say, Script, UsageSaid
from support.gateway import gateway
from support.wire import Client

SAID = {
    "unicode": Say(text='Grüße aus Köln: 2 € für 3 Brötchen \N{CROISSANT}.\n\tおはよう \\ " \u2028 end'),
    "parallel calls": Say(
        text="Let me look both up.",
        calls=(
            SaidCall(name="lookup_order", arguments={"order_id": "A-1", "note": "ü"}),
            SaidCall(name="lookup_order", arguments={"order_id": "A-2"}),
        ),
    ),
    "a call without text": Say(calls=(SaidCall(name="lookup_order", arguments={}),)),
    "cut off": Say(text="We are open from", stop="max_tokens"),
    "cached": Say(text="Yes.", usage=UsageSaid(uncached=11, cache_read=2000, output=7)),
    "refused": Say(text="I cannot help with that.", stop="refusal"),
}
TOOL = {"type": "object", "properties": {"order_id": {"type": "string"}}}
OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"
MODELS = ["anthropic/claude-haiku-4-5", "openai/gpt-4o-mini"]


def request(path: str, model: str, *, stream: bool) -> Any:
    tool: Any = {"name": "lookup_order", "description": "Looks up an order."}
    if path == OPENAI:
        tool = {"type": "function", "function": tool | {"parameters": TOOL}}
    else:
        tool |= {"input_schema": TOOL}
    question = [{"role": "user", "content": "Where are my orders A-1 and A-2?"}]
    return {"model": model, "max_tokens": 500, "stream": stream, "messages": question, "tools": [tool]}


def told(record: Any) -> Any:
    """What a record says of a reply, without ids and times."""
    reply = msgspec.json.decode(record.reply, type=Reply)
    parts = [
        (part.name, msgspec.json.decode(part.arguments)) if isinstance(part, ToolCall) else part.text
        for part in reply.parts
        if isinstance(part, ToolCall | Text | Reasoning)
    ]
    step = record.steps[-1]
    return (
        *(record.status, parts, reply.stop_reason, step.stop_reason, record.usage, reply.usage, record.cost_usd),
        *(step.estimated, step.model, record.flagship_cost_usd, record.http_status),
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", SAID)
def test_four_ways_one_record(tmp_path: Path, name: str, model: str) -> None:
    with gateway(tmp_path / "t.db", Script(rules=(Rule(reply=SAID[name]),))) as running:
        with Client(running.port) as client:
            for path in (OPENAI, ANTHROPIC):
                for stream in (False, True):
                    assert client.post(path, request(path, model, stream=stream)).status == 200
        records = running.turns()
    relayed = {(record.dialect, record.steps[-1].relayed) for record in records}
    assert relayed == {("openai_chat", model.startswith("openai")), ("anthropic", model.startswith("anthropic"))}
    assert told(records[0])[0] == "ok"
    for record in records[1:]:
        assert told(record) == told(records[0])
    assert all((record.ttft_ms is not None) == record.stream for record in records)


def test_reasoning_is_on_record_whichever_way_it_went(tmp_path: Path) -> None:
    say = Say(reasoning="The shop opens at nine.", text="At nine.")
    model = "anthropic/claude-haiku-4-5"
    with gateway(tmp_path / "t.db", Script(rules=(Rule(reply=say),))) as running, Client(running.port) as client:
        messages = [{"role": "user", "content": "When do you open?"}]
        for stream in (False, True):
            thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
            common = {"model": model, "max_tokens": 3000, "messages": messages, "stream": stream}
            assert client.post(ANTHROPIC, common | thinking).status == 200
            assert client.post(OPENAI, common | {"reasoning_effort": "low"}).status == 200
        records = running.turns()
    assert [told(record)[1] for record in records] == [["The shop opens at nine.", "At nine."]] * 4
    # The two dialects ask for different thinking budgets in different bytes, so only the same way can cost the same.
    assert told(records[0]) == told(records[2])
    assert told(records[1]) == told(records[3])
