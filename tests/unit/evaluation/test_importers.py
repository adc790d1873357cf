from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.domain.message import ToolCall, ToolResult
from pointsman.errors import UsageError
from pointsman.evaluation.conversation import Conversation, turns
from pointsman.evaluation.importers.reader import ConversationFile, Line, read_tool_book
from pointsman.evaluation.tokens import answer_usages

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": "Where is it?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "name": "look", "content": "there"},
    {"role": "assistant", "content": "There."},
]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def write(folder: Path, *rows: Any, name: str = "talks.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def read(path: Path, **options: Any) -> tuple[list[Line], ConversationFile]:
    file = ConversationFile(path, **options)
    return list(file.lines()), file


def only(path: Path, **options: Any) -> Conversation:
    (line,), _ = read(path, **options)
    assert line.conversation is not None, line.problem
    return line.conversation


def test_the_neutral_format_needs_nothing_but_messages(tmp_path: Path) -> None:
    talk = only(write(tmp_path, {"messages": TALK}))

    assert talk.source == "openai"
    assert [message.role for message in talk.messages] == ["user", "assistant", "tool", "assistant"]
    assert talk.messages[1].parts == (ToolCall("c1", "look", '{"a": 1}'),)
    assert isinstance(talk.messages[2].parts[0], ToolResult)
    assert talk.tools == ()
    assert talk.channel == "chat"
    assert talk.id.startswith("sha-")


def test_a_made_up_id_is_the_same_on_every_reading(tmp_path: Path) -> None:
    path = write(tmp_path, {"messages": TALK})

    assert only(path).id == only(path).id


def test_own_tools_id_and_channel_are_kept(tmp_path: Path) -> None:
    talk = only(write(tmp_path, {"id": "t-1", "messages": TALK, "tools": [TOOL], "channel": "voice"}))

    assert (talk.id, talk.channel, [tool.name for tool in talk.tools]) == ("t-1", "voice", ["look"])


def test_a_tools_file_serves_every_conversation_without_tools(tmp_path: Path) -> None:
    tools = write(tmp_path, json.dumps([TOOL]), name="tools.json")
    given = only(write(tmp_path, {"messages": TALK}), tools=tools)
    own = only(write(tmp_path, {"messages": TALK, "tools": []}), tools=tools)

    assert [tool.name for tool in given.tools] == ["look"]
    assert own.tools == ()


def test_broken_lines_are_reported_with_their_number_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"messages": TALK},
        '{"messages": [',
        "",
        "[1, 2]",
        {"messages": []},
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "assistant", "content": "x"}]},
        {"messages": TALK, "channel": "pigeon"},
        {"id": "last", "messages": TALK},
    )
    lines, _ = read(path)

    good = [line.number for line in lines if line.conversation]
    bad = {line.number: line.problem or "" for line in lines if line.problem}
    assert good == [1, 9]
    assert sorted(bad) == [2, 4, 5, 6, 7, 8]
    assert "not valid JSON" in bad[2]
    assert "not an object" in bad[4]
    assert "nothing to route" in bad[5]
    assert "messages[0].role" in bad[6]
    assert "pigeon" in bad[8]


def test_bytes_that_are_no_text_are_one_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "talks.jsonl"
    path.write_bytes(b'{"messages": "\xff\xfe"}\n' + json.dumps({"messages": TALK}).encode())

    lines, _ = read(path)

    assert [line.conversation is not None for line in lines] == [False, True]


def test_a_deeply_nested_line_is_a_bad_line(tmp_path: Path) -> None:
    (line,), _ = read(write(tmp_path, '{"messages":' + "[" * 100_000 + "]" * 100_000 + "}"))

    assert line.problem is not None


def test_a_deeply_nested_tools_file_is_one_clear_error(tmp_path: Path) -> None:
    tools = write(tmp_path, "[" * 100_000, name="tools.json")

    with pytest.raises(UsageError, match="nested too deeply"):
        read_tool_book(tools)


@pytest.mark.parametrize(
    ("start", "said"), [(b"\x1f\x8b\x08", "gzip"), (b"PAR1", "Parquet"), ("\ufeff{}".encode("utf-16-le"), "UTF-16")]
)
def test_another_kind_of_file_is_named(tmp_path: Path, start: bytes, said: str) -> None:
    path = tmp_path / "talks.jsonl"
    path.write_bytes(start + b"\n")

    with pytest.raises(UsageError, match=said):
        read(path)


def test_a_row_of_another_kind_is_left_out_for_it_would_get_the_wrong_tools(tmp_path: Path) -> None:
    tau = {"source": "tau-bench", "messages": TALK}
    lines, _ = read(write(tmp_path, tau, {"messages": TALK}))
    named, _ = read(write(tmp_path, tau, {"messages": TALK}), format_name="tau")

    assert "openai row in a file that began as tau" in (lines[1].problem or "")
    assert all(line.conversation is not None for line in named)


def test_a_line_beyond_the_limit_is_skipped_not_held(tmp_path: Path) -> None:
    path = write(tmp_path, {"messages": TALK, "pad": "x" * 5000}, {"messages": TALK})

    lines, _ = read(path, max_line=1000)

    assert "longer than" in (lines[0].problem or "")
    assert lines[1].conversation is not None
    assert sum(line.size for line in lines) == path.stat().st_size


def test_one_array_in_the_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = write(tmp_path, [{"messages": TALK}])

    with pytest.raises(UsageError, match="one JSON array"):
        read(path)


def test_the_format_is_found_at_the_first_row_that_has_one(tmp_path: Path) -> None:
    lines, file = read(write(tmp_path, {"comment": "exported"}, {"messages": TALK}))

    assert file.format == "openai"
    assert "its fields: comment" in (lines[0].problem or "")
    assert lines[1].conversation is not None


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="auto, tau, sgd, openai"):
        ConversationFile(write(tmp_path, {"messages": TALK}), format_name="csv")


def test_a_missing_file_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        ConversationFile(tmp_path / "nothing.jsonl")


def tau_row(*extra: dict[str, Any]) -> dict[str, Any]:
    return {"source": "tau-bench", "domain": "airline", "task_id": 3, "trial": 1, "messages": [*TALK, *extra]}


def test_tau_runs_get_tools_and_policy_from_beside_the_file(tmp_path: Path) -> None:
    write(tmp_path, json.dumps([TOOL]), name="tau_airline_tools.json")
    (tmp_path / "tau_airline_policy.md").write_text("Be kind.")
    lines, file = read(write(tmp_path, tau_row()))
    talk = lines[0].conversation

    assert talk is not None
    assert file.format == "tau"
    assert talk.id == "tau-airline-3-1"
    assert [tool.name for tool in talk.tools] == ["look"]
    assert (talk.messages[0].role, talk.messages[0].text) == ("system", "Be kind.")
    assert file.notes == ["tools from tau_airline_tools.json", "system prompt from tau_airline_policy.md"]


def test_the_stop_mark_of_the_simulated_customer_is_no_customers_word(tmp_path: Path) -> None:
    thanks = {"role": "user", "content": "Thanks! ###STOP###"}
    stop = {"role": "user", "content": "###STOP###"}

    assert [turn.messages[-1].text for turn in turns(only(write(tmp_path, tau_row(thanks))))] == [
        "Where is it?",
        "Thanks!",
    ]
    assert len(list(turns(only(write(tmp_path, tau_row(stop)))))) == 1


def test_tau_runs_as_the_benchmark_writes_them(tmp_path: Path) -> None:
    talk = only(write(tmp_path, {"task_id": 0, "reward": 1.0, "trial": 2, "info": {}, "traj": TALK}))

    assert (talk.source, talk.id) == ("tau", "tau-task-0-2")


def test_a_domain_that_is_a_path_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "tau_x_policy.md").write_text("secret")
    row = {**tau_row(), "domain": "../tau_x"}

    talk = only(write(tmp_path / "in", row))

    assert talk.messages[0].role == "user"


def sgd_row(**extra: Any) -> dict[str, Any]:
    return {
        "id": "sgd-1",
        "source": "sgd",
        "source_split": "dev",
        "services": ["Look"],
        "tools": ["look", "unheard_of"],
        "messages": TALK,
        "gold_calls": [],
        **extra,
    }


def test_sgd_tools_are_found_by_split_and_name(tmp_path: Path) -> None:
    test_tool = {**TOOL, "function": {**TOOL["function"], "description": "the other split"}}  # type: ignore[dict-item]
    write(tmp_path, json.dumps({"dev:look": TOOL, "test:look": test_tool}), name="sgd_tools.json")

    dev = only(write(tmp_path, sgd_row()))
    test = only(write(tmp_path, sgd_row(source_split="test")))

    assert [tool.name for tool in dev.tools] == ["look", "unheard_of"]
    assert dev.tools[0].description == ""
    assert test.tools[0].description == "the other split"


def test_missing_schemas_are_said_aloud(tmp_path: Path) -> None:
    lines, file = read(write(tmp_path, sgd_row()))

    assert lines[0].conversation is not None
    assert [tool.parameters for tool in lines[0].conversation.tools] == [{}, {}]
    assert file.notes == ["no sgd_tools.json beside it: tools without schemas (--tools FILE gives them)"]


@pytest.mark.parametrize("content", ["{", '"x"', '[{"nothing": 1}]'])
def test_a_wrong_tools_file_is_named(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match="not a list of OpenAI tools"):
        read_tool_book(write(tmp_path, content, name="tools.json"))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "tool_calls", "function", "name", "id", "type", "text", "arguments"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
ROLE = st.sampled_from(["user", "assistant", "tool", "system", "developer", "function", "owner"])
MESSAGE = st.fixed_dictionaries(
    {"role": ROLE},
    optional={"content": ANYTHING, "tool_calls": ANYTHING, "tool_call_id": ANYTHING, "name": ANYTHING},
)
ROW = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, max_size=4) | ANYTHING},
    optional={
        "id": ANYTHING,
        "source": st.sampled_from(["sgd", "tau-bench"]) | ANYTHING,
        "tools": ANYTHING,
        "channel": ANYTHING,
        "domain": ANYTHING,
        "source_split": ANYTHING,
        "task_id": ANYTHING,
        "reward": ANYTHING,
        "traj": ANYTHING,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(ROW)
def test_whatever_a_row_holds_it_is_a_conversation_or_a_reason(tmp_path: Path, row: dict[str, Any]) -> None:
    (line,), _ = read(write(tmp_path, row))

    assert (line.conversation is None) != (line.problem is None)
    if line.conversation is not None:
        assert list(turns(line.conversation))
        assert len(answer_usages(line.conversation)) == len(list(turns(line.conversation)))


@pytest.mark.parametrize("text", ["\\ud800 alone", "\\u0000", "a\\udfffb"])
def test_odd_characters_do_not_stop_the_reading(tmp_path: Path, text: str) -> None:
    lines, _ = read(write(tmp_path, f'{{"messages": [{{"role": "user", "content": "{text}"}}]}}', {"messages": TALK}))

    assert lines[1].conversation is not None
    if lines[0].conversation is not None:
        lines[0].conversation.messages[0].text.encode()
