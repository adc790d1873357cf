"""Size, tools, modality, personal data: what the turn carries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pointsman.domain.message import Document, Image, Message, Text, Tool, ToolCall, ToolChoice, ToolResult
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.routing.signals import as_plain, measure_all

Measure = Callable[..., dict[str, Any]]

TOOLS = tuple(
    Tool(name, text)
    for name, text in [
        ("get_order", "Look up an order by its number."),
        ("issueRefund", "Pay money back for an order."),
        ("search_flights", "Find flights between two cities."),
        ("reset_password", "Send a link for a new password."),
    ]
)


def plain(*messages: Message, **settings: object) -> dict[str, dict[str, Any]]:
    return as_plain(measure_all(Turn(messages=messages, **settings), EMPTY_SESSION))  # type: ignore[arg-type]


def user(*parts: Text | Image | Document) -> Message:
    return Message("user", parts)


def test_size_counts_the_last_user_turn_and_the_whole_prompt() -> None:
    found = plain(Message("system", (Text("s" * 400),)), user(Text("u" * 40)), tools=TOOLS)["size"]
    assert found["tokens"] == 14
    assert found["prompt_tokens"] > 118
    assert found["attachments"] == 0


def test_user_messages_side_by_side_are_one_turn() -> None:
    found = plain(user(Text("a" * 40)), user(Text("b" * 40)))
    assert found["size"]["tokens"] == 28
    assert found["history"]["turns"] == 1


def test_an_image_counts_by_kind_and_stays_needed_in_later_turns() -> None:
    messages = (
        user(Text("look"), Image("image/png", data="A" * 400_000)),
        Message("assistant", (Text("I see"),)),
        user(Text("and?")),
    )
    assert plain(messages[0])["size"]["tokens"] == 1505
    later = plain(*messages)
    assert later["modality"] == {"needs": ["image"], "image": True, "audio": False, "pdf": False}
    assert later["size"]["attachments"] == 0


def test_documents_by_media_type() -> None:
    found = plain(user(Document("application/pdf"), Document("audio/wav"), Document("text/csv", data="AAAA")))[
        "modality"
    ]
    assert found == {"needs": ["audio", "pdf"], "image": False, "audio": True, "pdf": True}


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("Where is my order 5512?", True),
        ("cancel my flight please", True),
        ("Book a table for two at eight", True),
        ("Please reimburse the shipping fee.", True),
        ("What is your refund policy?", False),
        ("How do I clean the filter?", False),
        ("thanks, bye", False),
        ("hello", False),
    ],
)
def test_tool_need_comes_from_the_text_with_or_without_tools(measure: Measure, text: str, needed: bool) -> None:
    assert measure("tools", text)["needed"] is needed


def test_matched_tools_best_first(measure: Measure) -> None:
    assert measure("tools", "find me flights to Oslo", tools=TOOLS)["matched"][0] == "search_flights"
    assert measure("tools", "a refund for the order please", tools=TOOLS)["matched"][0] == "issueRefund"
    assert measure("tools", "hello", tools=TOOLS)["matched"] == []


def test_tool_choice_decides_over_the_text() -> None:
    hello = user(Text("hello"))
    assert plain(hello, tool_choice=ToolChoice("required"))["tools"]["needed"] is True
    asked = user(Text("where is my order 5512"))
    assert plain(asked, tool_choice=ToolChoice("none"))["tools"]["needed"] is False


@pytest.mark.parametrize(
    ("content", "flag", "failed"),
    [
        ('{"status": "shipped"}', False, False),
        ('{"error": null, "items": []}', False, False),
        ("Error: order not found", False, True),
        ('{"error": "timeout"}', False, True),
        ('{"success": false}', False, True),
        ("ok", True, True),
    ],
)
def test_an_open_loop_and_its_last_failure(content: str, flag: bool, failed: bool) -> None:
    found = plain(
        user(Text("where is it")),
        Message("assistant", (ToolCall("c", "get_order", "{}"),)),
        Message("tool", (ToolResult("c", (Text(content),), is_error=flag),)),
    )["tools"]
    assert (found["in_loop"], found["last_failed"]) == (True, failed)


@pytest.mark.parametrize(
    ("text", "kinds", "sensitive"),
    [
        ("mail me at ada@example.org", ["email"], False),
        ("card 4242 4242 4242 4242", ["card"], True),
        ("card 4242 4242 4242 4243", [], False),
        ("IBAN DE89 3704 0044 0532 0130 00 please", ["iban"], True),
        ("DE88370400440532013000", [], False),
        ("ssn 219-09-9999", ["ssn"], True),
        ("call +44 7700 900123", ["phone"], False),
        ("(555) 014-2277", ["phone"], False),
        ("order 884512009", [], False),
        ("it is 4411-2233-5566", [], False),
        ("tracking number 555-014-2277", [], False),
        ("born on 14 March 1986", ["dob"], False),
        ("I live at 48 Harbour Street", ["address"], False),
        ("Hauptstraße 5, Berlin", ["address"], False),
        ("wait 5 days on the street", [], False),
        ("my password is hunter2!", ["password"], True),
        ("my password is not working", [], False),
        ("I was diagnosed with epilepsy", ["health"], True),
        ("my tax id is 86095742719", ["national_id"], True),
        ("DNI 12345678Z", ["national_id"], True),
        ("card ４２４２４２４２４２４２４２４２", ["card"], True),
        ("the key is sk-live-abcdefghijklmnop1234", ["secret"], True),
        ("api_key=abcdef0123456789abcdef", ["secret"], True),
        ("hello", [], False),
    ],
)
def test_personal_data(measure: Measure, text: str, kinds: list[str], sensitive: bool) -> None:
    assert measure("personal_data", text) == {"present": bool(kinds), "kinds": kinds, "sensitive": sensitive}


def test_personal_data_of_earlier_turns_still_counts(measure: Measure) -> None:
    assert measure("personal_data", "thanks", "card 4242 4242 4242 4242", "Noted.")["sensitive"] is True
