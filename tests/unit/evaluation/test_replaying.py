from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pointsman.domain.message import Message, Text, Tool, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer, Grade, Origin
from pointsman.evaluation.case_file import CaseIndex, encode_case
from pointsman.evaluation.cases import Case, Gold, Taped
from pointsman.evaluation.free_run import run_free
from pointsman.evaluation.price_file import read_prices
from pointsman.evaluation.recorded import Shelf, open_recorded
from pointsman.evaluation.recorded_rows import answer_of
from pointsman.evaluation.replaying import Done, Replay
from pointsman.evaluation.run_log import RunHead, RunLog, read_grades, read_head
from pointsman.evaluation.run_summary import summarise


class Exact:
    """Right when the text is the gold reply."""

    name = "exact"
    version = "1"

    def grade(self, case: Case, answer: Answer) -> Grade:
        if case.gold is None:
            return Grade("exact@1", None)
        right = answer.reply is not None and answer.reply.text == case.gold.reply
        return Grade("exact@1", right, None if right else "wrong_text", float(right))


class Says:
    """Answers every case with one text, and counts how often it was asked; ``stop_after`` answers its money is out."""

    origin: Origin = "simulated"
    settings = "x"

    def __init__(self, name: str, text: str, stop_after: int = 10**9) -> None:
        self.name, self.text, self.asked, self.stop_after = name, text, 0, stop_after

    async def answer(self, case: Case, turn: Turn, repeat: int, pays: Any) -> Answer | None:
        if self.asked >= self.stop_after:
            return None
        self.asked += 1
        pays(Decimal("0.5"))
        reply = Reply("r", self.name, (Text(self.text),), "end_turn")
        return Answer(
            case.id, self.name, repeat, "simulated", reply, cost_usd=Decimal("0.1"), latency_ms=float(self.asked)
        )


def case(key: str, gold: str = "yes", **more: Any) -> Case:
    return Case(key, key, "t", Turn((Message("user", (Text(key),)),)), Gold("reply", reply=gold), **more)


def written(tmp_path: Path, *cases: Case) -> Path:
    file = tmp_path / "cases.jsonl"
    file.write_bytes(b"".join(map(encode_case, cases)))
    return file


def replay(folder: Path, cases: Path, *sources: Any, repeats: int = 1, mode: Any = "fixed", version: str = "1") -> Done:
    grader = Exact()
    grader.version = version
    with CaseIndex(cases) as index:
        head = RunHead(
            str(cases),
            index.version,
            len(index),
            index.total,
            mode,
            tuple(one.name for one in sources),
            repeats,
            f"exact@{version}",
        )
        with RunLog(folder, head) as log:
            return asyncio.run(Replay(index=index, sources=sources, log=log, grader=grader, repeats=repeats).run())


def test_every_case_model_and_repeat_is_asked_once_and_graded(tmp_path: Path) -> None:
    cases = written(tmp_path, case("a"), case("b", gold="no"), case("c"))
    yes, no = Says("yes-man", "yes"), Says("no-man", "no")
    done = replay(tmp_path / "run", cases, yes, no, repeats=2)
    assert done == Done(asked=12, reused=0, left=0)
    sums = {one.model: one for one in summarise(read_grades(tmp_path / "run"))}
    assert sums["yes-man"].accuracy.share == pytest.approx(2 / 3)
    assert sums["no-man"].accuracy.share == pytest.approx(1 / 3)
    assert sums["yes-man"].pass_hat[1][1] == pytest.approx(2 / 3)
    assert sums["yes-man"].usd == Decimal("0.6")
    assert sums["no-man"].kinds == (("wrong_text", 4),)


def test_a_run_goes_on_where_it_stopped_and_asks_nothing_twice(tmp_path: Path) -> None:
    cases = written(tmp_path, *(case(str(n)) for n in range(20)))
    first = Says("m", "yes", stop_after=7)
    assert replay(tmp_path / "run", cases, first).left == 13
    second = Says("m", "yes")
    assert replay(tmp_path / "run", cases, second) == Done(asked=13, reused=7, left=0)
    assert replay(tmp_path / "run", cases, Says("m", "yes")) == Done(asked=0, reused=20, left=0)
    assert len(list(read_grades(tmp_path / "run"))) == 20


def test_a_line_cut_in_two_by_a_kill_is_taken_off(tmp_path: Path) -> None:
    cases = written(tmp_path, *(case(str(n)) for n in range(5)))
    replay(tmp_path / "run", cases, Says("m", "yes"))
    answers, grades = tmp_path / "run" / "answers.jsonl", tmp_path / "run" / "grades.jsonl"
    whole = answers.read_bytes()
    answers.write_bytes(whole[:-20])
    grades.write_bytes(grades.read_bytes()[:-5])
    again = Says("m", "yes")
    assert replay(tmp_path / "run", cases, again).asked == 1
    assert len({(row.case, row.repeat) for row in read_grades(tmp_path / "run")}) == 5


def test_a_call_that_was_on_its_way_is_asked_again_and_counted(tmp_path: Path) -> None:
    cases = written(tmp_path, case("a"))
    replay(tmp_path / "run", cases, Says("m", "yes"))
    answers = tmp_path / "run" / "answers.jsonl"
    sent = answers.read_bytes().splitlines(keepends=True)[0]
    answers.write_bytes(sent)
    (tmp_path / "run" / "grades.jsonl").unlink()
    with CaseIndex(cases) as index, RunLog(tmp_path / "run", read_head(tmp_path / "run")) as log:
        assert list(log.pending.values()) == [Decimal("0.5")]
        assert log.spent() == Decimal("0.5")
        assert index.total == 1


def test_another_grader_needs_no_new_answers(tmp_path: Path) -> None:
    cases = written(tmp_path, case("a"), case("b"))
    replay(tmp_path / "run", cases, Says("m", "yes"))
    assert replay(tmp_path / "run", cases, Says("m", "yes"), version="2") == Done(asked=0, reused=2, left=0)
    assert read_head(tmp_path / "run").grader == "exact@2"
    assert len(list(read_grades(tmp_path / "run"))) == 2


def test_a_run_takes_no_other_cases(tmp_path: Path) -> None:
    replay(tmp_path / "run", written(tmp_path, case("a")), Says("m", "yes"))
    with pytest.raises(UsageError, match="other cases"):
        replay(tmp_path / "run", written(tmp_path, case("b")), Says("m", "yes"))


def test_more_models_and_repeats_join_a_run(tmp_path: Path) -> None:
    cases = written(tmp_path, case("a"))
    replay(tmp_path / "run", cases, Says("m", "yes"))
    assert replay(tmp_path / "run", cases, Says("n", "yes"), repeats=3) == Done(asked=3, reused=0, left=0)
    head = read_head(tmp_path / "run")
    assert (head.models, head.repeats) == (("m", "n"), 3)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    cases = written(tmp_path, case("a"))
    replay(tmp_path / "run", cases, Says("m", "yes"))
    head = read_head(tmp_path / "run")
    with RunLog(tmp_path / "run", head), pytest.raises(UsageError, match="at work"):
        RunLog(tmp_path / "run", head)


def test_the_same_run_twice_gives_the_same_sums_to_the_byte(tmp_path: Path) -> None:
    import msgspec

    cases = written(tmp_path, *(case(str(n), tags={"k": str(n % 3)}) for n in range(30)))
    encoded = []
    for name in ("one", "two"):
        replay(tmp_path / name, cases, Says("m", "yes"), Says("n", "no"))
        encoded.append(msgspec.json.encode(summarise(read_grades(tmp_path / name))))
    assert encoded[0] == encoded[1]


# Recorded models


def recorded(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_a_recorded_model_answers_from_a_file(tmp_path: Path) -> None:
    file = recorded(
        tmp_path,
        {"case_id": "a", "model": "m", "text": "yes", "input_tokens": 10, "output_tokens": 2, "latency_s": 0.5},
        {"case_id": "a", "model": "m", "repeat": 2, "text": "no"},
        {"case_id": "b", "model": "m", "error": "timeout"},
    )
    shelves: dict[str, Shelf] = {}
    (model,) = open_recorded(f"recorded:{file}", shelves)
    cases = written(tmp_path, case("a"), case("b"), case("c"))
    replay(tmp_path / "run", cases, model, repeats=2)
    rows = {(row.case, row.repeat): row for row in read_grades(tmp_path / "run")}
    assert (rows["a", 1].passed, rows["a", 2].passed) == (True, False)
    assert rows["a", 1].latency_ms == 500
    assert rows["b", 1].error == "timeout"
    assert (rows["c", 1].error, rows["c", 1].passed) == ("not_recorded", None)
    assert (rows["b", 2].error, rows["b", 1].passed) == ("not_recorded", False)
    shelves[str(file)].close()


def test_a_run_is_a_recorded_model_itself(tmp_path: Path) -> None:
    cases = written(tmp_path, case("a"), case("b", gold="no"))
    replay(tmp_path / "run", cases, Says("m", "yes"), repeats=2)
    shelves: dict[str, Shelf] = {}
    (model,) = open_recorded(f"recorded:{tmp_path / 'run'}", shelves)
    replay(tmp_path / "again", cases, model, repeats=2)
    old, new = (
        {(r.case, r.repeat): (r.passed, r.usd) for r in read_grades(tmp_path / name)} for name in ("run", "again")
    )
    assert old == new
    for shelf in shelves.values():
        shelf.close()


def test_several_models_in_a_file_must_be_named(tmp_path: Path) -> None:
    file = recorded(tmp_path, {"case_id": "a", "model": "m", "text": "x"}, {"case_id": "a", "model": "n", "text": "x"})
    shelves: dict[str, Shelf] = {}
    with pytest.raises(UsageError, match=r"several models.*m, n"):
        open_recorded(f"recorded:{file}", shelves)
    with pytest.raises(UsageError, match="no model 'z'"):
        open_recorded(f"recorded:{file}#z", shelves)
    assert [one.name for one in open_recorded(f"recorded:{file}#*", shelves)] == ["m", "n"]
    shelves[str(file)].close()


def test_bfcl_outputs_native_and_as_text() -> None:
    native = answer_of({"case_id": "a", "model": "m", "raw": '[{"f": "{\\"x\\": 1}"}, "words"]', "native_call": True})
    assert native.reply is not None
    assert [(call.name, call.arguments) for call in native.reply.tool_calls] == [("f", '{"x": 1}')]
    assert answer_of({"case_id": "a", "raw": "[f(x=1)]", "native_call": False}).text_calls == "[f(x=1)]"
    assert answer_of({"case_id": "a", "raw": "Internal", "provider_error": True}).error == "Internal"


def test_prices_by_model(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"unit": "USD", "models": {"m": {"input": 2.5, "output": 10, "source": "x"}}}')
    assert read_prices(file)["m"].cost(Usage(1_000_000, 100_000)) == Decimal("3.5")
    file.write_text('{"models": {"m": {"input": -1, "output": 10}}}')
    with pytest.raises(UsageError, match=r"m\.input"):
        read_prices(file)


# Free-running


def said(text: str = "", *calls: tuple[str, str]) -> Answer:
    parts = (*((Text(text),) if text else ()), *(ToolCall(f"c{n}", name, args) for n, (name, args) in enumerate(calls)))
    return Answer(
        "a", "m", 1, "live", Reply("r", "m", parts, "end_turn"), cost_usd=Decimal("0.1"), latency_ms=5.0, ttft_ms=2.0
    )


def taped(name: str, result: str, **arguments: Any) -> Taped:
    return Taped(name, arguments, ToolResult("old", (Text(result),), name))


def run(tape: tuple[Taped, ...], customer: tuple[str, ...], *answers: Answer) -> tuple[Answer | None, list[Turn]]:
    turns: list[Turn] = []
    waiting = iter(answers)

    async def ask(turn: Turn, step: bytes) -> Answer | None:
        turns.append(turn)
        return next(waiting)

    words = tuple(Message("user", (Text(one),)) for one in customer)
    whole = Case("a", "a", "t", Turn((Message("user", (Text("hi"),)),)), tape=tape, customer=words)
    return asyncio.run(run_free(whole, ask)), turns


def test_the_tape_answers_by_name_and_arguments_in_whatever_order_they_stand() -> None:
    tape = (taped("get_order", "shipped", id="A", full=True), taped("get_order", "lost", id="B"))
    answer, turns = run(
        tape,
        ("thanks",),
        said("", ("get_order", '{"id": "B"}')),
        said("", ("get_order", '{"full":true,"id":"A"}')),
        said("It is shipped"),
        said("Welcome"),
    )
    assert [message.role for message in turns[-1].messages] == ["user", *["assistant", "tool"] * 2, "assistant", "user"]
    assert "lost" in str(turns[1].messages[-1])
    assert answer is not None
    assert answer.way is not None
    assert (answer.way.whole, answer.way.calls, answer.way.diverged_at) == (True, 4, None)
    assert answer.reply is not None
    assert [call.name for call in answer.reply.tool_calls] == ["get_order", "get_order"]
    assert answer.reply.text == "Welcome"
    assert (answer.cost_usd, answer.latency_ms, answer.ttft_ms) == (Decimal("0.4"), 20.0, 2.0)


def test_a_call_off_the_tape_ends_the_run_and_a_write_is_not_executed() -> None:
    answer, _ = run((taped("get_order", "x", id="A"),), (), said("", ("refund_order", '{"id": "A"}')))
    assert answer is not None
    assert answer.way is not None
    assert (answer.way.diverged_at, answer.way.writes_blocked, answer.way.whole) == (1, 1, False)
    assert "refund_order" in answer.way.divergence
    assert "not executed" in answer.way.divergence


def test_a_look_up_may_be_repeated_a_write_may_not() -> None:
    tape = (taped("get_order", "x", id="A"), taped("refund_order", "done", id="A"))
    again, _ = run(tape, (), *[said("", ("get_order", '{"id": "A"}'))] * 3, said("So"))
    twice, _ = run(tape, (), *[said("", ("refund_order", '{"id": "A"}'))] * 2)
    assert again is not None
    assert again.way is not None
    assert again.way.diverged_at is None
    assert twice is not None
    assert twice.way is not None
    assert twice.way.diverged_at == 2


def test_a_model_that_goes_in_circles_is_stopped() -> None:
    answer, turns = run((taped("get", "x"),), (), *[said("", ("get", "{}"))] * 200)
    assert answer is not None
    assert answer.way is not None
    assert not answer.way.whole
    assert len(turns) == 100


def test_the_agent_of_a_recorded_conversation_says_it_again(tmp_path: Path) -> None:
    from pointsman.evaluation.importers.case_seam import Wanted
    from pointsman.evaluation.importers.case_source import CaseSource

    call = {"id": "t", "type": "function", "function": {"name": "get_order", "arguments": '{"id": "A"}'}}
    messages = [
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t", "content": "shipped"},
        {"role": "assistant", "content": "Shipped."},
        {"role": "user", "content": "Bye"},
    ]
    file = tmp_path / "talk.jsonl"
    file.write_text(json.dumps({"id": "c-1", "messages": messages}))
    (row,) = CaseSource(file, wanted=Wanted(grain="runs")).read()
    (model,) = open_recorded(f"recorded:{file}#agent", {})

    async def ask(turn: Turn, step: bytes) -> Answer | None:
        return await model.answer(row.found[0].case, turn, 1)

    answer = asyncio.run(run_free(row.found[0].case, ask))
    assert answer is not None
    assert answer.way is not None
    assert answer.way.whole
    assert answer.model == "agent"


TOOLS = (Tool("f", parameters={"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}),)


@pytest.mark.parametrize(
    ("arguments", "conforms"), [('{"x": 1}', True), ('{"x": "1"}', False), ("{}", False), ("{broken", False)]
)
def test_conformance_of_calls(arguments: str, conforms: bool) -> None:
    from pointsman.evaluation.conformance import Conformance

    asked = Case("a", "a", "t", Turn((Message("user", (Text("x"),)),), tools=TOOLS))
    assert Conformance().conforms(asked, said("", ("f", arguments))) is conforms
    assert Conformance().conforms(asked, said("words")) is None
    assert Conformance().conforms(asked, said("", ("g", "{}"))) is False
