"""Scripts: which rule answers, what it says, and errors that name file, line and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot

from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Fault, RateLimit, Rule, SaidCall, Say, Script, UsageSaid, When, load_script
from pointsman.errors import UsageError
from support.emulated import KEYS, chat, generate, get, message, post

FULL = """
keys: [k]
rate_limit: {requests_per_minute: 100}
pace: {chunk_tokens: 8}
rules:
- name: outage
  when: {dialect: anthropic, model: "claude-*", call: 1}
  fault: {kind: status, status: 529, retry_after_s: 2}
- name: order
  when: {contains: ORDER, tools: false}
  reply: {text: "It is on its way.", usage: {cache_read: 3}}
"""


def script_file(folder: Path, text: str) -> Path:
    path = folder / "script.yaml"
    path.write_text(text)
    return path


def text_of(answer: Any) -> Any:
    return answer.json["choices"][0]["message"]["content"]


def saying(text: str, **when: Any) -> Rule:
    return Rule(name=text, when=When(**when), reply=Say(text=text))


def test_a_file_is_read_and_obeyed(tmp_path: Path) -> None:
    emulator = Emulator(load_script(script_file(tmp_path, FULL)))
    outage, after = message(emulator, "My order?"), message(emulator, "My order?")
    assert (outage.status, outage.headers["retry-after"]) == (529, "2")
    assert outage.json["error"]["type"] == "overloaded_error"
    assert after.json["content"] == [{"type": "text", "text": "It is on its way."}]
    assert after.json["usage"]["cache_read_input_tokens"] == 3
    assert [record.rule for record in emulator.requests] == ["outage", "order"]


def test_an_empty_file_and_json_are_scripts_too(tmp_path: Path) -> None:
    assert load_script(script_file(tmp_path, "")) == Script()
    assert load_script(script_file(tmp_path, '{"rules": [{"reply": {"text": "Hi"}}]}')).rules[0].reply == Say(text="Hi")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules:\n- reply: {txt: hi}\n", "script.yaml:2: rules.0.reply: Object contains unknown field `txt`"),
        ("rules:\n- fault:\n    kind: explode\n", "script.yaml:3: rules.0.fault.kind: Invalid enum value 'explode'"),
        (
            "rules:\n- {}\n- fault: {kind: cut, after_frames: -1}\n",
            "script.yaml:3: rules.1.fault.after_frames: Expected `int` >= 0",
        ),
        ("rules:\n- when:\n    matches: '('\n", "script.yaml:3: rules.0.when.matches: is no regular expression"),
        ("rules: [\n", "this is not valid YAML"),
        ("- 1\n", "script.yaml:1: Expected `object`, got `array`"),
    ],
)
def test_mistakes_are_named_with_file_line_and_field(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_script(script_file(tmp_path, text))
    assert words in str(caught.value)


def test_the_example_of_the_docs_is_a_script(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "emulate-providers.md"
    example = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    assert [rule.name for rule in load_script(script_file(tmp_path, example)).rules] == [
        "outage",
        "order status",
        "bad JSON the first time",
        "slow and then gone",
    ]


def test_a_long_run_forgets_its_oldest_requests() -> None:
    emulator = Emulator(remember=3)
    for _ in range(5):
        chat(emulator)
    assert [record.serial for record in emulator.requests] == [3, 4, 5]
    chat(emulator, "x" * 300_000)
    for _ in range(3):
        message(emulator, "x" * 3_000_000)
    assert len(emulator.requests) == 2, "8 MiB of bodies at most"


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nope\.yaml: cannot be read: No such file"):
        load_script(tmp_path / "nope.yaml")


def test_rules_are_tried_in_order_and_the_persona_is_last() -> None:
    emulator = Emulator(
        Script(rules=(saying("one", contains="a"), saying("two", contains="ab"), saying("three", contains="b")))
    )
    assert [text_of(chat(emulator, text)) for text in ("ab", "b")] == ["one", "three"]
    assert "opening" not in text_of(chat(emulator, "c")) != "one"


@pytest.mark.parametrize(
    ("when", "hit"),
    [
        ({"model": "gpt-4*"}, True),
        ({"model": "claude-*"}, False),
        ({"dialect": "openai"}, True),
        ({"dialect": "gemini"}, False),
        ({"contains": "HELLO"}, True),
        ({"matches": "^Hel+o$"}, True),
        ({"matches": "^hello"}, False),
        ({"turn": 1}, True),
        ({"turn": 0}, False),
        ({"header": {"X-Case": "refund-*"}}, True),
        ({"header": {"x-case": "other"}}, False),
        ({"stream": False}, True),
        ({"tools": True}, False),
        ({"results": True}, False),
    ],
)
def test_what_a_rule_can_look_at(when: dict[str, Any], hit: bool) -> None:
    emulator = Emulator(Script(rules=(saying("matched", **when),)))
    messages = [
        {"role": role, "content": text} for role, text in (("user", "Hi"), ("assistant", "Hi"), ("user", "Hello"))
    ]
    headers = KEYS["openai"] | {"x-case": "refund-7"}
    answer = post(emulator, "/v1/chat/completions", {"model": "gpt-4o", "messages": messages}, headers)
    assert (text_of(answer) == "matched") is hit


def test_nth_call_and_first_n_calls() -> None:
    nth = Emulator(Script(rules=(saying("second", call=2),)))
    assert [text_of(chat(nth)) == "second" for _ in range(3)] == [False, True, False]
    first = Emulator(Script(rules=(Rule(times=2, fault=Fault(kind="status", status=503)),)))
    assert [chat(first).status for _ in range(3)] == [503, 503, 200]


def test_a_reply_in_each_dialect() -> None:
    say = Say(
        reasoning="Hm.",
        text="On it.",
        calls=(SaidCall(name="a", arguments={"x": 1}), SaidCall(name="b", arguments='{"x": ', id="mine")),
        usage=UsageSaid(uncached=10, cache_read=20, cache_write=0, output=30, reasoning=5),
    )
    emulator = Emulator(Script(rules=(Rule(reply=say),)), wall=lambda: 1_700_000_000)
    openai = chat(emulator).json
    assert {key: openai[key] for key in ("choices", "usage")} == snapshot(
        {
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": "On it.",
                        "refusal": None,
                        "tool_calls": [
                            {
                                "id": "call_000001_00",
                                "type": "function",
                                "function": {"name": "a", "arguments": '{"x":1}'},
                            },
                            {"id": "mine", "type": "function", "function": {"name": "b", "arguments": '{"x": '}},
                        ],
                    },
                    "logprobs": None,
                    "finish_reason": "tool_calls",
                }
            ],
            "usage": {
                "prompt_tokens": 30,
                "completion_tokens": 30,
                "total_tokens": 60,
                "prompt_tokens_details": {"cached_tokens": 20},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
        }
    )
    anthropic = message(emulator).json
    assert [block["type"] for block in anthropic["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert (anthropic["usage"]["input_tokens"], anthropic["usage"]["cache_read_input_tokens"]) == (10, 20)
    gemini = generate(emulator).json
    assert gemini["usageMetadata"] == snapshot(
        {
            "promptTokenCount": 30,
            "totalTokenCount": 60,
            "candidatesTokenCount": 25,
            "thoughtsTokenCount": 5,
            "cachedContentTokenCount": 20,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 30}],
        }
    )


@pytest.mark.parametrize(
    ("say", "openai", "anthropic", "gemini"),
    [
        (Say(text="x"), "stop", "end_turn", "STOP"),
        (Say(text="x", stop="max_tokens"), "length", "max_tokens", "MAX_TOKENS"),
        (Say(refusal="No."), "content_filter", "refusal", "SAFETY"),
        (Say(calls=(SaidCall(name="f"),)), "tool_calls", "tool_use", "STOP"),
        (Say(text="x", stop="pause_turn"), "stop", "pause_turn", "OTHER"),
    ],
)
def test_stop_reasons_in_each_dialect(say: Say, openai: str, anthropic: str, gemini: str) -> None:
    emulator = Emulator(Script(rules=(Rule(reply=say),)))
    assert chat(emulator).json["choices"][0]["finish_reason"] == openai
    assert message(emulator).json["stop_reason"] == anthropic
    assert generate(emulator).json["candidates"][0]["finishReason"] == gemini


def test_json_is_written_and_bad_json_left_alone() -> None:
    emulator = Emulator(Script(rules=(Rule(times=1, reply=Say(json={"a": [1]})), Rule(reply=Say(text='{"a": ')))))
    assert [text_of(chat(emulator)) for _ in range(2)] == ['{"a":[1]}', '{"a": ']


def test_only_listed_keys_are_taken() -> None:
    assert chat(Emulator(Script(keys=("other",)))).json["error"]["code"] == "invalid_api_key"


def test_rate_limits_refuse_with_headers_and_open_again() -> None:
    now = [100.0]
    limit = RateLimit(requests_per_minute=2, model="gpt-*")
    emulator = Emulator(Script(rate_limit=limit), clock=lambda: now[0])
    answers = [chat(emulator) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].headers["retry-after"] == "60"
    assert answers[2].headers["x-ratelimit-reset-requests"] == "1m0s"
    assert answers[2].json["error"]["code"] == "rate_limit_exceeded"
    assert message(emulator).status == 200, "the limit names other models"
    now[0] += 61
    assert chat(emulator).status == 200


def test_token_limits_count_the_prompt() -> None:
    emulator = Emulator(Script(rate_limit=RateLimit(tokens_per_minute=50)), wall=lambda: 1_700_000_000)
    answer = message(emulator, "word " * 200)
    assert answer.status == 429
    assert answer.headers["anthropic-ratelimit-tokens-limit"] == "50"
    assert answer.headers["anthropic-ratelimit-requests-reset"].startswith("2023-11-14T22:1")


def test_gemini_says_in_the_body_how_long_to_wait() -> None:
    emulator = Emulator(Script(rules=(Rule(fault=Fault(kind="status", status=429, retry_after_s=13)),)))
    answer = generate(emulator)
    assert "retry-after" not in answer.headers
    assert answer.json["error"]["details"][0]["retryDelay"] == "13s"


def test_models_are_listed_in_each_dialect() -> None:
    emulator = Emulator()
    assert "gpt-5.4" in [item["id"] for item in get(emulator, "/v1/models", KEYS["openai"]).json["data"]]
    page = get(emulator, "/v1/models", KEYS["anthropic"], query="limit=2").json
    assert ([item["id"] for item in page["data"]], page["has_more"]) == (
        ["claude-haiku-4-5", "claude-sonnet-4-6"],
        True,
    )
    rest = get(emulator, "/v1/models", KEYS["anthropic"], query="after_id=" + page["last_id"]).json
    assert rest["first_id"] == "claude-opus-4-7"
    names = [item["name"] for item in get(emulator, "/v1beta/models", KEYS["gemini"]).json["models"]]
    assert "models/gemini-3.5-flash" in names
    assert get(emulator, "/v1/models/gpt-9", KEYS["openai"]).status == 404


def test_unknown_models_can_be_let_in() -> None:
    emulator = Emulator(Script(any_model=True))
    assert chat(emulator, model="acme/house-model").status == 200
    assert message(emulator, model="claude-next").status == 200


def test_counting_tokens_costs_nothing_and_agrees_with_the_prompt() -> None:
    emulator = Emulator()
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "How many tokens is this?"}]}
    counted = post(emulator, "/v1/messages/count_tokens", body, KEYS["anthropic"]).json
    assert counted == {"input_tokens": message(emulator, "How many tokens is this?").json["usage"]["input_tokens"]}
    gemini = post(
        emulator,
        "/v1/models/gemini-2.5-flash:countTokens",
        {"contents": [{"parts": [{"text": "Hello"}]}]},
        KEYS["gemini"],
    )
    assert gemini.json["totalTokens"] > 0
    openai = post(emulator, "/v1/responses/input_tokens", {"model": "gpt-5.4", "input": "Hello"}, KEYS["openai"])
    assert openai.json["object"] == "response.input_tokens"
