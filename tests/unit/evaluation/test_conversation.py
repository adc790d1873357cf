from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.message import Message, Text, Tool, ToolCall, ToolResult
from pointsman.evaluation.conversation import Conversation, recorded_turns, turns

ROLES = st.lists(st.sampled_from(["system", "user", "assistant", "tool"]), max_size=12)


def conversation(*roles: str) -> Conversation:
    messages = tuple(Message(role, (Text(f"{n}"),)) for n, role in enumerate(roles))  # type: ignore[arg-type]
    return Conversation("c", "test", messages, (Tool("look"),), "voice")


def test_a_turn_ends_with_the_customers_message_and_carries_the_tools() -> None:
    first, second = turns(conversation("system", "user", "assistant", "user"))

    assert [message.role for message in first.messages] == ["system", "user"]
    assert [message.text for message in second.messages] == ["0", "1", "2", "3"]
    assert second.tools == (Tool("look"),)
    assert second.channel == "voice"


def test_calls_and_results_belong_to_the_answer() -> None:
    call = Message("assistant", (ToolCall("1", "look", "{}"),))
    result = Message("tool", (ToolResult("1", (Text("ok"),)),))
    said = Message("assistant", (Text("done"),))
    asked = Message("user", (Text("hi"),))

    (only,) = recorded_turns(Conversation("c", "test", (asked, call, result, said)))

    assert only.answer == (call, result, said)


@given(ROLES)
def test_turns_and_answers_put_together_are_the_conversation(roles: list[str]) -> None:
    whole = conversation(*roles)
    parts = list(recorded_turns(whole))

    assert len(parts) == roles.count("user")
    for part in parts:
        end = len(part.turn.messages) + len(part.answer)
        assert part.turn.messages + part.answer == whole.messages[:end]
