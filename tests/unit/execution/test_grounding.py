"""Values of tool calls: what stands in the conversation, and which calls are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pointsman.domain.message import Message, Text, Tool, ToolCall, ToolResult
from pointsman.domain.turn import Turn
from pointsman.execution.routes.grounding import Ground, canonical

TOOL = Tool(
    "book",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "speed": {"enum": ["fast", "slow"]},
            "seats": {"type": "integer"},
            "currency": {"type": "string", "default": "CHF"},
        },
    },
)
TURN = Turn(
    messages=(
        Message("system", (Text("Bookings need the office code ZRH-9."),)),
        Message(
            "user",
            (Text("Book two rooms in S\u00e3o Paulo from 3 May 2026 for jo@example.org, up to 49,90 EUR, 20% off."),),
        ),
        Message("assistant", (ToolCall("1", "find", '{"hotel": "Ritz"}'),)),
        Message("tool", (ToolResult("1", (Text('{"hotel_id": "H-77", "stars": 4}'),)),)),
    )
)


def call(**arguments: Any) -> ToolCall:
    return ToolCall("2", "book", json.dumps(arguments))


@pytest.mark.parametrize(
    "value",
    [
        "Sao Paulo",
        "S\u00c3O PAULO",
        "2026-05-03",
        "jo@example.org",
        49.9,
        "49.90",
        2,
        "h77",
        4,
        "ZRH-9",
        "Ritz",
        20,
        True,
        None,
        "",
        1,
    ],
)
def test_what_stands_in_the_conversation(value: Any) -> None:
    assert Ground(TURN).lacking(call(x=[{"y": value}]), TOOL) == []


@pytest.mark.parametrize("value", ["Rio", "2026-05-04", "jo@example.com", 49.8, 3, "H-78", "Ritz Carlton"])
def test_what_stands_nowhere(value: Any) -> None:
    assert Ground(TURN).lacking(call(x=value), TOOL) == [f"x = {value}"]


def test_enums_defaults_and_prose_need_no_ground() -> None:
    note = "The guest would like a quiet place with a view of some water please"
    assert Ground(TURN).lacking(call(speed="fast", currency="CHF", note=note), TOOL) == []
    assert Ground(TURN).lacking(call(note=f"{note} under 8812-XY"), TOOL) == [f"note = {note} under 8812-XY"[:87]]


def test_calls_that_mean_the_same() -> None:
    one = [call(city="S\u00e3o Paulo", seats=2, currency="CHF"), call(city="Rio")]
    other = [call(city="rio "), call(seats=2.0, city="sao paulo", extra=None)]
    assert canonical(one, [TOOL]) == canonical(other, [TOOL])
    assert canonical(one, [TOOL]) != canonical(one[:1], [TOOL])
    assert canonical([call(day="3 May 2026")], [TOOL]) != canonical([call(day="4 May 2026")], [TOOL])


def test_arguments_that_are_no_json_ground_nothing_and_equal_no_others() -> None:
    broken = ToolCall("2", "book", "{oops")
    assert Ground(TURN).lacking(broken, TOOL) == []
    assert canonical([broken], [TOOL]) != canonical([call(city="Rio")], [TOOL])
