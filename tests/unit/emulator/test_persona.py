"""The default persona: deterministic, useful, and honest about its schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it ships no annotations

from pointsman.emulator.app import Emulator
from pointsman.emulator.filling import Filler, ids_in
from support.emulated import chat, generate, message

ORDER_SCHEMA = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
GET_ORDER = {
    "type": "function",
    "function": {"name": "get_order", "description": "Look up an order", "parameters": ORDER_SCHEMA},
}
REFUND = {
    "type": "function",
    "function": {
        "name": "refund_payment",
        "description": "Refund a payment",
        "parameters": {
            "type": "object",
            "properties": {
                "order_id": {"type": "string"},
                "amount": {"type": "number"},
                "reason": {"type": "string", "enum": ["damaged", "late"]},
            },
            "required": ["order_id", "reason"],
        },
    },
}


def first_choice(answer: Any) -> Any:
    return answer.json["choices"][0]


def calls(answer: Any) -> list[tuple[str, str]]:
    found = first_choice(answer)["message"].get("tool_calls", [])
    return [(call["function"]["name"], call["function"]["arguments"]) for call in found]


def test_the_same_request_gets_the_same_answer_and_models_differ_in_wording() -> None:
    def text(model: str, seed: int = 0) -> str:
        return str(first_choice(chat(Emulator(seed=seed), "How do I return shoes?", model))["message"]["content"])

    assert text("gpt-4o") == text("gpt-4o")
    assert all("within 30 days" in text(model) for model in ("gpt-4o", "gpt-5.5", "llama3.1"))
    assert len({text("gpt-4o", seed) for seed in range(8)}) > 1


def test_it_calls_the_fitting_tool_with_the_id_from_the_text() -> None:
    answer = chat(Emulator(), "Where is order A-10023?", tools=[REFUND, GET_ORDER])
    assert calls(answer) == [("get_order", '{"order_id":"A-10023"}')]
    assert first_choice(answer)["finish_reason"] == "tool_calls"


def test_two_ids_make_two_parallel_calls_unless_forbidden() -> None:
    text = "Where are orders 10023 and 10024?"
    assert [arguments for _, arguments in calls(chat(Emulator(), text, tools=[GET_ORDER]))] == [
        '{"order_id":"10023"}',
        '{"order_id":"10024"}',
    ]
    assert len(calls(chat(Emulator(), text, tools=[GET_ORDER], parallel_tool_calls=False))) == 1


def test_it_asks_for_a_missing_id_rather_than_invent_one() -> None:
    answer = chat(Emulator(), "I want a refund for my payment, it came damaged", tools=[REFUND])
    assert calls(answer) == []
    assert "order id" in first_choice(answer)["message"]["content"]


def test_go_ahead_acts_on_what_was_asked_before() -> None:
    messages = [
        {"role": "user", "content": "Please refund the payment of $19.50 for order 10023, it was late"},
        {"role": "assistant", "content": "Shall I refund it?"},
        {"role": "user", "content": "Yes"},
    ]
    assert calls(chat(Emulator(), messages=messages, tools=[REFUND, GET_ORDER])) == [
        ("refund_payment", '{"order_id":"10023","amount":19.5,"reason":"late"}')
    ]


def test_a_question_without_ids_is_answered_plainly_although_tools_are_offered() -> None:
    assert calls(chat(Emulator(), "What are your opening hours?", tools=[GET_ORDER])) == []


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_order"}}])
def test_a_forced_tool_is_called(choice: Any) -> None:
    assert calls(chat(Emulator(), "Hello", tools=[GET_ORDER], tool_choice=choice))[0][0] == "get_order"


def test_it_answers_from_tool_results_and_admits_errors() -> None:
    def told(result: str) -> str:
        call = {"id": "c1", "type": "function", "function": {"name": "get_order", "arguments": "{}"}}
        messages = [
            {"role": "user", "content": "Where is order 10023?"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": result},
        ]
        return str(first_choice(chat(Emulator(), messages=messages, tools=[GET_ORDER]))["message"]["content"])

    assert "status is shipped" in told('{"status": "shipped"}')
    assert "could not finish that: no such order" in told('{"error": "no such order"}')


def test_structured_output_is_a_valid_instance_in_every_dialect() -> None:
    schema = {
        "type": "object",
        "properties": {"intent": {"type": "string", "enum": ["refund", "status"]}, "urgent": {"type": "boolean"}},
        "required": ["intent", "urgent"],
        "additionalProperties": False,
    }
    shape = {"type": "json_schema", "json_schema": {"name": "r", "strict": True, "schema": schema}}
    expected = '{"intent":"status","urgent":true}'
    text = "What is the status of my order?"
    assert first_choice(chat(Emulator(), text, response_format=shape))["message"]["content"] == expected
    config: dict[str, Any] = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    assert message(Emulator(), text, **config).json["content"][0]["text"] == expected
    wanted: dict[str, Any] = {
        "generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": schema}
    }
    parts = generate(Emulator(), text, **wanted).json["candidates"][0]["content"]["parts"]
    assert parts[0]["text"] == expected


def test_max_tokens_and_stop_strings_cut_the_answer() -> None:
    short = first_choice(chat(Emulator(), "How do I return shoes?", max_tokens=5))
    assert (short["finish_reason"], len(short["message"]["content"])) == ("length", 20)
    for most in range(1, 60):
        cut = chat(Emulator(), "How do I return shoes?", model="gpt-5-mini", max_completion_tokens=most).json
        assert cut["usage"]["completion_tokens"] <= most
        assert cut["choices"][0]["finish_reason"] == "stop" or cut["usage"]["completion_tokens"] == most
    stopped = message(Emulator(), "How do I return shoes?", stop_sequences=["days"]).json
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "days")
    assert stopped["content"][0]["text"].endswith("within 30 ")


def test_reasoning_is_counted_within_output_and_shown_as_each_dialect_does() -> None:
    usage = chat(Emulator(), model="gpt-5-mini").json["usage"]
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] < usage["completion_tokens"]
    shown = message(Emulator(), model="claude-opus-4-8", thinking={"type": "adaptive"}).json
    assert [block["type"] for block in shown["content"]] == ["thinking", "text"]
    assert 0 < shown["usage"]["output_tokens_details"]["thinking_tokens"] < shown["usage"]["output_tokens"]
    counts = generate(Emulator(), model="gemini-2.5-flash").json["usageMetadata"]
    thought, candidates = counts["thoughtsTokenCount"], counts["candidatesTokenCount"]
    assert counts["totalTokenCount"] == counts["promptTokenCount"] + candidates + thought


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("order #10023 and W-99881", ["10023", "W-99881"]),
        ("my booking ABC123 on 2026-01-15", ["ABC123"]),
        ("I have 2 cats", []),
        ("a charge of $150 or 149.99, 300 dollars", []),
        ("no id here", []),
    ],
)
def test_ids_are_told_from_dates_and_small_numbers(text: str, found: list[str]) -> None:
    assert ids_in(text) == found


leaves = st.one_of(
    st.just({"type": "string"}),
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
        st.integers(-9, 9),
        st.integers(0, 9),
    ),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, st.integers(-9, 9)),
    st.builds(lambda words: {"enum": words}, st.lists(st.text(max_size=5), min_size=1, max_size=3, unique=True)),
    st.builds(
        lambda a, b: {"type": "string", "minLength": a, "maxLength": a + b}, st.integers(0, 9), st.integers(0, 300)
    ),
    st.just({"type": ["string", "null"]}),
    st.builds(lambda word: {"const": word}, st.text(max_size=5)),
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda item, least: {"type": "array", "items": item, "minItems": least}, inner, st.integers(0, 3)),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(
            lambda fields: {
                "type": "object",
                "properties": fields,
                "required": list(fields),
                "additionalProperties": False,
            },
            st.dictionaries(st.sampled_from(["order_id", "amount", "date", "email", "note", "ids"]), inner, max_size=4),
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(schema=schemas)
def test_every_made_instance_is_valid(schema: dict[str, Any]) -> None:
    """Law: what the filler makes satisfies the schema, whatever the conversation offers."""
    value = Filler(("Refund order 10023 by 2026-01-15, 12.50 to ann@example.com",)).instance(schema)
    Draft202012Validator(schema).validate(value)
