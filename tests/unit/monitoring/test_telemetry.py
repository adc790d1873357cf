"""What turns look like as spans, which of them are sent, and where."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.domain.record import CheckRecord, StepRecord
from pointsman.errors import PolicyError, UsageError
from pointsman.execution.privacy.redaction import Redactor
from pointsman.monitoring.telemetry.content import Content
from pointsman.monitoring.telemetry.settings import Settings, settings_of
from pointsman.monitoring.telemetry.spans import Span, is_kept, span_id, trace_of
from pointsman.monitoring.telemetry.tools import agent_turn, tool_spans
from pointsman.monitoring.telemetry.turn_spans import turn_spans
from pointsman.routing.policy import parse_policy
from pointsman.routing.sections_telemetry import TelemetrySection
from pointsman.store import Store, open_store
from support.gateway import POLICY
from support.records import BASE, HAIKU, OPUS, PLAN, a_turn

CLIENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def prices(step: StepRecord, at_us: int) -> Mapping[str, Decimal]:
    assert at_us > 0
    assert step.model
    return {"input": Decimal("0.0003"), "cache_read": Decimal("0.00001"), "output": Decimal("0.0004")}


def spans_of(record: Any, content: Content | None = None) -> list[Span]:
    return turn_spans(record, trace_of(record), prices, content)


def test_a_turn_is_its_own_span_with_the_decision_and_the_calls_below_it() -> None:
    plan = msgspec.structs.replace(BASE.steps[0], purpose="plan", model=OPUS, started_ms=1.0, duration_ms=100.0)
    turn, decision, planning, call, handoff = spans_of(a_turn(1, steps=(plan, BASE.steps[0]), handoffs=(PLAN,)))
    assert [one.attributes["openinference.span.kind"] for one in (turn, decision, call, handoff)] == [
        "CHAIN",
        "DECISION",
        "LLM",
        "CHAIN",
    ]
    assert {one.parent_id for one in (decision, planning, call, handoff)} == {turn.span_id}
    assert turn.parent_id is None
    assert call.start_ns - turn.start_ns == 2_000_000
    assert call.end_ns - call.start_ns == 640_000_000
    assert handoff.start_ns - turn.start_ns == 101_000_000
    assert decision.attributes["pointsman.reasons"] == ("rule:one-tool",)
    (check,) = turn.events
    assert (check.name, check.attributes["gen_ai.evaluation.score.label"]) == ("gen_ai.evaluation.result", "pass")


def test_tokens_and_dollars_stand_in_both_conventions() -> None:
    call = spans_of(a_turn(1))[2].attributes
    assert (call["gen_ai.usage.input_tokens"], call["llm.token_count.prompt"]) == (420, 420)
    assert (call["gen_ai.usage.cache_read.input_tokens"], call["gen_ai.usage.cache_creation.input_tokens"]) == (100, 20)
    assert call["gen_ai.usage.reasoning.output_tokens"] == 10
    assert (call["llm.cost.total"], call["llm.cost.completion"]) == (0.00071, 0.0004)
    assert call["llm.cost.prompt"] == pytest.approx(0.00031)
    assert call["gen_ai.response.time_to_first_chunk"] == 0.21
    assert call["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert call["gen_ai.provider.name"] == "anthropic"


def test_unknown_is_left_out_and_never_zero() -> None:
    bare = StepRecord(purpose="reply", model=HAIKU, status="error", duration_ms=5.0, error_code="overloaded")
    record = a_turn(1, steps=(bare,), usage=None, cost_usd=None, ttft_ms=None, status="error", error_code="overloaded")
    turn, _, call = spans_of(record)
    names = {*turn.attributes, *call.attributes}
    assert not [name for name in names if "token" in name or "llm.cost" in name or name == "pointsman.cost_usd"]
    assert (call.error, turn.error) == ("overloaded", "overloaded")
    assert call.attributes["pointsman.start_unknown"] is True


def test_dollars_are_not_split_where_todays_rates_give_another_sum() -> None:
    step = msgspec.structs.replace(BASE.steps[0], cost_usd=Decimal("0.5"))
    call = spans_of(a_turn(1, steps=(step,)))[2].attributes
    assert call["llm.cost.total"] == 0.5
    assert "llm.cost.prompt" not in call


def test_nothing_that_was_said_is_sent_unless_it_is_asked_for() -> None:
    check = CheckRecord("contract x@1", passed=False, model=HAIKU, action="failed", text="said: My refund")
    step = msgspec.structs.replace(BASE.steps[0], error_text="the model said: Let me look.")
    record = a_turn(1, checks=(check,), steps=(step,), handoffs=(PLAN,))
    plain = str(msgspec.to_builtins(spans_of(record)))
    for words in ("refund?", "Let me look", "Be kind", "My refund", "one tool, single intent", "intent"):
        assert words not in plain.replace("pointsman.intent", "")


def test_content_is_redacted_even_where_the_store_is_not() -> None:
    said = json.dumps({"role": "user", "content": "I am zoe@example.com"}).encode()
    record = a_turn(1, request=(("params", b"{}"), ("message", said)))
    turn, _, call = spans_of(record, Content(record, Redactor(key=b"k" * 32)))
    assert str(turn.attributes["input.value"]).startswith("I am [EMAIL_")
    sent = json.loads(str(call.attributes["gen_ai.input.messages"]))
    assert sent[0]["role"] == "user"
    assert "zoe" not in str(msgspec.to_builtins([turn, call]))
    (out,) = json.loads(str(call.attributes["gen_ai.output.messages"]))
    assert out["parts"][1] == {"type": "tool_call", "id": "call_1", "name": "issue_refund", "arguments": {"order": 7}}
    assert call.attributes["llm.output_messages.0.message.tool_calls.0.tool_call.function.name"] == "issue_refund"


def test_ids_are_the_same_whenever_a_turn_is_sent_and_the_clients_trace_goes_on() -> None:
    assert spans_of(a_turn(1)) == spans_of(a_turn(1))
    assert trace_of(a_turn(1)) != trace_of(a_turn(2))
    turn = spans_of(a_turn(1, traceparent=CLIENT))[0]
    assert (f"{turn.trace_id:032x}", f"{turn.parent_id:016x}") == tuple(CLIENT.split("-")[1:3])


def test_a_share_is_sent_but_every_failure_and_every_escalation() -> None:
    turns = [a_turn(n) for n in range(2000)]
    kept = [turn for turn in turns if is_kept(trace_of(turn), turn, 0.25)]
    assert 400 < len(kept) < 600
    failed = CheckRecord("contract x@1", passed=False, model=HAIKU, action="escalated")
    missed = msgspec.structs.replace(BASE.steps[0], status="error", model=OPUS)
    for always in (a_turn(1, status="error"), a_turn(1, checks=(failed,)), a_turn(1, steps=(missed, BASE.steps[0]))):
        assert is_kept(trace_of(always), always, 0)
    sampled, dropped = a_turn(1, traceparent=CLIENT), a_turn(1, traceparent=f"{CLIENT[:-1]}0")
    assert is_kept(trace_of(sampled), sampled, 0)
    assert not is_kept(trace_of(dropped), dropped, 1)


class TestSettings:
    def test_nobody_asks(self) -> None:
        assert settings_of(None, {}) is None
        assert settings_of(TelemetrySection(), {"OTEL_SDK_DISABLED": "true"}) is None
        assert settings_of(TelemetrySection(traces=False, metrics=False), {}) is None

    def test_the_environment_alone(self) -> None:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.1",
        }
        assert settings_of(None, environ) == Settings("http://collector:4318/v1/traces", None, share=0.1)
        own = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces:1/x", "OTEL_METRICS_EXPORTER": "none"}
        assert settings_of(None, own) == Settings("http://traces:1/x", None)

    def test_the_policy_goes_first(self) -> None:
        text = (
            "telemetry: {endpoint: 'http://here:1', sample: 0.5, content: redacted, metrics: false, resource: {a: b}}"
        )
        section = parse_policy(f"{POLICY}\n{text}\n", "t").telemetry
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://there:2", "OTEL_TRACES_SAMPLER": "always_off"}
        wanted = Settings("http://here:1/v1/traces", None, share=0.5, content=True, resource={"a": "b"})
        assert settings_of(section, environ) == wanted

    @pytest.mark.parametrize(
        "text", ["{endpoint: collector}", "{endpoint: 'http://u:p@x'}", "{sample: 2}", "{sampel: 1}"]
    )
    def test_a_wrong_section_is_refused(self, text: str) -> None:
        with pytest.raises(PolicyError, match=r"telemetry"):
            parse_policy(f"{POLICY}\ntelemetry: {text}\n", "t")

    def test_a_wrong_variable_is_refused(self) -> None:
        environ = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "much"}
        with pytest.raises(UsageError, match="OTEL_TRACES_SAMPLER_ARG"):
            settings_of(TelemetrySection(), environ)


class TestTools:  # agents that Pointsman runs
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
            opened.write_sync(_a_run)
            yield opened

    def test_an_agents_calls_stand_under_the_turn_that_asked_for_them(self, store: Store) -> None:
        of_run = {"dialect": "agent", "metadata": {"agent": "refunds", "run_id": "run_1"}}
        first, second, third = (a_turn(n, **of_run) for n in (1, 2, 3))
        found = agent_turn(store, second)
        assert found is not None
        done, refused = tool_spans(second, found, trace_of(second, found.run_id), None)
        assert (done.parent_id, done.name) == (span_id("turn_1"), "execute_tool find_order")
        assert done.end_ns - done.start_ns == 250_000_000
        assert "gen_ai.tool.call.arguments" not in done.attributes
        assert (done.error, refused.error) == (None, "refused")
        start = agent_turn(store, first)
        assert start is not None
        assert start.calls == ()
        assert trace_of(first, start.run_id).trace_id == done.trace_id
        assert spans_of(first)[0].name == "invoke_agent refunds"
        noted_later = agent_turn(store, third)
        assert noted_later is not None
        assert noted_later.calls == (), "the step before it made none"
        assert agent_turn(store, a_turn(1)) is None
        assert agent_turn(store, a_turn(1, metadata=of_run["metadata"])) is None, "a client's own word of an agent"


def _a_run(connection: sqlite3.Connection) -> None:
    at = BASE.at_us
    connection.execute(
        "INSERT INTO agent_run (id, agent, spec, conversation_id, state, owner, opening, turn, started_at_us,"
        " updated_at_us) VALUES ('run_1', 'refunds', '{}', 'conv_1', 'done', '', x'00', x'00', ?, ?)",
        (at, at),
    )
    steps = [("run_1", 1, "model", "steps", "turn_1", b"{}"), ("run_1", 2, "model", "synthesis", "turn_2", b"{}")]
    connection.executemany("INSERT INTO agent_step VALUES (?, ?, ?, ?, ?, ?)", steps)
    connection.executemany(
        "INSERT INTO agent_call (key, run_id, step, i, call_id, tool, arguments, redacted, writes, state, attempts,"
        " started_at_us, ended_at_us) VALUES (?, 'run_1', 1, ?, ?, 'find_order', '{}', 0, 0, ?, 1, ?, ?)",
        [("a", 0, "call_1", "done", at, at + 250_000), ("b", 1, "call_2", "refused", at, at + 1)],
    )
