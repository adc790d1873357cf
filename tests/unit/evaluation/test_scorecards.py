"""Scorecards: what is wrong in a file, how criteria add up, and quotes that somebody really said."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.errors import UsageError
from pointsman.evaluation.judges.seam import Finding
from pointsman.evaluation.scorecard_marks import Mark, Quote, Status, add_up, count, turn_grades
from pointsman.evaluation.scorecard_scoring import score_plan, score_reply
from pointsman.evaluation.scorecards import Card, card_from, read_card
from support.judged import ListedJudge, answered, said

HEAD = "name: care\ncategories:\n  - name: Words\n    criteria:\n"
STATUSES: tuple[Status, ...] = ("pass", "fail", "unknown", "not_applicable")


def card(text: str, top: str = "") -> Card:
    return card_from(LocatedYaml("card.yaml", top + HEAD + text, UsageError))


def marks(found: Card, *statuses: Status) -> list[Mark]:
    return [Mark(one.name, "Words", status) for one, status in zip(found.criteria(), statuses, strict=True)]


THREE = "".join(f"      - {{name: c{n}, says: {{any_of: [x]}}}}\n" for n in range(3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("      - {name: c, ruel: strict}", "card.yaml:5: .*'ruel' is not a field here"),
        ("      - {name: c, rule: strikt}", "card.yaml:5: .*did you mean strict"),
        ("      - {name: c}", "exactly one of rule, says, field and ask; c has none"),
        ("      - {name: c, rule: strict, ask: 'Is it polite?'}", "c has rule and ask"),
        ("      - {name: c, says: {speaker: agent}}", "say what is looked for"),
        ("      - {name: c, says: {speaker: customer, within: reply, any_of: [x]}}", "the reply is the agent's"),
        ("      - {name: c, says: {matches: '(a+)+'}}", "repeats what repeats"),
        ("      - {name: c, says: {matches: '('}}", "is no regular expression"),
        ("      - {name: c, weight: 0, rule: strict}", "card.yaml:5: categories.0.criteria.0.weight"),
        ("      - {name: c, field: {name: risk, filled: true}}", "field is for plans"),
        ("      - {name: a/b, rule: strict}", "is no name"),
        (THREE + "      - {name: c1, rule: strict}", "criterion c1 stands twice"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        card(text)


def test_a_version_is_of_what_the_card_says_not_of_how_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "card.yaml"
    file.write_text(HEAD + THREE)
    one = read_card(file)
    file.write_text("# words\n" + HEAD + THREE)
    assert read_card(file).version == one.version
    file.write_text(HEAD + THREE.replace("[x]", "[y]"))
    assert read_card(file).version != one.version


def test_weights_threshold_and_what_is_required() -> None:
    weighted = card(THREE, "threshold: 0.6\n")
    passed, score = add_up(weighted, marks(weighted, "pass", "pass", "fail"))
    assert (passed, round(score or 0, 3)) == (True, 0.667)
    passed, score = add_up(weighted, marks(weighted, "pass", "fail", "fail"))
    assert (passed, round(score or 0, 3)) == (False, 0.333)
    required = card(THREE.replace("c2,", "c2, required: true,"), "threshold: 0.6\n")
    assert add_up(required, marks(required, "pass", "pass", "fail"))[0] is False
    strict = card(THREE, "roll_up: all_must_pass\n")
    assert add_up(strict, marks(strict, "pass", "pass", "fail"))[0] is False
    assert add_up(strict, marks(strict, "pass", "not_applicable", "pass"))[0] is True


@given(st.lists(st.sampled_from(STATUSES), min_size=3, max_size=3), st.sampled_from(["weighted", "all_must_pass"]))
def test_unknown_never_decides_and_counts_add_up(statuses: list[Status], roll_up: str) -> None:
    found = card(THREE, f"threshold: 0.6\nroll_up: {roll_up}\n")
    given_marks = marks(found, *statuses)
    passed, score = add_up(found, given_marks)
    assert sum(count(given_marks).values()) == 3
    ways = {
        add_up(found, marks(found, *(other if one == "unknown" else one for one in statuses)))[0]
        for other in ("pass", "fail")
    }
    if passed is not None:
        assert ways == {passed}
    assert score is None or 0 <= score <= 1
    assert (score is None) == (not {"pass", "fail"} & set(statuses))


def test_words_count_where_their_speaker_said_them() -> None:
    greets = card(
        "      - {name: greets, says: {any_of: [good morning]}}\n      - {name: no_promise, says: {none_of: [guarantee]}}"
    )
    # The customer greets; the agent does not.
    case, answer = answered("Your order is late, I guarantee it.", said(("user", "Good morning! Where is it?")))
    found = asyncio.run(score_reply(greets, case, answer))
    assert [mark.status for mark in found.marks] == ["fail", "fail"]
    assert found.marks[1].quotes == (Quote("agent", "Your order is late, I guarantee it."),)
    case, answer = answered("Good  morning, it ships.")
    assert [mark.status for mark in asyncio.run(score_reply(greets, case, answer)).marks] == ["pass", "pass"]


ASK = "      - {name: polite, ask: 'Is the agent polite?'}\n"
SPOKEN = said(("user", "You promised <b>a refund</b>."), ("tool", '{"status": "shipped"}'))


@pytest.mark.parametrize(
    ("finding", "status", "quotes"),
    [
        (Finding("yes", "glad to help", "agent"), "pass", (Quote("agent", "glad to help"),)),
        (Finding("no", '"glad to help"', "agent"), "fail", (Quote("agent", "glad to help"),)),
        (Finding("yes", "I am very glad to help", "agent"), "unknown", ()),
        (Finding("yes", "a refund", "agent"), "unknown", ()),
        (Finding("yes", "a refund", "customer"), "pass", (Quote("customer", "a refund"),)),
        (Finding("yes", "shipped", "tool"), "pass", (Quote("tool", "shipped"),)),
        (Finding("yes"), "pass", ()),
        (Finding("unknown", error="unreadable"), "unknown", ()),
    ],
)
def test_a_quote_that_nobody_said_makes_a_criterion_unknown(
    finding: Finding, status: str, quotes: tuple[Quote, ...]
) -> None:
    case, answer = answered("I am glad to help.", SPOKEN)
    found = asyncio.run(score_reply(card(ASK), case, answer, ListedJudge(findings=(finding,))))
    assert (found.marks[0].status, found.marks[0].quotes) == (status, quotes)
    if finding.quote and not quotes:
        assert found.marks[0].reason.startswith("evidence not found")
    rows = turn_grades(found, "t1", "shipped", 1)
    assert [row.metric for row in rows] == ["scorecard:care", "criterion:care/polite"]
    assert rows[0].source == "judge"
    assert rows[0].version == f"{card(ASK).version}+v1"


def test_evidence_must_come_from_whom_the_criterion_names() -> None:
    strict = card(ASK.replace("}", ", evidence: agent}"))
    case, answer = answered("I am glad to help.", SPOKEN)
    judge = ListedJudge(findings=(Finding("yes", "a refund", "customer"), Finding("yes")))
    assert asyncio.run(score_reply(strict, case, answer, judge)).passed is None
    assert asyncio.run(score_reply(strict, case, answer, judge)).passed is None


def test_without_a_judge_its_criteria_are_unknown_and_plans_are_graded_apart() -> None:
    text = (
        ASK + "plan:\n  roll_up: all_must_pass\n  categories:\n    - name: Plan\n      criteria:\n"
        "        - {name: sure, field: {name: confidence, at_least: 0.5}}\n"
        "        - {name: acts, field: {name: next_action, one_of: [reply, call_tool]}}\n"
    )
    found = card(text)
    case, answer = answered("Hello.")
    assert asyncio.run(score_reply(found, case, answer)).counts["unknown"] == 1
    plan = asyncio.run(score_plan(found, case.turn, {"confidence": 0.9, "next_action": "reply"}))
    assert plan is not None
    assert plan.passed is True
    poor = asyncio.run(score_plan(found, case.turn, {"confidence": True, "next_action": "escalate"}))
    assert poor is not None
    assert poor.counts["fail"] == 2
    assert asyncio.run(score_plan(card(ASK), case.turn, {})) is None


def test_no_reply_fails_as_it_fails_the_graders() -> None:
    case, answer = answered("x")
    gone = type(answer)("c1", "m", 1, "live", error="timeout")
    found = asyncio.run(score_reply(card(THREE), case, gone))
    assert (found.passed, found.score, found.counts["fail"]) == (False, 0.0, 3)
    assert found.marks[0].reason == "no_answer: timeout"
    written = type(answer)("c1", "m", 1, "recorded", text_calls="[x(a=1)]")
    assert asyncio.run(score_reply(card(THREE), case, written)).passed is True
