from __future__ import annotations

import pytest

from pointsman.domain.message import Message, Text, ToolCall, ToolResult
from pointsman.domain.turn import Turn
from pointsman.evaluation.foreign_history import STAND_IN, portable

NEW, OLD = "google/gemini-3.5-flash", "google/gemini-2.5-flash"


def loop(*calls: ToolCall) -> Turn:
    earlier = Message("assistant", (ToolCall("0", "look", "{}"),))
    result = Message("tool", (ToolResult("0", (Text("ok"),)),))
    asked = Message("user", (Text("and now?"),))
    step = Message("assistant", (Text("I look."), *calls))
    done = Message("tool", tuple(ToolResult(call.id, (Text("ok"),)) for call in calls))
    return Turn((Message("user", (Text("hi"),)), earlier, result, asked, step, done))


def states(turn: Turn) -> list[str | None]:
    return [part.origin_state for message in turn.messages for part in message.parts if isinstance(part, ToolCall)]


def test_the_first_call_of_the_open_loop_is_signed_for_gemini_3() -> None:
    turn = loop(ToolCall("1", "look", "{}"), ToolCall("2", "look", "{}"))
    assert states(portable(turn, NEW)) == [None, STAND_IN, None]


@pytest.mark.parametrize("model", [OLD, "openai/gpt-5-mini", "anthropic/claude-haiku-4-5"])
def test_other_models_get_the_history_as_it_is(model: str) -> None:
    turn = loop(ToolCall("1", "look", "{}"))
    assert portable(turn, model) is turn


def test_a_signature_of_its_own_stays_and_another_s_is_replaced() -> None:
    own = loop(ToolCall("1", "look", "{}", origin=NEW, origin_state="genuine"))
    assert states(portable(own, NEW))[1] == "genuine"
    other = loop(ToolCall("1", "look", "{}", origin="anthropic", origin_state="theirs"))
    assert states(portable(other, NEW))[1] == STAND_IN


def test_a_turn_whose_loop_is_closed_needs_nothing() -> None:
    turn = loop(ToolCall("1", "look", "{}"))
    closed = Turn((*turn.messages, Message("user", (Text("thanks"),))))
    assert portable(closed, NEW) is closed
