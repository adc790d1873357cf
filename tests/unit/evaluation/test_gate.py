from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from pointsman.errors import UsageError
from pointsman.evaluation.gate import Gate, judge, judge_as_it_runs
from pointsman.evaluation.gate_arms import pairs_of, prefix_of, read_arm
from pointsman.evaluation.gate_metrics import upper_bound
from pointsman.evaluation.gate_papers import junit, markdown
from pointsman.evaluation.gate_policy import GatePolicy, chosen, read_gate_policy
from pointsman.evaluation.run_log import GradeHead, GradeRow, RunHead


def written(
    folder: Path, rows: list[GradeRow], *, planned: int | None = None, grader: str = "bfcl@1", repeats: int = 1
) -> str:
    folder.mkdir()
    models = tuple(dict.fromkeys(row.model for row in rows))
    cases = len({row.case for row in rows}) if planned is None else planned
    head = RunHead("cases.jsonl", "v", cases, cases, "fixed", models, repeats, grader)
    (folder / "run.json").write_bytes(msgspec.json.encode(head))
    lines = [msgspec.json.encode(GradeHead(grader, "v")), *map(msgspec.json.encode, rows)]
    (folder / "grades.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return str(folder)


def row(n: int, passed: bool | None, model: str = "m", **more: Any) -> GradeRow:
    fields: dict[str, Any] = {"content": "c", "conversation": f"k{n}", "repeat": 1, "origin": "recorded", **more}
    return GradeRow(case=f"case-{n}", model=model, passed=passed, **fields)


def gate(
    tmp_path: Path, old: list[GradeRow], new: list[GradeRow], policy: GatePolicy | None = None, **more: Any
) -> Gate:
    before = read_arm(written(tmp_path / "old", old, **more))
    after = read_arm(written(tmp_path / "new", new, **more))
    return judge(before, after, pairs_of(before, after), policy or GatePolicy())


def test_the_same_answers_pass(tmp_path: Path) -> None:
    rows = [row(n, n % 5 > 0) for n in range(400)]
    found = gate(tmp_path, rows, rows)
    assert (found.answer, found.more, found.lost, found.gained) == ("pass", None, (), ())


def test_a_candidate_that_loses_fails_and_its_lost_cases_come_first(tmp_path: Path) -> None:
    new = [row(n, n % 10 > 0, kind=None if n % 10 else "wrong_value", text="/id") for n in range(400)]
    found = gate(tmp_path, [row(n, True) for n in range(400)], new)
    assert found.answer == "fail"
    assert len(found.lost) == 40
    assert found.lost[0].why == "wrong_value: /id"
    assert "worse in accuracy" in found.text


def test_too_few_cases_hold_and_say_how_many_more(tmp_path: Path) -> None:
    rows = [row(n, n % 3 > 0) for n in range(50)]
    found = gate(tmp_path, rows, rows)
    assert found.answer == "hold"
    assert found.more is not None
    assert found.more > 0
    assert f"run {found.more:,} more cases" in found.text


def test_one_bad_metric_is_enough(tmp_path: Path) -> None:
    old = [row(n, True, usd=1) for n in range(400)]
    found = gate(tmp_path, old, [msgspec.structs.replace(one, usd=2) for one in old])
    assert {one.name: one.answer for one in found.metrics} == {"accuracy": "pass", "cost": "fail"}
    assert found.answer == "fail"


def test_repeats_are_averaged_inside_a_case(tmp_path: Path) -> None:
    old = [row(n, True, repeat=r) for n in range(200) for r in (1, 2)]
    new = [row(n, r == 1, repeat=r) for n in range(200) for r in (1, 2)]
    found = gate(tmp_path, old, new, repeats=2)
    assert found.metrics[0].n == 200
    assert found.metrics[0].candidate == 0.5
    assert found.lost[0].after == 0.5


def test_cases_of_one_conversation_are_no_independent_evidence(tmp_path: Path) -> None:
    alone = [row(n, True) for n in range(160)]
    together = [msgspec.structs.replace(one, conversation="k") for one in alone]
    assert gate(tmp_path, alone, alone).answer == "pass"
    for name in ("old", "new"):
        (tmp_path / name).rename(tmp_path / f"{name}-alone")
    assert gate(tmp_path, together, together).answer == "hold"


def test_a_baseline_of_other_cases_is_refused_and_says_which(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"2 only in the baseline \(case-0, case-1\), 1 only in the candidate \(case-9\)"
    ):
        gate(tmp_path, [row(n, True) for n in range(9)], [row(n, True) for n in range(2, 10)])


def test_cases_that_changed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="have changed"):
        gate(tmp_path, [row(1, True)], [row(1, True, content="d")])


def test_gold_that_changed_between_the_runs_is_refused(tmp_path: Path) -> None:
    old = read_arm(written(tmp_path / "old", [row(1, True)]))
    new = read_arm(written(tmp_path / "new", [row(1, True)]))
    other = msgspec.structs.replace(new, head=msgspec.structs.replace(new.head, version="w"))
    with pytest.raises(UsageError, match=r"gold or tags have changed.*recorded:.*old#m"):
        pairs_of(old, other)


def test_a_run_that_is_not_finished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="answered 3 of 10 cases"):
        gate(tmp_path, [row(n, True) for n in range(3)], [row(n, True) for n in range(3)], planned=10)


def test_a_recorded_model_that_lacks_cases_is_refused(tmp_path: Path) -> None:
    rows = [row(n, True) for n in range(9)]
    with pytest.raises(UsageError, match="only 8 of 9 cases are recorded"):
        gate(tmp_path, rows, [*rows[:8], row(8, None, error="not_recorded")])


def test_runs_of_two_graders_are_refused(tmp_path: Path) -> None:
    old = read_arm(written(tmp_path / "old", [row(1, True)], grader="bfcl@1"))
    new = read_arm(written(tmp_path / "new", [row(1, True)], grader="strict@1"))
    with pytest.raises(UsageError, match="graded differently"):
        pairs_of(old, new)


def test_the_model_must_be_named_where_there_are_several(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", [row(1, True), row(1, True, model="n")])
    assert read_arm(f"{folder}#n").model == "n"
    with pytest.raises(UsageError, match=r"2 models.*m, n"):
        read_arm(folder)
    with pytest.raises(UsageError, match="no model 'x'"):
        read_arm(f"{folder}#x")


def test_new_wrong_writes_none_in_299_show_below_one_percent(tmp_path: Path) -> None:
    assert upper_bound(0, 299, 0.05) < 0.01 < upper_bound(0, 298, 0.05)
    rows = [row(n, True, writes=True) for n in range(299)]
    found = gate(tmp_path, rows, rows, GatePolicy(metrics={"write_errors": None}), grader="strict@1")
    assert found.answer == "pass"


def test_a_wrong_write_that_the_baseline_makes_too_is_not_new(tmp_path: Path) -> None:
    old = [row(n, n > 9, writes=True, write_error=n <= 9) for n in range(300)]
    policy = GatePolicy(metrics={"write_errors": None})
    assert gate(tmp_path, old, old, policy, grader="strict@1").answer == "pass"
    for name in ("old", "new"):
        (tmp_path / name).rename(tmp_path / f"{name}-1")
    good = [msgspec.structs.replace(one, write_error=False) for one in old]
    bad = [msgspec.structs.replace(one, write_error=one.case in {f"case-{n}" for n in range(20, 50)}) for one in old]
    assert gate(tmp_path, good, bad, policy, grader="strict@1").answer == "fail"


def test_upper_bound_is_the_textbooks() -> None:
    # As statsmodels' proportion_confint with method beta says, two-sided at 10 %.
    assert upper_bound(5, 100, 0.05) == pytest.approx(0.10225, abs=1e-4)
    assert upper_bound(3, 3, 0.05) == 1.0


def test_a_metric_that_is_named_must_be_measured(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cost cannot be judged: not measured"):
        gate(tmp_path, [row(1, True)], [row(1, True)], GatePolicy(metrics={"cost": None}))


def test_latency_of_recorded_and_live_answers_is_not_compared(tmp_path: Path) -> None:
    old = [row(n, True, latency_ms=5.0) for n in range(300)]
    new = [msgspec.structs.replace(one, origin="live") for one in old]
    found = gate(tmp_path, old, new)
    assert [one.name for one in found.metrics] == ["accuracy"]
    assert any(one.startswith("latency_p95: not comparable") for one in found.left_out)


def test_a_slower_candidate_fails_on_latency_and_a_noisy_one_holds(tmp_path: Path) -> None:
    old = [row(n, True, latency_ms=100.0 + n % 50) for n in range(400)]
    new = [msgspec.structs.replace(one, latency_ms=(one.latency_ms or 0) * 1.5) for one in old]
    policy = GatePolicy(metrics={"latency_p95": None})
    assert gate(tmp_path, old, new, policy).answer == "fail"


# While it runs


def test_a_running_gate_stops_early_on_a_bad_swap_and_waits_on_a_small_one(tmp_path: Path) -> None:
    old = read_arm(written(tmp_path / "old", [row(n, True) for n in range(1000)]))
    bad = read_arm(written(tmp_path / "bad", [row(n, n % 4 > 0) for n in range(1000)]))
    found = judge_as_it_runs(old, bad, prefix_of(old, bad), GatePolicy())
    assert found.answer == "fail"
    assert "after" in found.metrics[0].text
    first = {pair.case for pair in prefix_of(old, old)[:20]}
    some = [one for n in range(1000) if (one := row(n, True)).case in first]
    same = read_arm(written(tmp_path / "same", some, planned=1000))
    held = judge_as_it_runs(old, same, prefix_of(old, same), GatePolicy())
    assert held.answer == "hold"
    assert held.more is not None


def test_a_running_gate_takes_only_the_cases_up_to_the_first_gap(tmp_path: Path) -> None:
    rows = [row(n, True) for n in range(100)]
    old = read_arm(written(tmp_path / "old", rows))
    order = [pair.case for pair in prefix_of(old, old)]
    gone = order[30]
    new = read_arm(written(tmp_path / "new", [one for one in rows if one.case != gone], planned=100))
    assert [pair.case for pair in prefix_of(old, new)] == order[:30]


def test_a_running_gate_takes_whole_conversations_only(tmp_path: Path) -> None:
    rows = [row(n, True, conversation=f"talk-{n // 4}") for n in range(40)]
    old = read_arm(written(tmp_path / "old", rows))
    order = [pair.case for pair in prefix_of(old, old)]
    assert all(len({order[place + n] for n in range(4)} & {row.case for row in rows}) == 4 for place in range(0, 40, 4))
    gone = order[22]  # in the middle of the sixth
    new = read_arm(written(tmp_path / "new", [one for one in rows if one.case != gone], planned=40))
    assert [pair.case for pair in prefix_of(old, new)] == order[:20]


def test_a_running_gate_judges_cost_and_latency_too(tmp_path: Path) -> None:
    old = [row(n, True, usd=1 + n % 3, ttft_ms=100.0 + n % 37) for n in range(900)]
    new = [msgspec.structs.replace(one, usd=one.usd and one.usd * 2, ttft_ms=(one.ttft_ms or 0) / 2) for one in old]
    before, after = read_arm(written(tmp_path / "old", old)), read_arm(written(tmp_path / "new", new))
    found = judge_as_it_runs(before, after, prefix_of(before, after), GatePolicy())
    answers = {one.name: one.answer for one in found.metrics}
    assert answers == {"accuracy": "pass", "ttft_p95": "pass", "cost": "fail"}
    assert "above +5%" in found.metrics[-1].text


def test_a_running_gate_does_not_pass_before_a_metric_is_reached(tmp_path: Path) -> None:
    def rows(some: list[str]) -> list[GradeRow]:
        return [row(int(one[5:]), True, usd=1 if one in late else None) for one in some]

    names = [f"case-{n}" for n in range(600)]
    late: set[str] = set()
    order = [pair.case for pair in prefix_of(*[read_arm(written(tmp_path / "order", rows(names)))] * 2)]
    late = set(order[-50:])
    old = read_arm(written(tmp_path / "old", rows(names)))
    new = read_arm(written(tmp_path / "new", rows(order[:500]), planned=600))
    found = judge_as_it_runs(old, new, prefix_of(old, new), GatePolicy())
    assert {one.name: one.answer for one in found.metrics} == {"accuracy": "pass", "cost": "hold"}
    assert found.answer == "hold"


# Terms and papers


def test_terms_are_read_and_wrong_ones_named(tmp_path: Path) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text("metrics:\n  accuracy: {margin: 0.01}\n  cost:\nalpha: 0.01\n")
    policy = read_gate_policy(file)
    assert policy.margins() == {"accuracy": 0.01, "cost": 0.05}
    assert policy.alpha == 0.01
    assert chosen(policy, "accuracy").margins() == {"accuracy": 0.01}
    for text, words in (
        ("metrics: {acuracy: {margin: 0.1}}", "no metric"),
        ("metrics:\n  cost: {margin: 2}", r"gate.yaml:2.*less than 1"),
        ("metrik: {}", "not a field"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=words):
            read_gate_policy(file)
    with pytest.raises(UsageError, match="no metric"):
        chosen(GatePolicy(), "speed")


def test_papers_hold_hostile_text(tmp_path: Path) -> None:
    new = [
        msgspec.structs.replace(row(n, False), kind="x", text="`|</failure>\x1b[31m\x00<script>\n# head")
        for n in range(300)
    ]
    found = gate(tmp_path, [row(n, True) for n in range(300)], new)
    paper = ET.fromstring(junit(found, "old & <b>", "new"))  # noqa: S314 - our own
    assert paper.get("failures") == "1"
    failure = paper.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "fail"
    text = markdown(found, "old|`x`", "new")
    assert "<script>" not in text.replace("`x: </failure> [31m <script> # head`", "")
    assert "## Gate: FAIL" in text
    assert all(line.count("|") == 5 for line in text.splitlines() if line.startswith("| `case"))


def test_hold_is_a_failure_for_ci(tmp_path: Path) -> None:
    found = gate(tmp_path, [row(n, True) for n in range(9)], [row(n, True) for n in range(9)])
    assert 'failure type="hold"' in junit(found, "a", "b")


def test_the_verdict_is_the_same_to_the_byte(tmp_path: Path) -> None:
    rows = [row(n, n % 3 > 0, usd=n % 7 + 1, latency_ms=float(n % 90)) for n in range(300)]
    new = [row(n, n % 4 > 0, usd=n % 5 + 1, latency_ms=float(n % 95)) for n in range(300)]
    first = gate(tmp_path, rows, new)
    old_arm, new_arm = read_arm(str(tmp_path / "old")), read_arm(str(tmp_path / "new"))
    again = judge(old_arm, new_arm, pairs_of(old_arm, new_arm), GatePolicy())
    assert json.dumps(msgspec.to_builtins(first)) == json.dumps(msgspec.to_builtins(again))


def test_the_order_in_which_answers_came_back_changes_nothing(tmp_path: Path) -> None:
    old = [row(n, True, repeat=r, usd=0.1 * r, latency_ms=float(n + r)) for n in range(60) for r in (1, 2, 3)]
    new = [
        row(n, n % r > 0, repeat=r, usd=0.3 * r, latency_ms=float(n * r), kind=f"k{r}")
        for n in range(60)
        for r in (1, 2, 3)
    ]
    first = gate(tmp_path, old, new, repeats=3)
    for name in ("old", "new"):
        (tmp_path / name).rename(tmp_path / f"{name}-1")
    assert msgspec.json.encode(gate(tmp_path, old[::-1], new[::-1], repeats=3)) == msgspec.json.encode(first)
