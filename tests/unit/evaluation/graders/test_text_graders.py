"""The graders of replies: on their written sets, and what they do where there is nothing to say."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.message import Message, OutputFormat, Refusal, Text, Tool, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case, Gold, GoldCall, Taped
from pointsman.evaluation.graders.registry import grader, graders

BENCHMARK = Path(__file__).parents[4] / "benchmarks/grader_quality.py"
FLOORS = {"precision": 0.9, "recall": 0.9}


def quality() -> ModuleType:
    """Return the benchmark that reads the written sets."""
    spec = importlib.util.spec_from_file_location("grader_quality", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["grader_quality"] = module
    spec.loader.exec_module(module)
    return module


QUALITY = quality()


def case(
    *messages: Message, gold: Gold | None = None, tools: tuple[Tool, ...] = (), tape: tuple[Taped, ...] = ()
) -> Case:
    return Case("c", "c", "test", Turn(messages or (Message("user", (Text("Hi"),)),), tools=tools), gold, tape)


def said(text: str, *calls: ToolCall) -> Answer:
    return Answer(
        "c", "m", 0, "recorded", reply=Reply("r", "m", (Text(text), *calls), "tool_use" if calls else "end_turn")
    )


def graded(name: str, case_: Case, answer: Answer) -> Grade:
    return grader(name).grade(case_, answer)


@pytest.mark.parametrize("name", list(QUALITY.READERS))
def test_written_sets(name: str) -> None:
    halves = QUALITY.measure(name).values()
    hit, alarm, miss = (sum(getattr(tally, field) for tally in halves) for field in ("hit", "alarm", "miss"))
    assert sum(tally.hit + tally.alarm + tally.miss + tally.quiet for tally in halves) >= 60
    assert hit / (hit + alarm) >= FLOORS["precision"], [tally.errors for tally in halves]
    assert hit / (hit + miss) >= FLOORS["recall"], [tally.errors for tally in halves]


def test_the_registry_names_every_grader_once_and_hints() -> None:
    names = [one.name for one in graders()]
    assert len(set(names)) == len(names) >= 11
    assert all(grader(name).name == name and len(grader(name).version) == 8 for name in names)
    with pytest.raises(UsageError, match="did you mean strict"):
        grader("strickt")


def test_no_say_where_there_is_nothing_to_say() -> None:
    failed = Answer("c", "m", 0, "live", error="timeout")
    for one in graders():
        assert one.grade(case(), failed).passed is None, one.name
    assert graded("schema_conformance", case(), said("hello")).passed is None
    assert graded("contradicts_tool_result", case(), said("It costs $5")).passed is None
    assert graded("must_mention", case(gold=Gold("reply")), said("hello")).passed is None
    assert graded("changed_mind", case(gold=Gold("calls", (GoldCall("x", {}),))), said("hello")).passed is None
    assert graded("language", case(Message("user", (Text("ok"),))), said("A-17")).passed is None


def test_claims_name_their_kind() -> None:
    name = "claims_action_without_call"
    refused = ToolResult("c1", (Text("Error: too late"),), is_error=True)
    tried = (
        Message("user", (Text("Refund me"),)),
        Message("assistant", (ToolCall("c1", "refund", "{}"),)),
        Message("tool", (refused,)),
    )
    assert graded(name, case(), said("I've refunded you.")).kind == "claims_action"
    assert graded(name, case(*tried), said("I've refunded you.")).kind == "claims_after_failure"
    assert graded(name, case(), said("I've checked your order, all is fine.")).kind == "claims_lookup"
    assert graded(name, case(), said("I've refunded you.", ToolCall("c2", "refund", "{}"))).passed


def test_contradictions_name_their_kind_and_read_the_tape() -> None:
    name = "contradicts_tool_result"
    tape = (
        Taped("get_order", {}, ToolResult("c1", (Text('{"status": "in_transit", "total": 20, "refund_fee": 5}'),))),
    )
    assert graded(name, case(tape=tape), said("It was delivered.")).kind == "wrong_status"
    assert graded(name, case(tape=tape), said("The refund fee is $20.")).kind == "wrong_fact"
    assert graded(name, case(tape=tape), said("That is $33.")).kind == "unknown_fact"
    assert graded(name, case(tape=tape), said("It is on its way; you pay $20.")).passed


def test_schema_failures_keep_their_kinds_and_repairs_count_half() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"enum": ["x", "y"]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    wanted = Case(
        "c", "c", "test", Turn((Message("user", (Text("Hi"),)),), output_format=OutputFormat("json_schema", schema))
    )
    assert graded("schema_conformance", wanted, said('{"a": "x"}')).passed
    assert graded("schema_conformance", wanted, said('{"a": "z"}')).kind == "bad_enum"
    assert graded("schema_conformance", wanted, said("{}")).kind == "missing_field"
    fenced = graded("schema_conformance", wanted, said('```json\n{"a": "x"}\n```'))
    assert (fenced.passed, fenced.kind, fenced.score) == (False, "fenced", 0.5)
    tool = Tool("t", parameters=schema)
    assert graded("schema_conformance", case(tools=(tool,)), said("", ToolCall("c1", "t", '{"a": 1}'))).passed is False
    broken = Case(
        "c", "c", "test", Turn(wanted.turn.messages, output_format=OutputFormat("json_schema", {"type": "nonsense"}))
    )
    assert graded("schema_conformance", broken, said("{}")).passed is None


def test_refusals_of_the_provider_and_of_the_reference() -> None:
    refusing = Answer("c", "m", 0, "recorded", reply=Reply("r", "m", (Refusal("No."),), "refusal"))
    assert graded("refusal", case(), refusing).kind == "refusal"
    declined = case(gold=Gold("reply", reply="I'm sorry, but I can't help with that."))
    assert graded("refusal", declined, said("I cannot assist with this.")).passed


def test_names_of_dotted_tools_and_calls_in_the_text() -> None:
    tools = (Tool("orders.get", parameters={"properties": {"id": {}}}),)
    assert graded("hallucinated_names", case(tools=tools), said("", ToolCall("c", "orders_get", '{"id": 1}'))).passed
    assert (
        graded("hallucinated_names", case(tools=tools), said("", ToolCall("c", "orders_get", '{"ID": 1}'))).kind
        == "invented_argument"
    )
    assert graded("hallucinated_names", case(tools=tools), said('get_order(id="1")')).kind == "call_in_text"


TEXTS = st.text(max_size=80) | st.lists(
    st.sampled_from(
        ["I've", "has been", "refunded", "$20", "3 May", "A-17", "not", ".", "?", "delivered", "(", "{", "you", "\n"]
    ),
    max_size=20,
).map(" ".join)


@given(TEXTS, TEXTS, TEXTS)
def test_any_reply_gets_a_grade(customer: str, result: str, reply: str) -> None:
    messages = (
        Message("user", (Text(customer),)),
        Message("assistant", (ToolCall("c1", "get_order", result),)),
        Message("tool", (ToolResult("c1", (Text(result),)),)),
    )
    gold = Gold("calls", (GoldCall("book", {"date": (customer,)}),), must_mention=(result,), forbidden=(customer,))
    for one in graders():
        grade = one.grade(case(*messages, gold=gold), said(reply, ToolCall("c2", customer, result)))
        assert grade.grader == f"{one.name}@{one.version}"


@pytest.mark.parametrize("words", ["The f1 price is fine. ", "f1 price\n", "$12.99 ", "May 4 2026, "])
@pytest.mark.timeout(5)  # one of these took 41 s; each takes a tenth of one
def test_a_long_reply_about_a_large_result_is_graded_in_time(words: str) -> None:
    fields = {f"f{n}_{'price' if n % 2 else 'status'}": n + 0.5 if n % 2 else "open" for n in range(400)}
    messages = (
        Message("user", (Text("hi"),)),
        Message("assistant", (ToolCall("c1", "get_all", "{}"),)),
        Message("tool", (ToolResult("c1", (Text(json.dumps(fields)),)),)),
    )
    reply = (words * 9000)[:20_000]
    assert grader("contradicts_tool_result").grade(case(*messages), said(reply)).grader
