from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from inline_snapshot import snapshot

from pointsman.domain.message import Message, Text
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.case_file import encode_case
from pointsman.evaluation.cases import Case
from pointsman.evaluation.run_log import GradeHead, GradeRow, Logged, RunHead
from pointsman.learning.distill_formats import chat_problem, dpo_problem, sharegpt_problem
from pointsman.store.rejections import Rejection, record_rejection_sync
from support.trained import STRONG, WEAK, Shop, agent, called, lines, returned, user

TALK = (
    Message("system", (Text("You help."),)),
    user("Where is A-1?"),
    Message("assistant", (Text("I look."), called("toolu_01XyZ"))),
    returned("toolu_01XyZ", "shipped"),
    agent("On its way."),
    user("And B-2?"),
)


def test_a_chat_line_trains_on_the_last_answer_only(shop: Shop, tmp_path: Path) -> None:
    shop.turn(*TALK, said=(called("toolu_02AbC", '{"id": "B-2"}'),))
    shop.export(tmp_path / "set")
    (line,) = lines(tmp_path / "set")
    assert line["messages"] == snapshot(
        [
            {"role": "system", "content": "You help."},
            {"role": "user", "content": "Where is A-1?"},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_order", "arguments": '{"id": "A-1"}'},
                    }
                ],
                "weight": 0,
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "shipped"},
            {"role": "assistant", "content": "On its way.", "weight": 0},
            {"role": "user", "content": "And B-2?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_2",
                        "type": "function",
                        "function": {"name": "get_order", "arguments": '{"id": "B-2"}'},
                    }
                ],
                "weight": 1,
            },
        ]
    )
    assert line["tools"][0]["function"]["name"] == "get_order"
    assert set(line) == {"messages", "tools"}
    assert chat_problem(line) is None


def test_a_sharegpt_line_takes_turns(shop: Shop, tmp_path: Path) -> None:
    shop.turn(*TALK, said="Tomorrow.")
    shop.turn(user("Hello"), user("Is anybody there?"), said="Yes, I am.")
    shop.export(tmp_path / "set", "sharegpt")
    by_length = sorted(lines(tmp_path / "set"), key=lambda line: len(line["conversations"]))
    assert by_length[0]["conversations"] == snapshot(
        [{"from": "human", "value": "Hello\n\nIs anybody there?"}, {"from": "gpt", "value": "Yes, I am."}]
    )
    assert by_length[1]["conversations"] == snapshot(
        [
            {"from": "human", "value": "Where is A-1?"},
            {"from": "function_call", "value": '{"name":"get_order","arguments":{"id":"A-1"}}'},
            {"from": "observation", "value": "shipped"},
            {"from": "gpt", "value": "On its way."},
            {"from": "human", "value": "And B-2?"},
            {"from": "gpt", "value": "Tomorrow."},
        ]
    )
    assert by_length[1]["system"] == "You help."
    assert json.loads(by_length[1]["tools"])[0]["name"] == "get_order"
    assert all(sharegpt_problem(line) is None for line in by_length)


def test_pairs_set_a_good_answer_against_a_rejected_one_of_its_turn(shop: Shop, tmp_path: Path) -> None:
    turn = shop.turn(user("Sort this: refund A-1"), said='{"topic": "refund"}')
    shop.turn(user("A turn without a worse answer"))
    bad = Rejection(
        1, "rejected", "ticket", "v1", WEAK, (("bad_enum", "/topic", "x"),), '{"topic": "Refund"}', turn_id=turn
    )
    record_rejection_sync(shop.store, bad)
    done = shop.export(tmp_path / "set", "dpo")
    (line,) = lines(tmp_path / "set")
    assert line["prompt"] == [{"role": "user", "content": "Sort this: refund A-1"}]
    assert line["chosen"] == [{"role": "assistant", "content": '{"topic": "refund"}'}]
    assert line["rejected"] == [{"role": "assistant", "content": '{"topic": "Refund"}'}]
    assert line["provenance"]["model"] == STRONG
    assert (line["provenance"]["rejected_model"], line["provenance"]["rejected_for"]) == (WEAK, "contract:bad_enum")
    assert done.left_out == {"no_worse_answer": 1}


def test_pairs_set_answers_to_the_same_request_against_each_other(shop: Shop, tmp_path: Path) -> None:
    same = user("How long is the warranty?")
    shop.turn(same, said="Two years.")
    shop.turn(same, said="Forever!", model=WEAK)
    shop.feedback(shop.turn(same, said="No idea."), thumb="down")
    shop.feedback(shop.turn(same, said="24 months.", model=WEAK), thumb="up")
    shop.turn(same, said="Not mine to tell.", model=WEAK, consent=None)
    shop.export(tmp_path / "set", "dpo")
    found = {line["rejected"][0]["content"]: line for line in lines(tmp_path / "set")}
    assert set(found) == {"Forever!", "No idea."}
    assert {line["chosen"][0]["content"] for line in found.values()} == {"Two years."}
    assert {text: line["provenance"]["rejected_for"] for text, line in found.items()} == {
        "Forever!": "weaker_model",
        "No idea.": "negative_feedback",
    }


def test_the_same_calls_under_other_ids_are_no_pair(shop: Shop, tmp_path: Path) -> None:
    same = user("Where is A-1?")
    shop.turn(same, said=(called("one"),))
    shop.turn(same, said=(called("two"),), model=WEAK)
    done = shop.export(tmp_path / "set", "dpo")
    assert (done.written, done.left_out) == (0, {"not_strong": 1, "not_valid": 1})


def _replay(tmp_path: Path, *, mode: str = "fixed", consent: str = "yes") -> Path:
    """Write a replay of one case on disk: the strong model right, the weak one wrong once and right once."""
    turn = Turn((user("How long is the warranty?"),), metadata={"training_consent": consent})
    case = Case("case-1", "talk-1", "test", turn)
    (tmp_path / "cases.jsonl").write_bytes(encode_case(case))
    folder = tmp_path / "run"
    folder.mkdir()
    head = RunHead(str(tmp_path / "cases.jsonl"), "v", 1, 1, mode, (STRONG, WEAK), 2, "strict")  # type: ignore[arg-type]
    (folder / "run.json").write_bytes(msgspec.json.encode(head))
    given = [(STRONG, 1, "Two years.", True), (WEAK, 1, "Forever!", False), (WEAK, 2, "24 months.", True)]
    content = case.content.hex()[:12]
    grades = [
        GradeRow(
            "case-1", content, "talk-1", model, repeat, "recorded", passed=passed, kind=None if passed else "judged"
        )
        for model, repeat, _, passed in given
    ]
    answers = [
        Logged(text, Answer("case-1", model, repeat, "recorded", Reply("r", model, (Text(text),), "end_turn")))
        for model, repeat, text, _ in given
    ]
    written: dict[str, list[Any]] = {"grades": [GradeHead("strict", "v"), *grades], "answers": list(answers)}
    for name, rows in written.items():
        (folder / f"{name}.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return folder


def test_pairs_of_a_replay_set_the_right_answer_against_the_wrong_ones(shop: Shop, tmp_path: Path) -> None:
    done = shop.export(tmp_path / "set", "dpo", runs=[_replay(tmp_path)])
    (line,) = lines(tmp_path / "set")
    assert line["prompt"] == [{"role": "user", "content": "How long is the warranty?"}]
    assert (line["chosen"][0]["content"], line["rejected"][0]["content"]) == ("Two years.", "Forever!")
    assert line["provenance"] | {"conversation": ""} == snapshot(
        {
            "turn": "case-1",
            "conversation": "",
            "model": "openai/gpt-5.5",
            "route": "replay",
            "policy": "",
            "prompts": [],
            "at": None,
            "licence": "not stated",
            "consent": "metadata training_consent",
            "rejected_model": "openai/gpt-5-mini",
            "rejected_for": "grader:judged",
        }
    )
    assert (done.turns, done.first) == (1, None)


def test_a_replayed_case_needs_consent_and_may_not_be_in_an_evaluation_set(shop: Shop, tmp_path: Path) -> None:
    run = _replay(tmp_path, consent="no")
    assert shop.export(tmp_path / "set", "dpo", runs=[run]).left_out == {"no_consent": 1}
    excluded = shop.export(tmp_path / "s", "dpo", runs=[run], consent_ground="x", exclude=[tmp_path / "cases.jsonl"])
    assert excluded.left_out == {"in_evaluation_set": 1}


def test_a_replay_that_ran_freely_gives_no_pairs(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--mode fixed"):
        shop.export(tmp_path / "set", "dpo", runs=[_replay(tmp_path, mode="free")])


def test_a_router_line_tells_what_was_measured_and_how_it_ended(shop: Shop, tmp_path: Path) -> None:
    shop.turn(*TALK, said="Tomorrow.", model=WEAK, conversation="c")
    shop.ended("c", resolved=True, csat=5.0)
    shop.export(tmp_path / "set", "router")
    (line,) = lines(tmp_path / "set")
    assert (line["text"], line["before"], line["tier"], line["model"]) == ("And B-2?", "On its way.", "flagship", WEAK)
    assert line["features"] == {
        "messages": 6,
        "customer_turns": 2,
        "tools": 1,
        "in_tool_loop": False,
        "channel": "chat",
        "signals": {"size": {"tokens": 3}},
    }
    assert line["sufficient"] is True
    assert line["outcome"]["csat"] == 5.0


@pytest.mark.parametrize(
    ("changes", "feedback", "ended", "expected"),
    [
        ({}, {}, {}, None),
        ({"status": "error"}, {}, {}, False),
        ({}, {"thumb": "down"}, {"resolved": True}, False),
        ({}, {"rating": 5}, {"resolved": False}, True),
        ({}, {}, {"resolved": False}, False),
        ({}, {"route": "plan"}, {}, None),
    ],
)
def test_whether_a_turn_was_handled_well_enough(  # noqa: PLR0913, PLR0917 - a table of what was reported
    shop: Shop, tmp_path: Path, changes: Any, feedback: Any, ended: Any, expected: bool | None
) -> None:
    turn = shop.turn(conversation="c", **changes)
    if feedback:
        shop.feedback(turn, **feedback)
    if ended:
        shop.ended("c", **ended)
    shop.export(tmp_path / "set", "router")
    (line,) = lines(tmp_path / "set")
    assert line["sufficient"] is expected
    assert line["should_route"] == feedback.get("route")


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], None),
        ([{"role": "user", "content": "a"}], "no answer"),
        ([{"role": "assistant", "content": "b"}], "no answer"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}], "empty"),
        (
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "assistant", "content": "b"},
            ],
            "without its result",
        ),
        (
            [
                {"role": "user", "content": "a"},
                {"role": "tool", "tool_call_id": "c", "content": "x"},
                {"role": "assistant", "content": "b"},
            ],
            "without its call",
        ),
    ],
)
def test_a_chat_line_that_would_be_refused_is_found(messages: Any, problem: str | None) -> None:
    found = chat_problem({"messages": messages})
    assert found is None if problem is None else problem in (found or "")


def test_a_pair_of_the_same_answers_is_none() -> None:
    answer = [{"role": "assistant", "content": "b"}]
    line = {"prompt": [{"role": "user", "content": "a"}], "chosen": answer, "rejected": answer}
    assert dpo_problem(line) == "both answers are the same"


def test_sides_that_do_not_take_turns_are_found() -> None:
    turns = [{"from": "gpt", "value": "a"}, {"from": "human", "value": "b"}]
    assert sharegpt_problem({"conversations": turns}) is not None
