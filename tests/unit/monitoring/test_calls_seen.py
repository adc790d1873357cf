from __future__ import annotations

import msgspec
import pytest

from pointsman.domain.decision import Decision
from pointsman.domain.message import ToolCall
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.reply import Reply
from pointsman.monitoring.calls_seen import look
from pointsman.store import Store, open_store

MODEL = "openai/gpt-5-mini"
REFUND = {
    "type": "function",
    "function": {
        "name": "issue_refund",
        "parameters": {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]},
    },
}


@pytest.fixture
def store(tmp_path: object) -> Store:
    return open_store(f"sqlite:///{tmp_path}/t.db?durability=normal")


def keep(store: Store, name: str, *calls: ToolCall, tools: bool = True) -> str:
    request = (
        ("params", b'{"model": "auto"}'),
        *((("tools", msgspec.json.encode([REFUND])),) if tools else ()),
        ("message", b'{"role": "user", "content": "refund it"}'),
    )
    store.append_sync(
        TurnRecord(
            id=name,
            conversation_id="c",
            at_us=1,
            dialect="openai_chat",
            status="ok",
            decision=Decision(id=name, route="tools", model=MODEL, tier="small", policy="p"),
            steps=(StepRecord("reply", MODEL, "ok", 1.0),),
            duration_ms=1.0,
            request=request,
            reply=msgspec.json.encode(Reply("r", MODEL, calls, "tool_use")),
        )
    )
    return name


def test_what_is_wrong_with_calls_is_told_by_tool_and_model(store: Store) -> None:
    ids = [
        keep(store, "right", ToolCall("1", "issue_refund", '{"amount": 5}')),
        keep(store, "cut", ToolCall("1", "issue_refund", '{"amo')),
        keep(store, "type", ToolCall("1", "issue_refund", '{"amount": "five"}')),
        keep(store, "twice", *(ToolCall(n, "issue_refund", '{"amount": 5}') for n in "12")),
        keep(store, "made-up", ToolCall("1", "send_flowers", "{}")),
        "gone",
    ]
    refund, flowers = look(store, ids)
    assert (refund.tool, refund.model, refund.writes) == ("issue_refund", MODEL, True)
    assert (refund.sound.hits, refund.sound.n) == (2, 5)
    assert refund.example == "cut"
    assert refund.kinds["wrong_type"] == 1
    assert refund.kinds["twice_in_one_reply"] == 1
    assert (flowers.tool, flowers.kinds, flowers.sound.hits) == ("send_flowers", {"not_offered": 1}, 0)


def test_a_turn_whose_bodies_are_gone_is_left_out(store: Store) -> None:
    name = keep(store, "x", ToolCall("1", "issue_refund", '{"amount": 5}'))
    store.write_sync(
        lambda connection: connection.execute("DELETE FROM body WHERE instr(data, CAST('content' AS BLOB))")
    )
    assert look(store, [name]) == []
