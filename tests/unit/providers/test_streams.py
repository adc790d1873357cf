"""Streams as real servers send them, odd ones included: the same events, or an error, never a silent half."""

from __future__ import annotations

import pytest

from pointsman.domain.reply import (
    Event,
    ReasoningDelta,
    RefusalDelta,
    ReplyEnd,
    ReplyStart,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from pointsman.domain.usage import Usage
from pointsman.errors import ProviderError, StreamBroken
from pointsman.providers.anthropic import Anthropic
from pointsman.providers.gemini import Gemini
from pointsman.providers.openai_chat import OpenAIChat
from pointsman.providers.openai_chat_stream import without_usage_chunk
from support.providers import read_all, read_stream, sse

OPENAI, ANTHROPIC, GEMINI = OpenAIChat(), Anthropic(), Gemini()


def _chunk(delta: str, finish: str = "null", more: str = "") -> str:
    return (
        f'{{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,'
        f'"delta":{delta},"finish_reason":{finish}}}]{more}}}'
    )


def _openai(*frames: str) -> list[Event]:
    events = read_stream(OPENAI, sse(*frames))
    assert events[0] == ReplyStart("c", "m")
    return events[1:]


CALL = '{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}'
USAGE_CHUNK = '{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}'


def test_openai_text_with_usage_chunk() -> None:
    events = _openai(
        _chunk('{"role":"assistant","content":""}'),
        _chunk('{"content":"hi"}'),
        _chunk("{}", '"length"'),
        USAGE_CHUNK,
        "[DONE]",
    )
    assert events == [TextDelta("hi"), UsageReport(Usage(5, 2)), ReplyEnd("max_tokens")]


def test_openai_parallel_calls_interleaved() -> None:
    second = CALL.replace('"index":0', '"index":1').replace("call_1", "call_2").replace('"f"', '"g"')
    events = _openai(
        _chunk(CALL),
        _chunk(second),
        _chunk(
            '{"tool_calls":[{"index":1,"function":{"arguments":"{\\"b\\":"}},{"index":0,'
            '"function":{"arguments":"{}"}}]}'
        ),
        _chunk('{"tool_calls":[{"index":1,"function":{"arguments":"2}"}}]}'),
        _chunk("{}", '"tool_calls"'),
        "[DONE]",
    )
    assert events == [
        ToolCallStart(0, "call_1", "f"),
        ToolCallStart(1, "call_2", "g"),
        ToolCallDelta(1, '{"b":'),
        ToolCallDelta(0, "{}"),
        ToolCallDelta(1, "2}"),
        ReplyEnd("tool_use"),
    ]


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        # Ollama: whole calls in one chunk, index missing or 0 for all, arguments perhaps an object.
        (
            (
                '[{"id":"a","function":{"name":"f","arguments":"{\\"x\\":1}"}},{"id":"b",'
                '"function":{"name":"g","arguments":{"y": 1.0}}}]'
            ),
            [(0, "a", "f", '{"x":1}'), (1, "b", "g", '{"y": 1.0}')],
        ),
        (
            (
                '[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}},{"index":0,"id":"b",'
                '"function":{"name":"g","arguments":"{}"}}]'
            ),
            [(0, "a", "f", "{}"), (1, "b", "g", "{}")],
        ),
        (
            '[{"function":{"name":"f"}},{"function":{"name":"f"}}]',
            [(0, "call_c_0", "f", "{}"), (1, "call_c_1", "f", "{}")],
        ),
    ],
)
def test_openai_odd_calls(calls: str, expected: list[tuple[int, str, str, str]]) -> None:
    events = _openai(_chunk(f'{{"tool_calls":{calls}}}'), _chunk("{}", '"stop"'), "[DONE]")

    starts = [event for event in events if type(event) is ToolCallStart]
    given = {event.index: event.arguments for event in events if type(event) is ToolCallDelta}
    assert [(start.index, start.id, start.name, given[start.index]) for start in starts] == expected
    assert events[-1] == ReplyEnd("tool_use")


def test_openai_pieces_of_a_call_without_index() -> None:
    opener = CALL.replace('"index":0,', "")
    events = _openai(
        _chunk(opener),
        _chunk('{"tool_calls":[{"function":{"arguments":"{\\"a\\""}}]}'),
        _chunk('{"tool_calls":[{"id":"call_1","function":{"arguments":":1}"}}]}'),
        _chunk("{}", '"tool_calls"'),
        "[DONE]",
    )
    assert events == [
        ToolCallStart(0, "call_1", "f"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"),
        ReplyEnd("tool_use"),
    ]


@pytest.mark.parametrize(
    ("delta", "events"),
    [
        ('{"reasoning_content":"hm"}', [ReasoningDelta("hm"), ReplyEnd("end_turn")]),
        ('{"reasoning":"hm"}', [ReasoningDelta("hm"), ReplyEnd("end_turn")]),
        ('{"refusal":"no"}', [RefusalDelta("no"), ReplyEnd("refusal")]),
        ('{"content":[{"type":"text","text":"a"}]}', [TextDelta("a"), ReplyEnd("end_turn")]),
        ('{"function_call":{"name":"f"},"content":"a","obfuscation":"x"}', [TextDelta("a"), ReplyEnd("end_turn")]),
    ],
)
def test_openai_fields_in_which_servers_differ(delta: str, events: list[Event]) -> None:
    assert _openai(_chunk(delta), _chunk("{}", '"stop"'), "[DONE]") == events


def test_openai_ends() -> None:
    text = _chunk('{"content":"a"}')
    assert _openai(text, _chunk("{}", '"eos"'), "[DONE]")[-1] == ReplyEnd("end_turn")
    assert _openai(text, _chunk("{}", '"content_filter"'), "[DONE]")[-1] == ReplyEnd("refusal")
    assert _openai(_chunk(CALL), _chunk("{}", '"length"'), "[DONE]")[-1] == ReplyEnd("max_tokens")
    assert _openai(text, _chunk("{}", '"stop"'))[-1] == ReplyEnd("end_turn")  # a clean end without [DONE]
    assert _openai(text, "[DONE]")[-1] == ReplyEnd("end_turn")  # Ollama: finish_reason stays null
    for frames in ([text], [_chunk('{"role":"assistant"}'), "[DONE]"], ["[DONE]"]):
        with pytest.raises(StreamBroken):
            read_stream(OPENAI, sse(*frames))
    with pytest.raises(ProviderError, match="finish_reason 'error'"):
        read_stream(OPENAI, sse(text, _chunk("{}", '"error"'), "[DONE]"))


def test_openai_usage_of_odd_hosts() -> None:
    groq = ',"x_groq":{"id":"r","usage":{"prompt_tokens":5,"completion_tokens":2}}'
    together = ',"usage":{"prompt_tokens":5,"completion_tokens":2}'
    for more in (groq, together):
        assert UsageReport(Usage(5, 2)) in _openai(_chunk('{"content":"a"}'), _chunk("{}", '"stop"', more), "[DONE]")
    assert not [
        event
        for event in _openai(_chunk('{"content":"a"}'), _chunk("{}", '"stop"', ',"usage":null'), "[DONE]")
        if type(event) is UsageReport
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ('{"error":{"message":"busy","type":"server_error","param":null,"code":null}}', "server_error"),
        ('{"error":{"message":"busy","code":429}}', "rate_limit"),
        ('{"id":"c","choices":[],"x_groq":{"error":{"message":"busy"}}}', "server_error"),
        ('{"error":"busy"}', "server_error"),
    ],
)
def test_openai_error_frames(error: str, kind: str) -> None:
    decoder = OPENAI.decoder({})
    first = sse(_chunk('{"content":"a"}'))
    # What came before the error in the same read is not lost; the error follows at once.
    assert decoder.feed(first + sse(error)) == [ReplyStart("c", "m"), TextDelta("a")]
    assert decoder.failure is not None
    assert decoder.held == len(sse(error))
    with pytest.raises(ProviderError, match="busy") as caught:
        decoder.close()
    assert caught.value.kind == kind
    fresh = OPENAI.decoder({})
    fresh.feed(first)
    with pytest.raises(ProviderError, match="busy"):
        fresh.feed(sse(error))


def test_a_bare_error_body_in_place_of_a_stream() -> None:
    with pytest.raises(ProviderError, match="boom") as caught:
        read_stream(OPENAI, b'{"error": {\n "message": "boom"}}')
    assert not isinstance(caught.value, StreamBroken)
    with pytest.raises(ProviderError, match="boom"):
        read_stream(GEMINI, b'[{"error":{"code":503,"message":"boom","status":"UNAVAILABLE"}}]')


def test_content_after_the_finish_of_one_choice_is_not_held() -> None:
    decoder = OPENAI.decoder({})
    other = _chunk('{"content":"b"}').replace('"index":0', '"index":1')
    decoder.feed(sse(_chunk('{"content":"a"}'), _chunk("{}", '"stop"')))
    assert decoder.held > 0
    decoder.feed(sse(other))
    assert decoder.held == 0


def test_the_usage_chunk_is_taken_out_for_those_who_did_not_ask() -> None:
    text, finish = _chunk('{"content":"say \\"choices\\":[] "}', more=',"usage":null'), _chunk("{}", '"stop"')
    for end in ("\n\n", "\r\n\r\n"):
        whole = sse(text, finish, USAGE_CHUNK, "[DONE]", end=end)
        assert without_usage_chunk(whole) == sse(text, finish, "[DONE]", end=end)
        assert without_usage_chunk(sse(text, end=end)) == sse(text, end=end)
    filtered = '{"id":"c","choices":[],"prompt_filter_results":[]}'
    assert without_usage_chunk(sse(filtered)) == sse(filtered)
    assert without_usage_chunk(b"") == b""


START = (
    '{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],'
    '"usage":{"input_tokens":12,"cache_read_input_tokens":4,"output_tokens":1}}}'
)
STOP = '{"type":"message_stop"}'


def _block(index: int, opening: str, *deltas: str) -> list[str]:
    return [
        f'{{"type":"content_block_start","index":{index},"content_block":{opening}}}',
        *[f'{{"type":"content_block_delta","index":{index},"delta":{delta}}}' for delta in deltas],
        f'{{"type":"content_block_stop","index":{index}}}',
    ]


def _end(reason: str, sequence: str = "null") -> str:
    return (
        f'{{"type":"message_delta","delta":{{"stop_reason":"{reason}","stop_sequence":{sequence}}},'
        f'"usage":{{"output_tokens":30,"output_tokens_details":{{"thinking_tokens":12}}}}}}'
    )


def test_anthropic_thinking_text_and_calls() -> None:
    stream = sse(
        START,
        '{"type":"ping"}',
        *_block(
            0,
            '{"type":"thinking","thinking":"","signature":""}',
            '{"type":"thinking_delta","thinking":"hm"}',
            '{"type":"signature_delta","signature":"Eq"}',
        ),
        *_block(1, '{"type":"redacted_thinking","data":"xyz"}'),
        *_block(
            2,
            '{"type":"text","text":""}',
            '{"type":"text_delta","text":"hi"}',
            '{"type":"citations_delta","citation":{}}',
        ),
        *_block(
            3,
            '{"type":"tool_use","id":"toolu_1","name":"f","input":{}}',
            '{"type":"input_json_delta","partial_json":""}',
            '{"type":"input_json_delta","partial_json":"{\\"a\\":1}"}',
        ),
        *_block(4, '{"type":"tool_use","id":"toolu_2","name":"g","input":{}}'),
        *_block(
            5, '{"type":"server_tool_use","id":"s","name":"web"}', '{"type":"input_json_delta","partial_json":"{}"}'
        ),
        '{"type":"something_new","index":9}',
        _end("tool_use"),
        STOP,
    )
    assert read_stream(ANTHROPIC, stream) == [
        ReplyStart("msg_1", "m"),
        UsageReport(Usage(12, 1, cache_read=4)),
        ReasoningDelta("hm"),
        ReasoningDelta(state="Eq"),
        ReasoningDelta(state="xyz", redacted=True),
        TextDelta("hi"),
        ToolCallStart(0, "toolu_1", "f"),
        ToolCallDelta(0, '{"a":1}'),
        ToolCallStart(1, "toolu_2", "g"),
        ToolCallDelta(1, "{}"),
        UsageReport(Usage(12, 30, cache_read=4, reasoning=12)),
        ReplyEnd("tool_use"),
    ]


@pytest.mark.parametrize(
    ("reason", "neutral"),
    [
        ("end_turn", "end_turn"),
        ("max_tokens", "max_tokens"),
        ("model_context_window_exceeded", "max_tokens"),
        ("refusal", "refusal"),
        ("pause_turn", "pause"),
        ("news_from_2027", "end_turn"),
    ],
)
def test_anthropic_stops(reason: str, neutral: str) -> None:
    assert read_stream(ANTHROPIC, sse(START, _end(reason), STOP))[-1] == ReplyEnd(neutral)  # type: ignore[arg-type]


def test_anthropic_ends() -> None:
    assert read_stream(ANTHROPIC, sse(START, _end("stop_sequence", '"END"'), STOP))[-1] == ReplyEnd(
        "stop_sequence", "END"
    )
    for frames in ([START], [START, _end("end_turn")], [STOP]):
        with pytest.raises(StreamBroken):
            read_stream(ANTHROPIC, sse(*frames))
    with pytest.raises(ProviderError, match="Overloaded") as caught:
        read_all(
            ANTHROPIC.decoder({}),
            [
                sse(START),
                sse('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}'),
            ],
        )
    assert (caught.value.kind, caught.value.retry, caught.value.request_id) == ("overloaded", "same", "req_1")


def _frame(parts: str, finish: str = "", more: str = "") -> str:
    reason = f',"finishReason":"{finish}"' if finish else ""
    return (
        f'{{"candidates":[{{"index":0,"content":{{"role":"model","parts":{parts}}}{reason}}}],'
        f'"responseId":"r1","modelVersion":"g"{more}}}'
    )


def test_gemini_thoughts_and_calls() -> None:
    usage = ',"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":2,"thoughtsTokenCount":3}'
    stream = sse(
        _frame('[{"text":"hm","thought":true}]', more=',"usageMetadata":{"promptTokenCount":10}'),
        _frame(
            '[{"text":"Look."},{"functionCall":{"name":"f","args":{"a": 1.0}},'
            '"thoughtSignature":"c2ln"},{"functionCall":{"id":"x","name":"g"}}]'
        ),
        _frame('[{"text":"","thoughtSignature":"ZW5k"}]', "STOP", usage),
        end="\r\n\r\n",
    )
    assert read_stream(GEMINI, stream) == [
        ReplyStart("r1", "g"),
        UsageReport(Usage(10, 0, cache_write=0)),
        ReasoningDelta("hm"),
        TextDelta("Look."),
        ToolCallStart(0, "call_r1_0", "f", "c2ln"),
        ToolCallDelta(0, '{"a": 1.0}'),
        ToolCallStart(1, "x", "g"),
        ToolCallDelta(1, "{}"),
        UsageReport(Usage(10, 5, cache_write=0, reasoning=3)),
        ReasoningDelta(state="ZW5k"),
        ReplyEnd("tool_use"),
    ]


@pytest.mark.parametrize(
    ("frame", "neutral"),
    [
        (_frame("[]", "MAX_TOKENS"), "max_tokens"),
        ('{"candidates":[{"finishReason":"MAX_TOKENS"}]}', "max_tokens"),
        ('{"candidates":[{"finishReason":"SAFETY"}]}', "refusal"),
        ('{"candidates":[{"finishReason":"IMAGE_SAFETY"}]}', "refusal"),
        ('{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":3}}', "refusal"),
        ('{"candidates":[{"finishReason":"CONTINUATION"}]}', "pause"),
        ('{"candidates":[{"finishReason":"NEWS"}]}', "end_turn"),
    ],
)
def test_gemini_stops(frame: str, neutral: str) -> None:
    assert read_stream(GEMINI, sse(frame))[-1] == ReplyEnd(neutral)  # type: ignore[arg-type]


def test_gemini_ends() -> None:
    late = '{"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":9}}'
    assert read_stream(GEMINI, sse(_frame('[{"text":"a"}]', "STOP"), late))[-2:] == [
        UsageReport(Usage(10, 9, cache_write=0)),
        ReplyEnd("end_turn"),
    ]
    with pytest.raises(StreamBroken):
        read_stream(GEMINI, sse(_frame('[{"text":"a"}]')))
    for reason in ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER", "LANGUAGE"):
        with pytest.raises(ProviderError, match=reason) as caught:
            read_stream(GEMINI, sse(_frame("[]", reason)))
        assert caught.value.retry == "same"
    with pytest.raises(ProviderError, match="down") as caught:
        read_all(
            GEMINI.decoder({}),
            [sse(_frame('[{"text":"a"}]')), sse('{"error":{"code":503,"message":"down","status":"UNAVAILABLE"}}')],
        )
    assert (caught.value.kind, caught.value.upstream_status) == ("overloaded", 503)
