"""How stored turns read as one conversation, in both dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pointsman.domain.decision import Decision
from pointsman.domain.record import TurnRecord
from pointsman.server.dashboard.talk import Block, Reader, ToolCard, Words


def record(messages: list[Any], reply: list[Any], system: str = "") -> TurnRecord:
    request = [("system", json.dumps(system).encode())] if system else []
    request += [("message", json.dumps(one).encode()) for one in messages]
    return TurnRecord(
        id="t",
        conversation_id="c",
        at_us=0,
        dialect="openai_chat",
        status="ok",
        decision=Decision("t", "direct", "a/b", "small", "p"),
        steps=(),
        duration_ms=1.0,
        request=tuple(request),
        reply=json.dumps({"parts": reply}).encode() if reply else b"",
    )


def told(blocks: list[Block]) -> list[str]:
    return [
        f"{one.who}: {one.text}" if isinstance(one, Words) else f"{one.name}({one.arguments}) = {one.result}"
        for one in blocks
    ]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def test_each_turn_adds_only_what_is_new() -> None:
    reader = Reader()
    hello = {"role": "user", "content": "hello"}
    first = reader.read(record([hello], [text("hi")], "be kind"))
    second = reader.read(
        record(
            [hello, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "bye"}],
            [text("bye")],
            "be kind",
        )
    )
    assert (first.system, second.system) == ("be kind", "")
    assert told(first.before) == ["customer: hello"]
    assert told(second.before) == ["customer: bye"]
    assert told(second.reply) == ["agent: bye"]


def test_a_reply_the_client_changed_is_shown_as_sent_back() -> None:
    reader = Reader()
    hello = {"role": "user", "content": "hello"}
    reader.read(record([hello], [text("hi")]))
    second = reader.read(record([hello, {"role": "assistant", "content": "hi, I am human"}, hello], []))
    assert isinstance(second.before[0], Words)
    assert second.before[0].sent == "as the client sent it back"


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_result_joins_its_call(dialect: str) -> None:
    reader = Reader()
    ask = {"role": "user", "content": "where is it?"}
    call = {"type": "tool_call", "id": "c1", "name": "get_order", "arguments": '{"id": 7}'}
    first = reader.read(record([ask], [call]))
    if dialect == "openai":
        back = [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "function": {"name": "get_order", "arguments": '{"id": 7}'}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": '{"error": "no such order"}'},
        ]
    else:
        back = [
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "get_order", "input": {"id": 7}}],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "is_error": True,
                        "content": '{"error": "no such order"}',
                    }
                ],
            },
        ]
    second = reader.read(record([ask, *back], [text("There is none.")]))
    [card] = first.reply
    assert isinstance(card, ToolCard)
    assert (card.name, card.result, card.ok) == ("get_order", '{"error": "no such order"}', False)
    assert told(second.before) == []


def test_odd_bodies_are_read_as_far_as_they_go() -> None:
    odd = record([7, None, [], {"role": 9, "content": {"type": {"a": 1}}}, {"role": "tool"}], [])
    odd = TurnRecord(**{**{name: getattr(odd, name) for name in odd.__struct_fields__}, "reply": b"{"})
    read = Reader().read(odd)
    assert read.broken
    assert read.reply == []
