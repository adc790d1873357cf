"""Exports of other tools, in the shapes their documentation and code show."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Gold
from pointsman.evaluation.free_run import run_free
from pointsman.evaluation.importers.case_seam import Found, Wanted
from pointsman.evaluation.importers.case_source import CaseSource, Read
from pointsman.evaluation.importers.rows_of import Row
from pointsman.evaluation.recorded import open_recorded

ASKED = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is A-1?"}]
ARGUMENTS = '{"id":"A-1"}'
CALL = {"id": "t1", "type": "function", "function": {"name": "get_order", "arguments": ARGUMENTS}}
TOOL = {"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}}


def rows(tmp_path: Path, *data: Any, wanted: Wanted | None = None) -> list[Read]:
    file = tmp_path / "log.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in data))
    return list(CaseSource(file, wanted=wanted).read())


def one(tmp_path: Path, data: Any) -> Found:
    (found,) = [found for row in rows(tmp_path, data) for found in row.found]
    return found


def calls(found: Found) -> list[tuple[str, str]]:
    assert found.shipped is not None
    assert found.shipped.reply is not None
    return [(call.name, call.arguments) for call in found.shipped.reply.tool_calls]


def test_litellm_spend_logs(tmp_path: Path) -> None:
    reply = {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}]}
    row = {
        "request_id": "chatcmpl-1", "call_type": "acompletion", "spend": 0.00012, "model": "gpt-x", "session_id": "s-1",
        "startTime": "2026-11-01T10:00:00.000Z", "endTime": "2026-11-01T10:00:02.500Z",
        "completionStartTime": "2026-11-01T10:00:00.400Z", "messages": ASKED, "response": reply,
        "proxy_server_request": json.dumps({"model": "gpt-x", "messages": ASKED, "tools": [TOOL]}),
    }  # fmt: skip
    found = one(tmp_path, row)
    assert (found.case.source, found.case.conversation_id) == ("litellm", "s-1")
    assert [tool.name for tool in found.case.turn.tools] == ["get_order"]
    assert calls(found) == [("get_order", ARGUMENTS)]
    assert found.shipped is not None
    assert (found.shipped.cost_usd, found.shipped.latency_ms, found.shipped.ttft_ms) == (
        Decimal("0.00012"),
        2500.0,
        400.0,
    )


def test_a_spend_log_without_prompts_says_so(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, {"request_id": "x", "spend": 0.1, "messages": {}, "response": {}})
    assert "did not keep prompts" in (row.problem or "")


def test_langfuse_observations_and_traces(tmp_path: Path) -> None:
    generation = {
        "id": "o-1", "traceId": "t-1", "type": "GENERATION", "model": "gpt-x", "input": {"messages": ASKED, "tools": [TOOL]},
        "output": {"role": "assistant", "content": None, "tool_calls": [CALL]}, "modelParameters": {"temperature": 0.2},
        "usage": {"input": 50, "output": 7}, "calculatedTotalCost": 0.002,
    }  # fmt: skip
    found = one(tmp_path, generation)
    assert found.case.conversation_id == "t-1"
    assert found.case.turn.sampling.temperature == 0.2
    assert calls(found) == [("get_order", ARGUMENTS)]
    assert found.shipped is not None
    assert found.shipped.usage is not None
    assert (found.shipped.usage.input_uncached, found.shipped.cost_usd) == (50, Decimal("0.002"))
    trace = {"id": "t-1", "sessionId": "s-9", "observations": [{"type": "SPAN", "id": "x"}, generation]}
    assert one(tmp_path, trace).case.conversation_id == "s-9"
    assert [row.found for row in rows(tmp_path, {"type": "SPAN", "traceId": "t", "id": "x"})] == [()]


def test_langfuse_data_set_items(tmp_path: Path) -> None:
    found = one(tmp_path, {"id": "i", "datasetId": "d", "input": "Where is it?", "expectedOutput": "On its way"})
    assert found.case.gold == Gold("reply", reply="On its way")


def test_promptfoo_results(tmp_path: Path) -> None:
    result = {
        "prompt": {"raw": json.dumps(ASKED), "label": "p"}, "vars": {}, "provider": {"id": "openai:gpt-x"}, "latencyMs": 900,
        "cost": 0.01, "response": {"output": "It is on its way."}, "success": True,
        "testCase": {"assert": [{"type": "contains", "value": "way"}, {"type": "not-contains", "value": "sorry"},
                                {"type": "javascript", "value": "x()"}]},
    }  # fmt: skip
    plain = {
        **result,
        "prompt": {"raw": "Where is it?"},
        "testCase": {"assert": [{"type": "equals", "value": "There"}]},
    }
    file = tmp_path / "out.json"
    file.write_text(json.dumps({"evalId": "e", "results": {"version": 3, "results": [result, plain]}}, indent=2))
    found = [one for row in CaseSource(file).read() for one in row.found]
    assert [one.case.gold for one in found] == [
        Gold("reply", must_mention=("way",), forbidden=("sorry",)),
        Gold("reply", reply="There"),
    ]
    assert [len(one.case.turn.messages) for one in found] == [2, 1]
    assert found[0].shipped is not None
    assert found[0].shipped.model == "openai:gpt-x"


def attributes(**given: Any) -> list[dict[str, Any]]:
    found = []
    for name, value in given.items():
        kind = "intValue" if isinstance(value, int) else "doubleValue" if isinstance(value, float) else "stringValue"
        found.append({"key": name, "value": {kind: str(value) if kind == "intValue" else value}})
    return found


NEW = attributes(
    **{
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-x", "gen_ai.conversation.id": "c-1",
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be kind."}]),
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Where is A-1?"}]}]),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "finish_reason": "tool_call", "parts": [
            {"type": "tool_call", "id": "t1", "name": "get_order", "arguments": {"id": "A-1"}}]}]),
        "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "get_order", "parameters": {"type": "object"}}]),
        "gen_ai.usage.input_tokens": 50, "gen_ai.usage.output_tokens": 7, "gen_ai.response.time_to_first_chunk": 0.4,
    }
)  # fmt: skip
OLD = attributes(
    **{
        "gen_ai.system": "openai", "gen_ai.request.model": "gpt-x", "traceloop.association.properties.session_id": "c-1",
        "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "Be kind.",
        "gen_ai.prompt.1.role": "user", "gen_ai.prompt.1.content": "Where is A-1?",
        "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.tool_calls.0.id": "t1",
        "gen_ai.completion.0.tool_calls.0.name": "get_order", "gen_ai.completion.0.tool_calls.0.arguments": ARGUMENTS,
        "llm.request.functions.0.name": "get_order", "llm.request.functions.0.parameters": '{"type": "object"}',
        "gen_ai.usage.prompt_tokens": 50, "gen_ai.usage.completion_tokens": 7,
    }
)  # fmt: skip
INFERENCE = attributes(
    **{
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-x", "session.id": "c-1",
        "llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "Be kind.",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.contents.0.message_content.type": "text",
        "llm.input_messages.1.message.contents.0.message_content.text": "Where is A-1?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "t1",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "get_order",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": ARGUMENTS,
        "llm.tools.0.tool.json_schema": json.dumps(TOOL), "llm.token_count.prompt": 50, "llm.token_count.completion": 7,
    }
)  # fmt: skip


@pytest.mark.parametrize("names", [NEW, OLD, INFERENCE], ids=["gen_ai", "gen_ai before 2025", "openinference"])
def test_otlp_in_json(tmp_path: Path, names: list[dict[str, Any]]) -> None:
    span = {
        "traceId": "aa", "spanId": "bb", "name": "chat", "startTimeUnixNano": "1000000000", "endTimeUnixNano": "3500000000",
        "attributes": names,
    }  # fmt: skip
    other = {"traceId": "aa", "spanId": "cc", "name": "db", "attributes": attributes(**{"db.system": "x"})}
    found = one(tmp_path, {"resourceSpans": [{"scopeSpans": [{"spans": [other, span]}]}]})
    assert (found.case.source, found.case.conversation_id) == ("otlp", "c-1")
    assert [(message.role, message.text) for message in found.case.turn.messages] == [
        ("system", "Be kind."),
        ("user", "Where is A-1?"),
    ]
    assert [tool.name for tool in found.case.turn.tools] == ["get_order"]
    assert calls(found) == [("get_order", ARGUMENTS)]
    assert found.shipped is not None
    assert found.shipped.usage is not None
    assert (found.shipped.usage.input_uncached, found.shipped.usage.output, found.shipped.latency_ms) == (50, 7, 2500.0)


def test_a_phoenix_span_with_nested_attributes(tmp_path: Path) -> None:
    message = {"message": {"role": "user", "content": "Where is it?"}}
    span = {
        "name": "ChatCompletion", "span_kind": "LLM", "context": {"trace_id": "aa", "span_id": "bb"},
        "attributes": {"llm": {"model_name": "gpt-x", "input_messages": [message],
                               "output_messages": [{"message": {"role": "assistant", "content": "There."}}]}},
    }  # fmt: skip
    found = one(tmp_path, span)
    assert found.case.turn.messages[-1].text == "Where is it?"
    assert (found.case.id, found.case.conversation_id) == ("bb", "aa")
    assert found.shipped is not None
    assert found.shipped.reply is not None
    assert found.shipped.reply.text == "There."


def test_tool_results_inside_new_style_messages(tmp_path: Path) -> None:
    history = [
        {"role": "user", "parts": [{"type": "text", "content": "Where is A-1?"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "t1", "name": "get_order", "arguments": {"id": "A-1"}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t1", "response": {"state": "shipped"}}]},
    ]
    span = {"spanId": "b", "traceId": "a", "attributes": attributes(**{"gen_ai.input.messages": json.dumps(history)})}
    found = one(tmp_path, {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    assert [message.role for message in found.case.turn.messages] == ["user", "assistant", "tool"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WORDS = """messages request body response input output observations traceId type attributes spanId resourceSpans scopeSpans
spans key value stringValue results prompt vars testCase request_id spend gold tape tools turn case_id gold_kind task_id reward
services gold_calls model choices content role system conversation tags"""
KEYS = st.sampled_from(WORDS.split())


@given(
    st.dictionaries(
        KEYS, JSON | st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON, max_size=4), max_size=4), max_size=6
    )
)
def test_no_row_breaks_an_import(data: dict[str, Any]) -> None:
    # The one place every row of every file goes through.
    assert all(
        read.found or read.problem is not None or read.format
        for read in CaseSource(Path("x"))._row(Row("line 1", data))
    )


def test_tau2_simulations(tmp_path: Path) -> None:
    call = {"id": "t1", "name": "get_order", "arguments": {"id": "A-1"}, "requestor": "assistant"}
    messages = [
        {"role": "assistant", "content": "Hi! How can I help?"},
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "id": "t1", "content": "shipped", "requestor": "assistant"},
        {"role": "assistant", "content": "On its way."},
        {
            "role": "user",
            "content": None,
            "tool_calls": [{"id": "u1", "name": "look", "arguments": {}, "requestor": "user"}],
        },
        {"role": "tool", "id": "u1", "content": "x", "requestor": "user"},
        {"role": "user", "content": "###STOP###"},
    ]
    data = {
        "info": {"environment_info": {"domain_name": "retail", "policy": "Be kind."}},
        "tasks": [],
        "simulations": [{"id": "s", "task_id": "7", "trial": 1, "reward_info": {"reward": 1.0}, "messages": messages}],
    }
    file = tmp_path / "results.json"
    file.write_text(json.dumps(data, indent=2))
    (row,) = CaseSource(file).read()
    (found,) = row.found
    assert (found.case.id, found.case.conversation_id) == ("tau-retail-7-1", "tau-retail-7")
    assert [message.role for message in found.case.turn.messages] == ["system", "assistant", "user"]
    assert [taped.name for taped in found.case.tape] == ["get_order"]
    assert found.case.gold is not None
    assert found.case.gold.oracle is not None
    assert found.case.gold.oracle["recorded_reward"] == 1.0
    (model,) = open_recorded(f"recorded:{file}#agent", {})

    async def ask(turn: Turn, step: bytes) -> Answer | None:
        return await model.answer(found.case, turn, 1)

    answer = asyncio.run(run_free(found.case, ask))
    assert answer is not None
    assert answer.way is not None
    assert answer.way.whole
    assert answer.reply is not None
    assert answer.reply.text == "On its way."


GENERATION = {"id": "o-1", "traceId": "t-1", "type": "GENERATION", "input": ASKED, "output": "Hi"}
RESULT = {"prompt": {"raw": "Say hi"}, "vars": {}, "testCase": {}, "response": {"output": "hi"}}
RUN = {
    "task_id": "1",
    "trial": 0,
    "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
}
SPAN = {"spanId": "1", "traceId": "2", "attributes": {"llm": {"input_messages": [{"message": ASKED[1]}]}}}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"results": {"results": [RESULT, {"prompt": None}, 7]}}, "results[1]"),
        ({"id": "t-1", "observations": [GENERATION, {**GENERATION, "input": None}, 7]}, "observations[1]"),
        ({"simulations": [RUN, {"task_id": "2"}, 7]}, "simulations[1]"),
        (
            {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN, {**SPAN, "attributes": {"llm": {"input_messages": [
                {"message": {"role": "alien"}}]}}}, 7]}]}]},
            "resourceSpans[0].scopeSpans[0].spans[1]",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_document_leaves_its_other_parts(tmp_path: Path, document: Any, place: str) -> None:
    good, bad, worse = rows(tmp_path, document)
    assert (len(good.found), good.problem) == (1, None)
    assert (bad.found, bad.place, bool(bad.problem)) == ((), f"line 1, {place}", True)
    assert worse.problem


def test_a_table_of_spans_as_phoenix_writes_it(tmp_path: Path) -> None:
    row = {
        "name": "ChatCompletion", "span_kind": "LLM", "context.span_id": "s-1", "context.trace_id": "t-1",
        "start_time": "2026-11-01T10:00:00+00:00", "end_time": "2026-11-01T10:00:02+00:00",
        "attributes.llm.model_name": "gpt-x", "attributes.llm.token_count.prompt": 7, "attributes.llm.tools": None,
        "attributes.llm.input_messages": [{"message.role": "user", "message.content": "Where is A-1?"}],
        "attributes.llm.output_messages": [{"message.role": "assistant", "message.content": "On its way."}],
    }  # fmt: skip
    found = one(tmp_path, row)
    assert (found.case.id, found.case.conversation_id) == ("s-1", "t-1")
    assert found.shipped is not None
    assert found.shipped.latency_ms == 2000
