"""Tools told as text and read back: what goes up, and that a stream gives the same wherever its bytes are cut."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from pointsman.catalog.models import Model
from pointsman.domain.message import Image, Message, OutputFormat, Text, Tool, ToolCall, ToolChoice, ToolResult
from pointsman.domain.reply import Event, ReplyEnd, ReplyStart, TextDelta, ToolCallDelta, ToolCallStart, UsageReport
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.errors import RequestError, StreamBroken, UnsupportedParameter
from pointsman.providers.grammar_tools import GrammarTools
from pointsman.providers.openai_chat import OpenAIChat
from pointsman.providers.seam import Endpoint

DIALECT = GrammarTools(OpenAIChat())
MODEL = Model("local/m", "local", "m", "small", tools=True, structured_output="json_schema")
ENDPOINT = Endpoint("local", "llamacpp", "grammar_tools", "http://127.0.0.1:1/v1", "k")
ORDER = Tool("find_order", "Find it.", {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]})
HANG_UP = Tool("hang_up")
HELLO = Message("user", (Text("Hello"),))
CALL = '{"@tool":"find_order","arguments":{"id":"A-1 é"}}'
USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}


def sent(**fields: Any) -> Any:
    """Return the body that goes up for a turn."""
    fields.setdefault("messages", (HELLO,))
    return json.loads(DIALECT.encode(Turn(**fields), MODEL, ENDPOINT).body)


def stream_of(text: str, finish: str = "stop") -> bytes:
    pieces = [text[start : start + 3] for start in range(0, len(text), 3)] or [""]
    chunks: list[Any] = [{"id": "r1", "model": "m", "choices": [{"index": 0, "delta": {"content": p}}]} for p in pieces]
    chunks.append({"id": "r1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({"id": "r1", "model": "m", "choices": [], "usage": USAGE})
    frames = [b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n" for chunk in chunks]
    return b"".join(frames) + b"data: [DONE]\n\n"


def whole_of(text: str, finish: str = "stop") -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return json.dumps({"id": "r1", "model": "m", "choices": [choice], "usage": USAGE}).encode()


def read(pieces: list[bytes]) -> list[Event]:
    decoder = DIALECT.decoder({})
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.close()
    assert decoder.done
    return events


def text_in(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_what_goes_up_for_tools() -> None:
    body = sent(tools=(ORDER, HANG_UP))
    assert body.pop("grammar").startswith("root ::= call | text\n")
    assert body == snapshot(
        {
            "model": "m",
            "messages": [
                {
                    "role": "system",
                    "content": """\
To use a tool, answer with one JSON object and nothing else:
{"@tool":NAME,"arguments":{...}}
find_order: Find it. {"id":{"type":"string"}}
hang_up:  {}\
""",
                },
                {"role": "user", "content": "Hello"},
            ],
        }
    )


def test_calls_and_results_are_told_as_text() -> None:
    history = (
        HELLO,
        Message("assistant", (Text("Let me see."), ToolCall("c1", "find_order", '{"id":"A-1"}'))),
        Message("tool", (ToolResult("c1", (Text("shipped"),)), ToolResult("c2", (Text("down"),), is_error=True))),
    )
    assert sent(messages=history, tools=(ORDER,))["messages"][2:] == snapshot(
        [
            {
                "role": "assistant",
                "content": """\
Let me see.
{"@tool":"find_order","arguments":{"id":"A-1"}}\
""",
            },
            {
                "role": "user",
                "content": """\
Tool result: shipped
Tool result (error): down\
""",
            },
        ]
    )


@pytest.mark.parametrize(
    ("choice", "root"),
    [
        (None, "call | text"),
        (ToolChoice("auto"), "call | text"),
        (ToolChoice("required"), "call"),
        (ToolChoice("named", ("hang_up",)), "call"),
        (ToolChoice("none"), "text"),
    ],
)
def test_tool_choice_is_the_root_of_the_grammar(choice: ToolChoice | None, root: str) -> None:
    body = sent(tools=(ORDER, HANG_UP), tool_choice=choice)
    assert body["grammar"].splitlines()[0] == f"root ::= {root}"
    assert "tools" not in body
    assert "tool_choice" not in body


def test_only_the_allowed_tools_are_told_and_callable() -> None:
    body = sent(tools=(ORDER, HANG_UP), tool_choice=ToolChoice("named", ("hang_up",)))
    assert "find_order" not in json.dumps(body)
    with pytest.raises(RequestError, match="no tool of that name"):
        sent(tools=(ORDER,), tool_choice=ToolChoice("named", ("gone",)))


def test_without_tools_no_call_can_be_written() -> None:
    body = sent()
    assert body["grammar"].startswith("root ::= text\n")
    assert len(body["messages"]) == 1


def test_json_replies() -> None:
    shape = {"type": "object", "properties": {"a": {"type": "null"}}}
    body = sent(output_format=OutputFormat("json_schema", shape))
    assert "response_format" not in body
    assert body["grammar"].startswith("root ::= r")
    wider = OutputFormat("json_schema", {"type": "string", "pattern": "^a$"})
    body = sent(output_format=wider)
    assert body["response_format"]["json_schema"]["schema"] == wider.schema
    assert "grammar" not in body
    with pytest.raises(UnsupportedParameter) as refused:
        sent(output_format=wider, tools=(ORDER,))
    assert refused.value.param == "response_format"
    assert sent(output_format=OutputFormat("json_object"))["grammar"].startswith("root ::= r")


def test_a_grammar_of_the_clients_own() -> None:
    own = {"grammar": 'root ::= "yes" | "no"'}
    assert sent(extras=own)["grammar"] == own["grammar"]
    with pytest.raises(UnsupportedParameter):
        sent(extras=own, tools=(ORDER,))


def test_a_picture_in_a_result_is_refused_not_lost() -> None:
    result = Message("tool", (ToolResult("c1", (Image(url="https://example.com/a.png"),)),))
    with pytest.raises(UnsupportedParameter, match="image"):
        sent(messages=(HELLO, result), tools=(ORDER,))


@given(
    st.lists(st.integers(0, len(stream_of(CALL)))), st.sampled_from([CALL, "Hello é!", '{"@too late', '{"a":1}', "{"])
)
def test_a_stream_cut_anywhere_gives_the_same(cuts: list[int], text: str) -> None:
    data = stream_of(text)
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    cut = read([data[start:end] for start, end in itertools.pairwise(edges)])
    whole = read([data])
    assert [event for event in cut if not isinstance(event, TextDelta)] == [
        event for event in whole if not isinstance(event, TextDelta)
    ]
    assert text_in(cut) == text_in(whole) == ("" if text == CALL else text)


def test_a_streamed_call() -> None:
    assert read([stream_of(CALL)]) == snapshot(
        [
            ReplyStart(id="r1", model="m"),
            UsageReport(
                usage=Usage(
                    input_uncached=5, output=5, cache_read=4, cache_write=None, cache_write_1h=None, reasoning=None
                )
            ),
            ToolCallStart(index=0, id="call_fec306871a26f5287073607b", name="find_order", origin_state=None),
            ToolCallDelta(index=0, arguments='{"id": "A-1 é"}'),
            ReplyEnd(stop_reason="tool_use", stop_sequence=None),
        ]
    )


def test_a_whole_call() -> None:
    reply = DIALECT.decode_reply(whole_of(CALL), {})
    (call,) = reply.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("find_order", {"id": "A-1 é"})
    assert reply.stop_reason == "tool_use"
    assert reply.text == ""
    assert reply.usage is not None
    assert (reply.usage.cache_read, reply.usage.output) == (4, 5)


def test_a_whole_and_a_streamed_call_have_the_same_id() -> None:
    (call,) = DIALECT.decode_reply(whole_of(CALL), {}).tool_calls
    (start,) = [event for event in read([stream_of(CALL)]) if isinstance(event, ToolCallStart)]
    assert start.id == call.id


@pytest.mark.parametrize(
    "text",
    [
        CALL[:-9],
        '{"@tool":"find_order"}',
        '{"@tool":7,"arguments":{}}',
        '{"@tool":"find_order","arguments":[]}',
        CALL + " and more",
        " " + CALL,
        '{"@tools":1}',
    ],
)
@pytest.mark.parametrize("finish", ["stop", "length"])
def test_what_is_not_a_whole_call_is_text(text: str, finish: str) -> None:
    reason = "end_turn" if finish == "stop" else "max_tokens"
    reply = DIALECT.decode_reply(whole_of(text, finish), {})
    assert (reply.text, reply.tool_calls, reply.stop_reason) == (text, (), reason)
    events = read([stream_of(text, finish)])
    assert text_in(events) == text
    assert isinstance(events[0], ReplyStart)
    assert events[-1] == ReplyEnd(reason)  # type: ignore[arg-type]
    assert any(isinstance(event, UsageReport) for event in events)
    assert not any(isinstance(event, ToolCallStart | ToolCallDelta) for event in events)


def test_text_flows_as_soon_as_it_cannot_be_a_call() -> None:
    decoder = DIALECT.decoder({})
    data = stream_of('{"a": "long text"}')
    frames = [frame + b"\n\n" for frame in data.split(b"\n\n") if frame]
    assert text_in(decoder.feed(frames[0])) == '{"a'
    assert text_in(decoder.feed(frames[1])) == '": '


def test_a_stream_that_breaks_inside_a_call_is_broken() -> None:
    decoder = DIALECT.decoder({})
    frames = stream_of(CALL).split(b"\n\n")
    decoder.feed(b"\n\n".join(frames[:3]) + b"\n\n")
    with pytest.raises(StreamBroken):
        decoder.close()
    assert not decoder.done


def test_the_key_goes_up_and_is_not_shown() -> None:
    outgoing = DIALECT.encode(Turn(messages=(HELLO,)), MODEL, ENDPOINT)
    assert outgoing.headers["authorization"] == "Bearer k"
    assert "Bearer" not in repr(outgoing)
    assert "'k'" not in repr(ENDPOINT)


def test_the_same_beginning_gives_the_same_bytes() -> None:
    """Else the model's prompt cache would miss."""
    short = Turn(messages=(HELLO,), tools=(ORDER,))
    longer = msgspec.structs.replace(short, messages=(HELLO, Message("assistant", (Text("Hi"),)), HELLO))
    first, second = (json.loads(DIALECT.encode(turn, MODEL, ENDPOINT).body)["messages"] for turn in (short, longer))
    assert second[: len(first)] == first
