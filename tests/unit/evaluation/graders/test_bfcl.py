"""BFCL mode: the leaderboard's rules, odd ones included."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pointsman.domain.message import Message, Text, Tool, ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case, Gold, GoldCall
from pointsman.evaluation.graders.bfcl import Bfcl
from pointsman.evaluation.grading_bfcl import mode_of, oracle_of

PAY = {
    "name": "shop.pay",
    "parameters": {
        "type": "dict",
        "properties": {
            "amount": {"type": "float"},
            "count": {"type": "integer"},
            "order": {"type": "string"},
            "items": {"type": "array", "items": {"type": "string"}},
            "to": {"type": "dict"},
        },
        "required": ["amount"],
    },
}


def case(gold: Any, category: str = "simple") -> Case:
    turn = Turn((Message("user", (Text("Pay."),)),))
    wanted = Gold("no_call" if category == "relevance" else "calls", oracle=oracle_of(category, "python", [PAY], gold))
    return Case("c", "c", "bfcl", turn, wanted)


def native(*calls: tuple[str, Any]) -> Answer:
    parts = tuple(ToolCall(f"c{n}", name, json.dumps(given)) for n, (name, given) in enumerate(calls))
    return Answer("c", "m", 0, "recorded", reply=Reply("r", "m", parts, "tool_use"))


def text(written: str) -> Answer:
    return Answer("c", "m", 0, "recorded", text_calls=written)


def said(gold: dict[str, Any], given: dict[str, Any]) -> str | None:
    return Bfcl().grade(case([{"shop.pay": gold}]), native(("shop_pay", given))).kind


@pytest.mark.parametrize(
    ("gold", "given", "kind"),
    [
        ({"amount": [12.5]}, {"amount": 12.5}, None),
        ({"amount": [12.0]}, {"amount": 12}, None),
        ({"amount": [1.0]}, {"amount": True}, "wrong_type"),
        ({"amount": [1.0], "count": [5]}, {"amount": 1.0, "count": 5.0}, "wrong_type"),
        ({"amount": [1.0], "count": [5]}, {"amount": 1.0, "count": "5"}, "wrong_type"),
        ({"amount": [1.0], "count": [5]}, {"amount": 1.0}, "missing_argument"),
        ({"amount": [1.0], "count": [5, ""]}, {"amount": 1.0}, None),
        ({"amount": [1.0]}, {}, "missing_argument"),
        ({"amount": [1.0]}, {"amount": 1.0, "count": 1}, "invented_argument"),
        ({"amount": [1.0]}, {"amount": 1.0, "tip": 1}, "invented_argument"),
        # Right for a leaderboard, wrong for a refund: the strict grader says so.
        ({"amount": [1.0], "order": ["12.50"]}, {"amount": 1.0, "order": "1250"}, None),
        ({"amount": [1.0], "order": ["ORD-1/2"]}, {"amount": 1.0, "order": "ord12"}, None),
        ({"amount": [1.0], "order": ["a"]}, {"amount": 1.0, "order": "b"}, "wrong_value"),
        ({"amount": [1.0], "items": [["a", "b"]]}, {"amount": 1.0, "items": ["b", "a"]}, "wrong_value"),
        ({"amount": [1.0], "items": [["a"]]}, {"amount": 1.0, "items": [1]}, "wrong_type"),
        ({"amount": [1.0], "to": [{"x": [1]}]}, {"amount": 1.0, "to": {"x": True}}, None),
        ({"amount": [1.0], "to": [{"x": [1]}]}, {"amount": 1.0, "to": {}}, "wrong_value"),
    ],
)
def test_the_leaderboard_s_rules(gold: dict[str, Any], given: dict[str, Any], kind: str | None) -> None:
    assert said(gold, given) == kind


def test_parallel_calls_are_matched_greedily() -> None:
    either = [{"shop.pay": {"amount": [1.0, 2.0]}}, {"shop.pay": {"amount": [1.0]}}]
    grader, both = Bfcl(), case(either, "parallel_function")
    assert grader.grade(both, native(("shop.pay", {"amount": 2.0}), ("shop.pay", {"amount": 1.0}))).passed
    assert not grader.grade(both, native(("shop.pay", {"amount": 1.0}), ("shop.pay", {"amount": 2.0}))).passed
    assert grader.grade(both, native(("shop.pay", {"amount": 1.0}))).kind == "missing_call"


def test_older_data_sets_number_their_calls() -> None:
    both = case({"shop.pay_1": {"amount": [1.0]}, "shop.pay_2": {"amount": [2.0]}}, "parallel_function")
    assert Bfcl().grade(both, text("[shop.pay(amount=2.0), shop.pay(amount=1.0)]")).passed


def test_a_case_that_wants_no_call() -> None:
    none = case([], "relevance")
    assert Bfcl().grade(none, text("I cannot do that.")).passed
    assert Bfcl().grade(none, text("[]")).passed
    assert Bfcl().grade(none, text("shop.pay(amount=1)")).kind == "call_not_wanted"
    assert Bfcl().grade(none, native(("shop.pay", {}))).kind == "call_not_wanted"


def test_flattened_names_count_only_where_the_api_forced_them() -> None:
    wanted = case([{"shop.pay": {"amount": [1.0]}}])
    assert Bfcl().grade(wanted, native(("shop_pay", {"amount": 1.0}))).passed
    assert Bfcl(flattened=False).grade(wanted, native(("shop_pay", {"amount": 1.0}))).kind == "wrong_tool"
    assert Bfcl().grade(wanted, text("shop_pay(amount=1.0)")).kind == "wrong_tool"
    assert Bfcl().version != Bfcl(flattened=False).version


def test_gold_of_any_case_can_be_graded() -> None:
    tool = Tool(
        "refund", parameters={"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}
    )
    gold = Gold("calls", (GoldCall("refund", {"amount": (5.0,)}),))
    mine = Case("c", "c", "x", Turn((Message("user", (Text("Hi"),)),), tools=(tool,)), gold)
    assert Bfcl().grade(mine, native(("refund", {"amount": 5}))).passed
    assert Bfcl().grade(mine, native(("refund", {"amount": "5"}))).kind == "wrong_type"


def test_no_say_and_no_answer() -> None:
    bare = Case("c", "c", "x", Turn((Message("user", (Text("Hi"),)),)))
    assert Bfcl().grade(bare, native()).passed is None
    failed = Answer("c", "m", 0, "live", error="timeout")
    assert Bfcl().grade(case([{"shop.pay": {"amount": [1.0]}}]), failed).kind == "no_answer"


JAVA: dict[str, tuple[str, str, list[Any]]] = {
    "size": ("integer", "5", [5]),
    "total": ("long", "5L", [5]),
    "share": ("float", "0.5f", [0.5]),
    "on": ("boolean", "true", [True]),
    "names": ("ArrayList", 'new ArrayList<>(Arrays.asList("a", "b"))', [["a", "b"]]),
    "codes": ("Array", "new int[]{1, 2}", [[1, 2]]),
    "map": ("HashMap", 'new HashMap<String, Object>() {{ put("k", 1); }}', [{"k": [1]}]),
}


@pytest.mark.parametrize("name", list(JAVA))
def test_java_values_stand_as_text(name: str) -> None:
    kind, written, allowed = JAVA[name]
    details = {"type": kind, "items": {"type": "String" if name == "names" else "integer"}}
    function = {"name": "Shop.run", "parameters": {"properties": {name: details}, "required": [name]}}
    gold = Gold("calls", oracle=oracle_of("java", "java", [function], {"Shop.run": {name: allowed}}))
    asked = Case("c", "c", "bfcl", Turn((Message("user", (Text("Run."),)),)), gold)
    assert Bfcl().grade(asked, native(("Shop_run", {name: written}))).passed
    assert Bfcl().grade(asked, native(("Shop_run", {name: written + "x"}))).passed is (
        name in ("names", "codes", "map")
    )
    assert Bfcl().grade(asked, native(("Shop_run", {name: allowed[0]}))).kind == "wrong_type"
    assert Bfcl().grade(asked, text("Shop.run()")).passed is None


def test_what_the_original_breaks_off_at_is_refused() -> None:
    assert said({"amount": [1.0], "to": [{"x": 3}]}, {"amount": 1.0, "to": {"x": 1}}) == "unreadable_call"
    assert said({"amount": [1.0]}, {"amount": 10**400}) == "unreadable_call"


@pytest.mark.parametrize(
    ("category", "mode"),
    [
        ("simple", "simple"),
        ("live_multiple", "multiple"),
        ("parallel_multiple_function", "parallel"),
        ("relevance", "irrelevance"),
        ("live_relevance", "relevance"),
    ],
)
def test_modes(category: str, mode: str) -> None:
    assert mode_of(category) == mode
