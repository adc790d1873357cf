from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.message import Message, Text, Tool, ToolResult
from pointsman.domain.turn import Turn
from pointsman.errors import UsageError
from pointsman.evaluation.case_file import CaseIndex, decode_case, encode_case, read_cases
from pointsman.evaluation.cases import Case, CaseVersion, Gold, GoldCall, Taped
from pointsman.evaluation.import_cases import CaseWriter, Imported
from pointsman.evaluation.importers.case_seam import Wanted
from pointsman.evaluation.importers.case_source import CaseSource

TOOL = {"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}}
CALL = {"id": "t1", "type": "function", "function": {"name": "get_order", "arguments": '{"id": "A-1"}'}}
ASKED = [{"role": "user", "content": "Where is my order A-1?"}]
ANSWERED = [
    *ASKED,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "t1", "content": "shipped"},
    {"role": "assistant", "content": "It is on its way."},
    {"role": "user", "content": "Thanks"},
    {"role": "assistant", "content": "You are welcome."},
]


def read(
    tmp_path: Path, *rows: Any, wanted: Wanted | None = None, name: str = "log.jsonl"
) -> tuple[Imported, list[Case]]:
    file, to = tmp_path / name, tmp_path / "cases.jsonl"
    file.write_text("".join(row + "\n" if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    writer = CaseWriter(to)
    writer.take(file.name, CaseSource(file, wanted=wanted).read())
    return writer.finish(), [line.case for line in read_cases(to) if line.case]


def test_every_turn_of_the_agent_is_a_case_with_its_tape(tmp_path: Path) -> None:
    done, cases = read(tmp_path, {"id": "c-1", "messages": ANSWERED, "tools": [TOOL]})
    assert [case.id for case in cases] == ["c-1#1", "c-1#3", "c-1#5"]
    assert [len(case.turn.messages) for case in cases] == [1, 3, 5]
    assert cases[0].tape == (Taped("get_order", {"id": "A-1"}, ToolResult("t1", (Text("shipped"),))),)
    assert {case.conversation_id for case in cases} == {"c-1"}
    assert done.with_gold == 0


def test_what_was_recorded_becomes_gold_only_when_asked_for(tmp_path: Path) -> None:
    _, cases = read(tmp_path, {"id": "c-1", "messages": ANSWERED}, wanted=Wanted(recorded_gold=True))
    assert cases[0].gold == Gold("calls", calls=(GoldCall("get_order", {"id": ("A-1",)}),))
    assert cases[1].gold == Gold("no_call", reply="It is on its way.")


def test_a_whole_run_keeps_tape_and_the_customers_later_words(tmp_path: Path) -> None:
    _, cases = read(tmp_path, {"id": "c-1", "messages": ANSWERED}, wanted=Wanted(grain="runs"))
    assert [case.id for case in cases] == ["c-1"]
    assert [message.text for message in cases[0].customer] == ["Thanks"]
    assert [taped.name for taped in cases[0].tape] == ["get_order"]


def test_bad_rows_are_told_with_their_place_and_the_rest_goes_in(tmp_path: Path) -> None:
    done, cases = read(
        tmp_path, {"messages": ANSWERED}, "{broken", {"nothing": 1}, {"messages": [{"role": "god"}]}, [1]
    )
    assert len(cases) == 3
    assert [where for where, _ in done.problems] == [
        "log.jsonl: line 2",
        "log.jsonl: line 3",
        "log.jsonl: line 4",
        "log.jsonl: line 5",
    ]
    assert "not valid JSON" in done.problems[0][1]
    assert "nothing" in done.problems[1][1]


def test_nothing_goes_in_twice(tmp_path: Path) -> None:
    once, _ = read(tmp_path, {"id": "c-1", "messages": ANSWERED})
    twice, cases = read(tmp_path, {"id": "c-1", "messages": ANSWERED}, {"id": "c-1", "messages": ANSWERED})
    assert (twice.cases, twice.twice) == (3, 3)
    assert once.version == twice.version
    assert len({case.id for case in cases}) == 3


def test_one_id_for_two_conversations_gets_a_longer_one(tmp_path: Path) -> None:
    other = [{"role": "user", "content": "Something else"}, {"role": "assistant", "content": "Yes?"}]
    _, cases = read(tmp_path, {"id": "c", "messages": ANSWERED[:2]}, {"id": "c", "messages": other})
    assert cases[0].id == "c#1"
    assert cases[1].id.startswith("c#1~")


def test_an_import_that_reads_nothing_leaves_the_old_file(tmp_path: Path) -> None:
    read(tmp_path, {"messages": ANSWERED})
    before = (tmp_path / "cases.jsonl").read_bytes()
    with pytest.raises(UsageError, match="no case could be read"):
        read(tmp_path, "{broken")
    assert (tmp_path / "cases.jsonl").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    "row",
    [
        {"model": "gpt-x", "messages": ASKED, "tools": [TOOL], "max_tokens": 50},
        {"request": {"model": "gpt-x", "messages": ASKED, "tools": [TOOL], "max_tokens": 50}},
        {"custom_id": "r", "body": {"model": "gpt-x", "messages": ASKED, "tools": [TOOL], "max_completion_tokens": 50}},
        {"request": json.dumps({"model": "gpt-x", "messages": ASKED, "tools": [TOOL], "max_tokens": 50})},
    ],
)
def test_openai_requests_in_the_wrappers_loggers_use(tmp_path: Path, row: Any) -> None:
    done, (case,) = read(tmp_path, row)
    assert done.by_format == {"openai": 1}
    assert case.turn.max_output_tokens == 50
    assert [tool.name for tool in case.turn.tools] == ["get_order"]
    assert case.turn.messages[-1].text == "Where is my order A-1?"
    assert case.conversation_id.startswith("auto-")


def test_an_openai_reply_is_the_recorded_answer(tmp_path: Path) -> None:
    reply = {
        "model": "gpt-x-2",
        "choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60}},
    }
    row = {
        "id": "r-1",
        "request": {"model": "gpt-x", "messages": ASKED},
        "response": {"status_code": 200, "body": reply},
    }
    file, answers = tmp_path / "log.jsonl", tmp_path / "answers.jsonl"
    file.write_text(json.dumps(row))
    writer = CaseWriter(tmp_path / "cases.jsonl", answers=answers)
    writer.take("log", CaseSource(file, wanted=Wanted(recorded_gold=True)).read())
    assert writer.finish().shipped == 1
    kept = json.loads(answers.read_text())
    assert (kept["case_id"], kept["model"], kept["reply"]["model"]) == ("r-1", "shipped", "gpt-x-2")
    assert (kept["usage"]["input_uncached"], kept["usage"]["cache_read"]) == (40, 60)


def test_a_logged_calls_result_is_found_in_a_later_request(tmp_path: Path) -> None:
    said = {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}]}
    later = {"model": "m", "messages": [*ASKED, *ANSWERED[1:3]]}
    unanswered = {
        "id": "z",
        "request": {"model": "m", "messages": [{"role": "user", "content": "Other"}]},
        "response": said,
    }
    _, cases = read(
        tmp_path, {"id": "r-1", "request": {"model": "m", "messages": ASKED}, "response": said}, later, unanswered
    )
    by_id = {case.id: case for case in cases}
    assert by_id["r-1"].tape == (Taped("get_order", {"id": "A-1"}, ToolResult("t1", (Text("shipped"),))),)
    assert by_id["z"].tape == ()
    assert len({case.conversation_id for case in cases}) == 2


def test_anthropic_requests_with_results_inside_a_user_message(tmp_path: Path) -> None:
    body = {
        "model": "claude-x",
        "max_tokens": 99,
        "system": "Be kind.",
        "tools": [{"name": "get_order", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "Where is it?"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "get_order", "input": {"id": "A-1"}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "shipped"},
                    {"type": "text", "text": "And?"},
                ],
            },
        ],
    }
    reply = {
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "On its way"}],
    }
    done, (case,) = read(tmp_path, {"request": body, "response": reply}, wanted=Wanted(recorded_gold=True))
    assert done.by_format == {"anthropic": 1}
    assert [message.role for message in case.turn.messages] == ["system", "user", "assistant", "tool", "user"]
    assert case.gold == Gold("no_call", reply="On its way")


def test_a_json_document_of_rows_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    file.write_text(json.dumps([{"id": "c", "messages": ANSWERED}, 7], indent=1))
    rows = list(CaseSource(file).read())
    assert [len(row.found) for row in rows] == [3, 0]
    assert (rows[1].place, rows[1].problem) == ("item 2", "a JSON number, not an object")


def test_bfcl_rows_keep_the_checkers_words_and_optional_arguments(tmp_path: Path) -> None:
    row = {
        "case_id": "simple_0",
        "category": "simple",
        "core": True,
        "messages": json.dumps(ASKED),
        "tools": json.dumps([TOOL]),
        "tools_raw": json.dumps(
            [{"name": "get_order", "parameters": {"type": "dict", "properties": {}, "required": []}}]
        ),
        "gold_kind": "ast",
        "gold": json.dumps({"get_order": {"id": ["A-1", "a1"], "unit": ["cm", ""]}}),
    }
    _, (case,) = read(tmp_path, row)
    assert case.gold is not None
    assert case.gold.calls == (GoldCall("get_order", {"id": ("A-1", "a1"), "unit": ("cm",)}, frozenset({"unit"})),)
    assert case.gold.oracle is not None
    assert case.gold.oracle["benchmark"] == "bfcl"
    assert case.tags == {"category": "simple", "language": "python", "core": "true"}


def test_a_case_written_by_hand(tmp_path: Path) -> None:
    row = {
        "messages": ASKED,
        "gold": {
            "calls": [
                {"name": "get_order", "arguments": {"id": "A-1"}, "allowed": {"unit": ["cm", "m"]}, "writes": False}
            ]
        },
        "tape": [{"name": "get_order", "arguments": {"id": "A-1"}, "result": {"state": "shipped"}}],
        "tags": {"intent": "status", "vip": True},
    }
    _, (case,) = read(tmp_path, row)
    assert case.gold == Gold(
        "calls", calls=(GoldCall("get_order", {"id": ("A-1",), "unit": ("cm", "m")}, writes=False),)
    )
    assert case.tape[0].result.content == (Text('{"state":"shipped"}'),)
    assert case.tags == {"intent": "status", "vip": "true"}
    assert case.id.startswith("sha-")


@pytest.mark.parametrize(
    ("gold", "word"),
    [({}, "says nothing"), ({"calls": []}, "no_call"), ("x", "object"), ({"calls": [{"name": 1}]}, "gold.calls[0]")],
)
def test_gold_that_says_nothing_is_refused(tmp_path: Path, gold: Any, word: str) -> None:
    with pytest.raises(UsageError, match=word.replace("[", r"\[")):
        read(tmp_path, {"messages": ASKED, "gold": gold})


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
CASES = st.builds(
    Case,
    id=TEXT.filter(bool),
    conversation_id=TEXT.filter(bool),
    source=TEXT,
    turn=st.builds(
        Turn,
        messages=st.lists(st.builds(lambda text: Message("user", (Text(text),)), TEXT), min_size=1, max_size=3).map(
            tuple
        ),
        tools=st.lists(st.builds(Tool, TEXT), max_size=2).map(tuple),
        max_output_tokens=st.none() | st.integers(1, 9),
    ),
    gold=st.none()
    | st.builds(lambda name: Gold("calls", calls=(GoldCall(name, {"a": (1, "x", None)}, frozenset({"b"})),)), TEXT),
    tape=st.just((Taped("f", {"x": [1, 2.5]}, ToolResult("i", (Text("r"),))),)),
    tags=st.dictionaries(TEXT, TEXT, max_size=2),
)


@given(CASES)
def test_a_case_survives_the_file(case: Case) -> None:
    assert decode_case(encode_case(case)) == case


def version(cases: list[Case]) -> str:
    found = CaseVersion()
    for one in cases:
        found.add(one)
    return found.text


@given(st.lists(CASES, max_size=4, unique_by=lambda case: case.id), st.randoms())
def test_the_version_is_that_of_the_content_whatever_the_order(cases: list[Case], chance: Any) -> None:
    mixed = cases.copy()
    chance.shuffle(mixed)
    assert version(cases) == version(mixed)
    if cases:
        assert version(cases) != version(cases[1:])


def test_an_index_reads_in_an_order_of_its_own_and_tells_doubles(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    case = Case("a", "a", "t", Turn((Message("user", (Text("hi"),)),)))
    cases = [msgspec.structs.replace(case, id=str(n)) for n in range(50)]
    file.write_bytes(b"".join(map(encode_case, [*cases, cases[0]])) + b"{nonsense\n")
    with CaseIndex(file) as index:
        order = [one.id for one in index]
        assert sorted(order) == sorted(one.id for one in cases)
        assert order != [one.id for one in cases]
        assert [number for number, _ in index.problems] == [51, 52]
        assert index.version == version(cases)
    with CaseIndex(file, limit=10) as some:
        assert [one.id for one in some] == order[:10]


def test_a_newer_case_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text('{"pointsman_cases": 99}\n')
    with pytest.raises(UsageError, match="version 99"):
        list(read_cases(file))


def test_a_conversation_that_waits_for_an_answer_is_a_case(tmp_path: Path) -> None:
    file = tmp_path / "waiting.jsonl"
    waiting = {"id": "w", "messages": [{"role": "user", "content": "Hello?"}]}
    greeted = {"id": "g", "messages": [{"role": "assistant", "content": "Hi"}, {"role": "user", "content": "x"}]}
    over = {"id": "o", "messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "end"}]}
    file.write_text("".join(json.dumps(one) + "\n" for one in (waiting, greeted, over)))
    first, second, third = CaseSource(file).read()
    assert [found.case.id for found in (*first.found, *second.found)] == ["w", "g"]
    assert third.problem is not None
    assert "no answer is due" in third.problem


def test_under_the_head_of_a_case_file_every_line_is_a_case(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    plain = {"id": "plain", "messages": [{"role": "user", "content": "x"}]}
    both = {**plain, "id": "both", "gold": {"no_call": True, "calls": [{"name": "f"}]}}
    file.write_text("".join(json.dumps(one) + "\n" for one in ({"pointsman_cases": 1}, plain, both)))
    _, first, second = CaseSource(file).read()
    assert (first.format, first.found[0].case.id) == ("cases", "plain")
    assert "both calls and no_call" in (second.problem or "")


def test_a_line_in_another_encoding_says_so(tmp_path: Path) -> None:
    file = tmp_path / "latin.jsonl"
    file.write_bytes('{"messages": [{"role": "user", "content": "café"}]}\n'.encode("latin-1"))
    (row,) = CaseSource(file).read()
    assert row.problem == "not UTF-8 text: write the file in UTF-8"
