"""Strict mode: hundreds of written traps, none accepted; right calls in every spelling, all accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.message import Message, Text, Tool, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case, Gold, GoldCall
from pointsman.evaluation.graders.strict import Strict
from pointsman.evaluation.grading_seam import is_write_error

TRAPS = Path(__file__).parents[3] / "data/grader_traps"
STRICT = Strict()
ID = {"type": "string"}
TOOLS = (
    Tool("get_order", parameters={"type": "object", "properties": {"order_id": ID}, "required": ["order_id"]}),
    Tool(
        "cancel_order",
        parameters={"type": "object", "properties": {"order_id": ID, "reason": ID}, "required": ["order_id"]},
    ),
    Tool(
        "refund",
        parameters={
            "type": "object",
            "properties": {
                "order_id": ID,
                "amount": {"type": "number"},
                "note": ID,
                "notify": {"type": "boolean", "default": True},
            },
            "required": ["order_id", "amount"],
        },
    ),
    Tool("shop.track", parameters={"type": "object", "properties": {"order_id": ID}, "required": ["order_id"]}),
    Tool("send_mail", parameters={"type": "object", "properties": {"to": ID, "text": ID}, "required": ["to"]}),
)


def case(gold: Gold, tools: tuple[Tool, ...] = TOOLS) -> Case:
    return Case("c", "c", "test", Turn((Message("user", (Text("Hi"),)),), tools=tools), gold)


def answer(*calls: tuple[str, Any]) -> Answer:
    parts = tuple(
        ToolCall(f"c{n}", name, given if isinstance(given, str) else json.dumps(given))
        for n, (name, given) in enumerate(calls)
    )
    return Answer("c", "m", 0, "recorded", reply=Reply("r", "m", parts, "tool_use"))


def wanted(*calls: tuple[str, dict[str, Any]]) -> Gold:
    return Gold(
        "calls",
        tuple(
            GoldCall(name, {key: tuple(one) if isinstance(one, list) else (one,) for key, one in values.items()})
            for name, values in calls
        ),
    )


def graded(gold: Gold, *calls: tuple[str, Any]) -> Grade:
    return STRICT.grade(case(gold), answer(*calls))


def entries(name: str) -> list[Any]:
    found: list[Any] = yaml.safe_load((TRAPS / name).read_text(encoding="utf-8"))
    return found


def one_value(entry: dict[str, Any], given: Any) -> Grade:
    name, schema = entry["argument"], entry["schema"]
    properties = {} if schema is None else {name: schema}
    reasons = {"reason": {"type": "string", "enum": ["not_received", "received", "damaged"]}}
    tool = Tool("change_booking", parameters={"type": "object", "properties": properties, "$defs": reasons})
    gold = Gold("calls", (GoldCall("change_booking", {name: (entry["right"],)}),))
    return STRICT.grade(case(gold, (tool,)), answer(("change_booking", {name: given})))


VALUES = [(entry, wrong) for entry in entries("values.yaml") for wrong in entry["wrong"]]
RIGHT = [(entry, spelling) for entry in entries("right.yaml") for spelling in entry["spellings"]]
CALLS = entries("calls.yaml")


def test_there_are_enough_traps() -> None:
    assert len(VALUES) + len(CALLS) >= 300
    assert len(RIGHT) >= 100


def test_no_wrong_value_is_accepted() -> None:
    told = [(entry["about"], wrong, one_value(entry, wrong)) for entry, wrong in VALUES]
    assert [(about, wrong) for about, wrong, grade in told if grade.passed is not False] == []
    kinds = [entry.get("kind", "wrong_value") for entry, _ in VALUES]
    misnamed = [
        (about, wrong, grade.kind)
        for (about, wrong, grade), kind in zip(told, kinds, strict=True)
        if grade.kind != kind
    ]
    assert misnamed == []


def test_right_values_are_accepted_in_every_spelling() -> None:
    told = [(entry["argument"], spelling, one_value(entry, spelling)) for entry, spelling in RIGHT]
    assert [(name, spelling, grade.text) for name, spelling, grade in told if not grade.passed] == []


def test_every_right_value_of_the_traps_is_accepted_as_it_stands() -> None:
    assert all(one_value(entry, entry["right"]).passed for entry in entries("values.yaml"))


@pytest.mark.parametrize("trap", CALLS, ids=lambda trap: trap["about"])
def test_no_wrong_answer_is_accepted(trap: dict[str, Any]) -> None:
    named = {"none": Gold("no_call"), "reply": Gold("reply", reply="Sure?")}
    gold = named[trap["gold"]] if isinstance(trap["gold"], str) else wanted(*trap["gold"])
    if "text" in trap:
        given = Answer("c", "m", 0, "recorded", text_calls=trap["text"])
    else:
        calls = [(name, "[" * 100_000 if value == "[[[[NEST" else value) for name, value in trap["calls"]]
        given = answer(*calls)
    grade = STRICT.grade(case(gold), given)
    assert (grade.passed, grade.kind) == (False, trap["kind"]), grade.text


def test_calls_are_paired_at_best_not_greedily() -> None:
    gold = wanted(("get_order", {"order_id": ["A1", "B2"]}), ("get_order", {"order_id": "A1"}))
    assert graded(gold, ("get_order", {"order_id": "A1"}), ("get_order", {"order_id": "B2"})).passed
    assert graded(gold, ("get_order", {"order_id": "B2"}), ("get_order", {"order_id": "A1"})).passed


def test_one_call_never_counts_for_two() -> None:
    gold = wanted(("get_order", {"order_id": "A1"}), ("get_order", {"order_id": "A1"}))
    assert graded(gold, ("get_order", {"order_id": "A1"})).kind == "missing_call"
    assert graded(gold, ("get_order", {"order_id": "A1"}), ("get_order", {"order_id": "A1"})).passed


def test_a_wrong_write_costs_everything_a_wrong_look_up_its_share() -> None:
    gold = wanted(("get_order", {"order_id": "A1"}), ("refund", {"order_id": "A1", "amount": 5}))
    look = graded(gold, ("get_order", {"order_id": "A2"}), ("refund", {"order_id": "A1", "amount": 5}))
    write = graded(gold, ("get_order", {"order_id": "A1"}), ("refund", {"order_id": "A1", "amount": 50}))
    assert (look.score, is_write_error(look)) == (0.5, False)
    assert (write.score, is_write_error(write)) == (0.0, True)
    assert "calls[1]/amount = 50, wanted 5" in write.text


def test_the_gold_says_whether_a_tool_writes() -> None:
    gold = Gold("calls", (GoldCall("send_mail", {"to": ("a@x.com",)}, writes=False),))
    assert not is_write_error(graded(gold, ("send_mail", {"to": "b@x.com"})))


def test_defaults_and_nulls_are_as_good_as_left_out() -> None:
    gold = wanted(("refund", {"order_id": "A1", "amount": 5}))
    assert graded(gold, ("refund", {"order_id": "A1", "amount": 5, "notify": True})).passed
    assert graded(gold, ("refund", {"order_id": "A1", "amount": 5, "notify": False})).kind == "invented_argument"
    assert graded(gold, ("refund", {"order_id": "A1", "amount": 5, "note": None})).kind == "invented_argument"
    nullable = Tool(
        "x",
        parameters={"properties": {"a": {"type": "string"}, "b": {"type": ["string", "null"]}}, "required": ["a", "b"]},
    )
    bare = Gold("calls", (GoldCall("x", {"a": ("v",)}),))
    assert STRICT.grade(case(bare, (nullable,)), answer(("x", {"a": "v", "b": None}))).passed


def test_optional_arguments_may_be_left_out_unless_the_schema_requires_them() -> None:
    gold = Gold(
        "calls",
        (GoldCall("cancel_order", {"order_id": ("A1",), "reason": ("late",)}, frozenset({"reason", "order_id"})),),
    )
    assert graded(gold, ("cancel_order", {"order_id": "A1"})).passed
    assert graded(gold, ("cancel_order", {"reason": "late"})).kind == "missing_argument"


def test_an_api_s_spelling_of_a_dotted_name_is_the_tool_s_own() -> None:
    assert graded(wanted(("shop.track", {"order_id": "A1"})), ("shop_track", {"order_id": "A1"})).passed


def test_no_say_without_gold_and_no_answer_is_a_failure() -> None:
    bare = Case("c", "c", "test", Turn((Message("user", (Text("Hi"),)),)))
    assert STRICT.grade(bare, answer()).passed is None
    assert (
        STRICT.grade(case(wanted(("get_order", {}))), Answer("c", "m", 0, "live", error="timeout")).kind == "no_answer"
    )
    assert graded(Gold("no_call")).passed
    assert graded(Gold("reply", reply="Hello"), ("get_order", {"order_id": "A1"})).passed is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["order_id", "amount", "note", "date", "phone", "x"])
ARGUMENTS = st.dictionaries(NAMES, JSON, max_size=4)


@given(ARGUMENTS)
def test_the_gold_itself_is_always_right(arguments: dict[str, Any]) -> None:
    gold = Gold("calls", (GoldCall("mystery", {key: (one,) for key, one in arguments.items()}),))
    assert STRICT.grade(case(gold, ()), answer(("mystery", arguments))).passed


@given(ARGUMENTS, ARGUMENTS)
def test_what_is_accepted_differs_in_no_type_and_no_name(right: dict[str, Any], other: dict[str, Any]) -> None:
    gold = Gold("calls", (GoldCall("mystery", {key: (one,) for key, one in right.items()}),))
    if STRICT.grade(case(gold, ()), answer(("mystery", other))).passed:
        # A null that is right may be left out.
        assert {key for key, one in right.items() if one is not None} <= other.keys() <= right.keys()
        kinds = [({type(one), type(other.get(key))}, one) for key, one in right.items()]
        assert all(len(types) == 1 or types == {int, float} for types, _ in kinds)


@given(st.lists(st.sampled_from(["A1", "B2", "C3"]), min_size=1, max_size=5), st.randoms())
def test_the_order_of_calls_does_not_count(orders: list[str], chance: Any) -> None:
    shuffled = chance.sample(orders, len(orders))
    gold = wanted(*[("get_order", {"order_id": order}) for order in orders])
    assert graded(gold, *[("get_order", {"order_id": order}) for order in shuffled]).passed
    assert not graded(gold, *[("get_order", {"order_id": order}) for order in shuffled[:-1]]).passed


@given(st.text(max_size=50))
def test_any_text_of_arguments_gets_a_grade(text: str) -> None:
    grade = graded(wanted(("get_order", {"order_id": "A1"})), ("get_order", text))
    assert grade.passed is False


def test_leaving_out_is_as_good_as_a_null_that_is_right() -> None:
    gold = Gold("calls", (GoldCall("cancel_order", {"order_id": ("A1",), "reason": (None, "late")}),))
    assert graded(gold, ("cancel_order", {"order_id": "A1"})).passed
    assert graded(gold, ("cancel_order", {"order_id": "A1", "reason": "early"})).kind == "wrong_value"
