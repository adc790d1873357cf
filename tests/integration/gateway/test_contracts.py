"""Replies held to the shape a client asked for: mended, asked for again, taken elsewhere, or a typed error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from pointsman.emulator.script import Rule, Say, Script, When
from pointsman.store.rejections import list_rejections
from support.gateway import POLICY, GatewayUnderTest, gateway, policy
from support.wire import eventually

SCHEMA = {
    "type": "object",
    "properties": {"order": {"type": "string"}, "action": {"type": "string", "enum": ["refund", "keep"]}},
    "required": ["order", "action"],
    "additionalProperties": False,
}
GOOD = '{"order": "A-1", "action": "refund"}'
FENCED = f"Sure!\n```json\n{GOOD}\n```"
BAD_ENUM = '{"order": "A-1", "action": "Refund "}'
CUT = '{"order": "A-1", "act'
ASK: Any = [{"role": "user", "content": "Classify order A-1, please."}]
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "triage", "schema": SCHEMA, "strict": True}}
HAIKU, SONNET = When(model="claude-haiku-4-5*"), When(model="claude-sonnet-4-6*")


def says(*replies: tuple[When, str]) -> Script:
    """A script: each model says its texts in their order, the last one again and again."""
    rules = [Rule(when=when, reply=Say(text=text), times=1) for when, text in replies]
    return Script(rules=(*rules, Rule(when=replies[-1][0], reply=Say(text=replies[-1][1]))))


def ask_openai(running: GatewayUnderTest, *, stream: bool) -> tuple[str, str]:
    with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client:
        if not stream:
            raw = client.chat.completions.with_raw_response.create(model="auto", messages=ASK, response_format=FORMAT)
            content = raw.parse().choices[0].message.content or ""
            return content, raw.headers["x-pointsman-decision-id"]
        raw_stream = client.chat.completions.with_raw_response.create(
            model="auto", messages=ASK, response_format=FORMAT, stream=True
        )
        chunks = [choice.delta.content or "" for chunk in raw_stream.parse() for choice in chunk.choices]
        return "".join(chunks), raw_stream.headers["x-pointsman-decision-id"]


def ask_anthropic(running: GatewayUnderTest, *, stream: bool) -> tuple[str, str]:
    wanted: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as client:
        if not stream:
            raw = client.messages.with_raw_response.create(
                model="auto", max_tokens=200, messages=ASK, output_config=wanted
            )
            (block,) = raw.parse().content
            return getattr(block, "text", ""), raw.headers["x-pointsman-decision-id"]
        with client.messages.stream(model="auto", max_tokens=200, messages=ASK, output_config=wanted) as events:
            return events.get_final_text(), events.response.headers["x-pointsman-decision-id"]


DIALECTS = {"openai": ask_openai, "anthropic": ask_anthropic}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("replies", "text", "actions", "models"),
    [
        ([(HAIKU, GOOD)], GOOD, ["released"], ["claude-haiku-4-5"]),
        ([(HAIKU, FENCED)], GOOD, ["repaired"], ["claude-haiku-4-5"]),
        ([(HAIKU, BAD_ENUM), (HAIKU, GOOD)], GOOD, ["retried", "released"], ["claude-haiku-4-5"] * 2),
        (
            [(HAIKU, BAD_ENUM), (HAIKU, CUT), (SONNET, GOOD)],
            GOOD,
            ["retried", "escalated", "released"],
            ["claude-haiku-4-5", "claude-haiku-4-5", "claude-sonnet-4-6"],
        ),
    ],
    ids=["good", "mended", "again", "elsewhere"],
)
def test_a_reply_is_held_to_its_shape(  # noqa: PLR0913, PLR0917 - one table
    tmp_path: Path,
    dialect: str,
    stream: bool,
    replies: list[tuple[When, str]],
    text: str,
    actions: list[str],
    models: list[str],
) -> None:
    with gateway(tmp_path / "s.db", says(*replies), policy()) as running:
        said, turn_id = DIALECTS[dialect](running, stream=stream)
        record = running.turn(turn_id)
        assert said == text
        assert [check.action for check in record.checks] == actions
        assert [step.model.split("/")[1] for step in record.steps] == models
        assert record.status == "ok"
        kept = eventually(lambda: list_rejections(running.router.store)) if actions != ["released"] else []
        assert [one.raw for one in kept][::-1] == [raw for _, raw in replies if raw != GOOD]
        assert {one.turn_id for one in kept} <= {turn_id}


def test_when_no_model_can_the_error_is_typed(tmp_path: Path) -> None:
    script = says((When(), BAD_ENUM))
    with gateway(tmp_path / "s.db", script, policy()) as running:
        with pytest.raises(openai.APIStatusError) as caught:
            ask_openai(running, stream=False)
        assert caught.value.status_code == 502
        assert caught.value.code == "contract_violated"
        assert "bad_enum" in str(caught.value)
        record = running.turns()[0]
        assert record.status == "error"
        assert record.error_code == "contract_violated"
        assert record.simulated, "what a failed turn cost is no real money either"
        assert [check.action for check in record.checks][-1] == "failed"
        assert all(step.cost_usd for step in record.steps), "what was rejected was paid for all the same"


def test_a_refusal_is_shown_as_one(tmp_path: Path) -> None:
    script = Script(rules=(Rule(reply=Say(refusal="I cannot help with that.")),))
    openai_only = policy(
        POLICY.replace("small: [anthropic/claude-haiku-4-5, openai/gpt-5-mini]", "small: [openai/gpt-5-mini]")
    )
    with gateway(tmp_path / "s.db", script, openai_only) as running:
        with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client:
            said = client.chat.completions.create(model="auto", messages=ASK, response_format=FORMAT)
        assert said.choices[0].message.refusal == "I cannot help with that."
        (record,) = running.turns()
        assert [(check.passed, check.action) for check in record.checks] == [(False, "released")]


def test_a_schema_that_is_none_is_the_clients_mistake(tmp_path: Path) -> None:
    broken: Any = {"type": "json_schema", "json_schema": {"name": "triage", "schema": {"type": "objekt"}}}
    with (
        gateway(tmp_path / "s.db", says((When(), GOOD)), policy()) as running,
        openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client,
        pytest.raises(openai.BadRequestError, match="objekt"),
    ):
        client.chat.completions.create(model="auto", messages=ASK, response_format=broken)


@pytest.mark.parametrize("stream", [False, True])
def test_a_reply_cut_by_the_clients_own_limit_says_so(tmp_path: Path, *, stream: bool) -> None:
    long = Script(rules=(Rule(reply=Say(text='{"order": "' + "A" * 400 + '", "action": "refund"}')),))
    wanted: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    with gateway(tmp_path / "s.db", long, policy()) as running:
        with openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client:
            asked: Any = {"model": "auto", "messages": ASK, "response_format": FORMAT, "max_completion_tokens": 20}
            if stream:
                ends = [c.choices[0].finish_reason for c in client.chat.completions.create(**asked, stream=True)]
                assert ends[-1] == "length"
            else:
                assert client.chat.completions.create(**asked).choices[0].finish_reason == "length"
                with pytest.raises(openai.LengthFinishReasonError):
                    client.chat.completions.parse(**asked)
        with (
            anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as theirs,
            theirs.messages.stream(
                model="auto", max_tokens=20, messages=ASK, extra_body={"output_config": wanted}
            ) as events,
        ):
            assert events.get_final_message().stop_reason == "max_tokens"
        for record in running.turns():
            assert [(check.passed, check.action) for check in record.checks] == [(False, "released")]
            assert len(record.steps) == 1
        kept = eventually(lambda: list_rejections(running.router.store))
        assert {one.kinds for one in kept} == {("truncated",)}


def test_a_reply_cut_by_something_else_is_asked_for_again(tmp_path: Path) -> None:
    cut = Rule(reply=Say(text=CUT, stop="max_tokens"), times=1)
    with gateway(tmp_path / "s.db", Script(rules=(cut, Rule(reply=Say(text=GOOD)))), policy()) as running:
        said, turn_id = ask_anthropic(running, stream=False)
        assert said == GOOD
        assert [check.action for check in running.turn(turn_id).checks] == ["retried", "released"]


def test_several_replies_at_once_cannot_be_held_to_a_shape(tmp_path: Path) -> None:
    with (
        gateway(tmp_path / "s.db", says((When(), FENCED)), policy(**{"openai/gpt-5-mini": "openai/gpt-4o"})) as running,
        openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0) as client,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        client.chat.completions.create(model="openai/gpt-4o", messages=ASK, response_format=FORMAT, n=2)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "n")
