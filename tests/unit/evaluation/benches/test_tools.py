from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pointsman.catalog.models import Model
from pointsman.contracts import ToolContract
from pointsman.domain.message import Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Job
from pointsman.evaluation.bench_running import Made
from pointsman.evaluation.bench_sets import bundled_requests
from pointsman.evaluation.benches.tools import ToolsBench, ToolsRow
from pointsman.evaluation.cases import Case
from pointsman.evaluation.graders.registry import grader

MODEL = Model(id="a/m", provider="a", name="m", tier="small", tools=True)
CASES = bundled_requests()
STRICT = grader("strict")


def _gold_calls(case: Case) -> list[tuple[str, dict[str, Any]]]:
    assert case.gold is not None
    return [(one.name, {name: values[0] for name, values in one.arguments.items()}) for one in case.gold.calls]


def _answer(case: Case, calls: list[tuple[str, dict[str, Any]]], repeat: int = 1, cost: str | None = "0.002") -> Made:
    parts = tuple(ToolCall(f"c{n}", name, msgspec.json.encode(args).decode()) for n, (name, args) in enumerate(calls))
    reply = Reply("r", "m", parts or (Text("Which one?"),), "tool_use" if parts else "end_turn")
    answer = Answer(case.id, "a/m", repeat, "live", reply=reply, cost_usd=None if cost is None else Decimal(cost))
    return Made(Job(case.id, "a/m", case.turn, repeat=repeat), answer)


def _row(*made: Made, by: str = "kind") -> ToolsRow:
    return ToolsBench(CASES, STRICT, by=by).row("a/m", made, "live")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_gold_of_every_bundled_request_is_right_and_fits_its_tools(case: Case) -> None:
    made = _answer(case, _gold_calls(case))
    assert STRICT.grade(case, made.answer).passed
    tools = {tool.name: tool for tool in case.turn.tools}
    reply = made.answer.reply
    assert reply is not None
    for call in reply.tool_calls:
        assert ToolContract(tools[call.name]).check(call).outcome == "ok"


@pytest.mark.parametrize("case", [case for case in CASES if case.gold and case.gold.calls], ids=lambda case: case.id)
def test_no_bundled_request_is_passed_by_calling_nothing(case: Case) -> None:
    assert STRICT.grade(case, _answer(case, []).answer).passed is False


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.gold and not case.gold.calls], ids=lambda case: case.id
)
def test_no_bundled_request_without_a_call_is_passed_by_one(case: Case) -> None:
    made = _answer(case, [("cancel_order", {"order_id": "WB-1"})])
    assert STRICT.grade(case, made.answer).passed is False


def test_the_bundled_requests_are_many_and_of_every_kind() -> None:
    assert len(CASES) >= 60
    assert len({case.id for case in CASES}) == len(CASES)
    kinds = {case.tags["kind"] for case in CASES}
    assert kinds == {"single", "values", "parallel", "no_call", "follow_up", "astray", "languages"}


def test_right_and_wrong_answers_are_counted_with_their_kind_and_slice() -> None:
    first, second, none = CASES[2], CASES[3], next(case for case in CASES if case.tags["kind"] == "no_call")
    row = _row(
        _answer(first, _gold_calls(first)),
        _answer(second, [("apply_voucher", {"order_id": "WB-30053", "code": "SPRING-7X"})]),
        _answer(none, [("get_order", {"order_id": "WB-1"})]),
    )
    assert row.right.share == pytest.approx(1 / 3)
    assert row.kinds == {"call_not_wanted": 1, "wrong_value": 1}
    assert row.write_errors == 1
    assert {name: share.share for name, share in row.slices.items()} == {"single": 0.5, "no_call": 0.0}
    assert row.cost_per_1k_usd == Decimal(2)


def test_repeats_give_the_chance_that_all_are_right() -> None:
    case, other = CASES[0], CASES[1]
    good = [_answer(case, _gold_calls(case), repeat) for repeat in (1, 2)]
    half = [_answer(other, _gold_calls(other), 1), _answer(other, [], 2)]
    row = _row(*good, *half)
    assert (row.right.share, row.pass_hat_k) == (0.75, 0.5)
    assert row.right.cases == 2


def test_an_unfinished_case_has_no_chance_of_all_repeats() -> None:
    case = CASES[0]
    failed = msgspec.structs.replace(_answer(case, [], 2).answer, reply=None, error="overloaded")
    row = _row(_answer(case, _gold_calls(case)), Made(Job(case.id, "a/m", case.turn, repeat=2), failed))
    assert (row.right.share, row.pass_hat_k, row.errors) == (1.0, None, {"overloaded": 1})


def test_a_case_without_gold_is_not_graded() -> None:
    case = msgspec.structs.replace(CASES[0], gold=None)
    row = ToolsBench([case], STRICT, by="kind").row("a/m", [_answer(case, [], cost=None)], "live")
    assert (row.ungraded, row.right.share, row.cost_per_1k_usd) == (1, None, None)


def test_turns_are_asked_as_they_are_up_to_the_length_of_the_answer() -> None:
    (job, *_) = ToolsBench(CASES, STRICT, by="kind", output_tokens=77).jobs([MODEL], 1)
    assert job.turn.messages == CASES[0].turn.messages
    assert (job.turn.max_output_tokens, job.turn.tools) == (77, CASES[0].turn.tools)
