from __future__ import annotations

from typing import Any

import pytest

from pointsman.domain.message import Message, Text, Tool
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, RequestError, UsageError
from pointsman.execution.ask import Ask
from pointsman.execution.python_tools import python_tool
from pointsman.library.asks import Said, WishArgs, Wishes, ask_of


def lookup(order_id: str) -> str:
    """Look up an order."""
    return order_id


REGISTERED = {"lookup": python_tool(lookup)}


def ask(said: Said, **wishes: Any) -> Ask:
    return ask_of(said, Wishes(**wishes), REGISTERED, stream=False).ask


def test_the_signature_and_the_struct_take_the_same() -> None:
    assert list(WishArgs.__annotations__) == list(Wishes.__struct_fields__)


def test_text_is_the_customers_last_message() -> None:
    asked = ask("Hello", system="Be brief.", history=[{"role": "user", "content": "Hi"}])
    assert [(message.role, message.text) for message in asked.turn.messages] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("user", "Hello"),
    ]
    assert asked.parts[-1] == ("message", b'{"role":"user","content":"Hello"}')
    assert asked.dialect == "library"


def test_neutral_messages_and_dicts_may_stand_together() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}
    history = [
        Message("user", (Text("Where is it?"),)),
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "in transit"},
    ]
    asked = ask("Thanks", history=history, tools=[lookup])
    assert [message.role for message in asked.turn.messages] == ["user", "assistant", "tool", "user"]
    assert [name for name, _ in asked.parts] == ["params", "tools", *["message"] * 4]


@pytest.mark.parametrize(
    "tool",
    [
        "lookup",
        lookup,
        REGISTERED["lookup"],
        REGISTERED["lookup"].tool,
        {"type": "function", "function": {"name": "lookup", "description": "Look up an order."}},
    ],
)
def test_a_tool_may_be_written_five_ways(tool: Any) -> None:
    (offered,) = ask("Hello", tools=[tool]).turn.tools
    assert (offered.name, offered.description) == ("lookup", "Look up an order.")


def test_a_turn_goes_as_it_is() -> None:
    turn = Turn((Message("user", (Text("Hello"),)),), tools=(Tool("lookup"),), max_output_tokens=9)
    asked = ask(turn, conversation_id="c")
    assert (asked.turn, asked.conversation_id) == (turn, "c")
    assert asked.parts[0] == ("params", b'{"model":"auto","max_output_tokens":9}')


def test_a_conversation_without_a_name_is_known_by_its_opening() -> None:
    first = ask("Hello", user="u")
    second = ask("And now?", user="u", history=[{"role": "user", "content": "Hello"}])
    other = ask("Hello", user="v")
    assert first.conversation_id == second.conversation_id != other.conversation_id
    assert not first.explicit_conversation


def test_metadata_may_name_the_conversation() -> None:
    assert ask("Hello", metadata={"conversation_id": "c-9"}).conversation_id == "c-9"


@pytest.mark.parametrize(
    ("said", "wishes", "error", "text"),
    [
        (7, {}, UsageError, "a turn is text, a list of messages or a Turn, not int"),
        (b"hi", {}, UsageError, "not bytes"),
        ({"role": "user", "content": "hi"}, {}, UsageError, "not dict"),
        ([7], {}, UsageError, "messages[0] is int"),
        ("hi", {"history": "before"}, UsageError, "history is a list of messages"),
        ([], {}, RequestError, "messages"),
        ([{"role": "user"}], {}, RequestError, "messages"),
        ([{"role": "nobody", "content": "hi"}], {}, RequestError, "messages.0.role"),
        ("hi", {"tools": ["nothing"]}, UsageError, "no tool 'nothing' is registered; registered: lookup"),
        ("hi", {"channel": "fax"}, RequestError, "'fax' is not chat, voice or email"),
        ("hi", {"conversation_id": ""}, RequestError, "1 to 128 printable characters"),
        ("hi", {"conversation_id": "a\nb"}, RequestError, "1 to 128 printable characters"),
        ("hi", {"options": {"model": "x"}}, UsageError, "'model' has a parameter of its own"),
        ("hi", {"options": {"stream": True}}, UsageError, "'stream' has a parameter of its own"),
        ("hi", {"options": {"temperature": 9}}, RequestError, "temperature"),
        ("hi", {"options": {"metadata_": object()}}, RequestError, "cannot be written as JSON"),
        ("hi", {"metadata": {"a": 1}}, RequestError, "metadata"),
        ("hi\ud800", {}, RequestError, "cannot be written as JSON"),
        (Turn(()), {}, RequestError, "at least one message"),
        (Turn((Message("user", ()),)), {"model": "x"}, UsageError, "a Turn holds messages"),
    ],
)
def test_what_cannot_be_a_turn_is_refused(
    said: Any, wishes: dict[str, Any], error: type[PointsmanError], text: str
) -> None:
    with pytest.raises(error) as caught:
        ask(said, **wishes)
    assert text in str(caught.value)
