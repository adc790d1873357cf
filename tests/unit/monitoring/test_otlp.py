"""Spans of other programs as turns: whatever names they use, once each, bounded, redacted first."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.catalog.book import Catalog
from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.usage import Usage
from pointsman.errors import PointsmanError
from pointsman.evaluation.importers.cases_store import turn_of
from pointsman.execution.privacy.redaction import Redactor
from pointsman.monitoring.otlp.capture import Capture
from pointsman.monitoring.otlp.reading import is_model_call
from pointsman.monitoring.otlp.turns import SPAN, turn_of_span
from pointsman.monitoring.otlp.wire import Received
from pointsman.store import Store, open_store
from pointsman.store.bodies import Codec
from pointsman.store.captured import settle_waiting
from pointsman.store.rows import gather_bodies, step_row, turn_row
from pointsman.store.spend import SpendBook, list_spend
from support.otlp import START_NS, TRACE, a_span, as_json, as_protobuf, pairs, request

CATALOG = Catalog.load(None)
NEW = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5-mini",
    "gen_ai.response.model": "gpt-5-mini-2025-08-07",
    "gen_ai.response.finish_reasons": ["tool_calls"],
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 50,
    "gen_ai.usage.cache_read.input_tokens": 400,
    "gen_ai.conversation.id": "conv-1",
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "My refund?"}]}]),
    "gen_ai.output.messages": json.dumps(
        [
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "c1", "name": "find_order", "arguments": {"id": 7}}],
                "finish_reason": "tool_call",
            }
        ]
    ),
}
OLD = {
    "gen_ai.system": "openai",
    "llm.request.type": "chat",
    "gen_ai.request.model": "gpt-5-mini",
    "gen_ai.usage.prompt_tokens": 1000,
    "gen_ai.usage.completion_tokens": 50,
    "gen_ai.usage.cache_read_input_tokens": 400,
    "traceloop.association.properties.session_id": "conv-1",
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": "My refund?",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.tool_calls.0.id": "c1",
    "gen_ai.completion.0.tool_calls.0.name": "find_order",
    "gen_ai.completion.0.tool_calls.0.arguments": '{"id":7}',
    "gen_ai.completion.0.finish_reason": "tool_calls",
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-5-mini",
    "llm.token_count.prompt": 1000,
    "llm.token_count.completion": 50,
    "llm.token_count.prompt_details.cache_read": 400,
    "session.id": "conv-1",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "My refund?",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "find_order",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"id":7}',
}


class Taking:
    def __init__(self, store: Store, redactor: Redactor | None = None) -> None:
        self.store = store
        self.now = START_NS // 1000
        self.capture = Capture(store, CATALOG, redactor, lambda: self.now)

    def take(self, sent: tuple[bytes, dict[str, str]], key: str | None = None) -> int:
        return asyncio.run(self.capture.take(*sent, key)).rejected

    def turns(self) -> list[TurnRecord]:
        found = [self.store.turn(row.id) for row in self.store.turns(limit=1000)]
        return [one for one in found if one is not None]

    def one(self) -> TurnRecord:
        (turn,) = self.turns()
        return turn


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store without turns: copying it is quicker than making one for each test."""
    path = tmp_path_factory.mktemp("empty") / "store.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def taking(tmp_path: Path, empty: Path) -> Iterator[Taking]:
    path = shutil.copy(empty, tmp_path / "store.db")
    with open_store(f"sqlite:///{path}") as store:
        yield Taking(store)


@pytest.mark.parametrize("attributes", [NEW, OLD, OPENINFERENCE], ids=["new", "old", "openinference"])
@pytest.mark.parametrize("packing", ["json", "protobuf", "gzip"])
def test_all_conventions_and_all_encodings_give_the_same_turn(
    taking: Taking, attributes: dict[str, Any], packing: str
) -> None:
    data = request(a_span(attributes))
    taking.take(as_json(data) if packing == "json" else as_protobuf(data, packed=packing == "gzip"))
    turn = taking.one()
    assert (turn.dialect, turn.decision.route, turn.decision.tier) == ("otlp", "external", "none")
    assert (turn.conversation_id, turn.decision.model, turn.status) == ("conv-1", "openai/gpt-5-mini", "ok")
    assert turn.usage == Usage(600, 50, cache_read=400)
    assert turn.cost_usd == Decimal("0.00026")
    assert turn.flagship_cost_usd is None
    assert turn.duration_ms == 1500
    asked = turn_of(turn)
    assert asked.messages[-1].text == "My refund?"
    (call,) = msgspec.json.decode(turn.reply, type=Reply).tool_calls
    assert (call.name, json.loads(call.arguments)) == ("find_order", {"id": 7})


def test_time_to_first_token_is_known_where_it_is_told(taking: Taking) -> None:
    taking.take(as_json(request(a_span(NEW))))
    assert taking.one().ttft_ms == 250
    event = {"name": "First Token Stream Event", "timeUnixNano": str(START_NS + 2 + 90_000_000)}
    taking.take(as_json(request(a_span(OPENINFERENCE, 2, events=[event]), a_span(OLD, 3))))
    assert sorted((turn.ttft_ms or -1) for turn in taking.turns()) == [-1, 90, 250]


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"input_tokens": 10, "output_tokens": 5, "cache_read.input_tokens": 4}, Usage(6, 5, cache_read=4)),
        ({"input_tokens": 10, "output_tokens": 5, "cache_read.input_tokens": 400}, Usage(10, 5, cache_read=400)),
        (
            {"input_tokens": 10, "output_tokens": 5, "cache_creation.input_tokens": 4, "total_tokens": 19},
            Usage(10, 5, cache_write=4),
        ),
        ({"input_tokens": 10}, None),
        ({"input_tokens": 10.0, "output_tokens": "5"}, Usage(10, 5)),
        ({"input_tokens": "²", "output_tokens": 5}, None),
        ({"input_tokens": "9" * 5000, "output_tokens": 5}, None),
        ({"input_tokens": True, "output_tokens": 5}, None),
        ({"input_tokens": 10, "output_tokens": -5}, None),
        ({"input_tokens": 1 << 60, "output_tokens": 5}, None),
        ({"input_tokens": 10, "output_tokens": 5, "reasoning.output_tokens": 3}, Usage(10, 5, reasoning=3)),
    ],
)
def test_cached_tokens_are_counted_once(taking: Taking, told: dict[str, Any], wanted: Usage | None) -> None:
    names = {f"gen_ai.usage.{name}": count for name, count in told.items()}
    taking.take(
        as_json(request(a_span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini", **names})))
    )
    assert taking.one().usage == wanted


def test_a_conversation_is_named_as_the_gateway_takes_names(taking: Taking) -> None:
    taking.take(as_json(request(a_span({**NEW, "gen_ai.conversation.id": "\x1b[31mred\n" + "x" * 500}))))
    assert taking.one().conversation_id == "[31mred" + "x" * 121


def test_a_model_nobody_knows_has_no_price(taking: Taking) -> None:
    taking.take(
        as_json(request(a_span({**NEW, "gen_ai.request.model": "house-7b", "gen_ai.response.model": "house-7b"})))
    )
    assert (taking.one().decision.model, taking.one().cost_usd) == ("openai/house-7b", None)


def test_an_attribute_of_every_kind_is_kept_as_it_came(taking: Taking) -> None:
    more: dict[str, Any] = {f"acme.text.{n}": f"value {n}" for n in range(20)}
    more |= {f"acme.whole.{n}": n for n in range(20)} | {f"acme.real.{n}": n + 0.5 for n in range(10)}
    more |= {"acme.true": True, "acme.list": ["a", "b"], "acme.numbers": [1, 2], "acme.object": {"a": 1, "b": ["x"]}}
    kept = {name: held for name, held in NEW.items() if not name.endswith(".messages")} | more
    assert len(kept) > 60
    for n, sent in enumerate((as_json, as_protobuf), 1):
        taking.take(sent(request(a_span({**NEW, **more}, n))))
    spans = [msgspec.json.decode(dict(turn.request)[SPAN]) for turn in taking.turns()]
    assert [span["attributes"] for span in spans] == [kept, kept]


def test_sent_again_is_taken_once_and_packages_that_wrap_each_other_count_once(taking: Taking) -> None:
    inner = a_span(NEW, 2, parentSpanId=f"{1:016x}")
    for _ in range(2):
        taking.take(as_json(request(a_span(OPENINFERENCE, 1), inner)))
    assert taking.one().id == f"otlp-{TRACE}-{2:016x}"


def test_what_two_packages_know_of_one_call_is_put_together(taking: Taking) -> None:
    library = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-haiku-4-5",
        "gen_ai.response.id": "msg_1",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_write.input_tokens": 60,
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 40,
        "anthropic.message.stop_reason": "max_tokens",
    }
    words = {name: held for name, held in NEW.items() if "usage" not in name and "finish" not in name}
    beside = a_span(words | {"gen_ai.response.id": "msg_1"}, 1)
    around = a_span(OPENINFERENCE, 3, traceId="a" * 32)
    inside = a_span(library, 4, traceId="a" * 32, parentSpanId=f"{3:016x}")
    taking.take(as_json(request(beside, a_span(library, 2), around, inside)))
    assert len(taking.turns()) == 2
    for turn in taking.turns():
        assert turn.usage is not None
        assert (turn.usage.cache_write, turn.usage.cache_write_1h) == (60, 40)
        assert turn_of(turn).messages[-1].text == "My refund?"
        assert turn.steps[0].stop_reason == "max_tokens"


def test_other_spans_are_no_turns(taking: Taking) -> None:
    kinds = ["embeddings", "execute_tool", "invoke_agent"]
    spans = [a_span({"gen_ai.operation.name": kind, "gen_ai.request.model": "m"}, n) for n, kind in enumerate(kinds, 1)]
    taking.take(as_json(request(*spans, a_span({"http.request.method": "GET"}, 9))))
    taking.take(as_json(request(a_span(NEW), scope="pointsman")))
    assert taking.turns() == []


class TestLateSpans:
    ALONE: ClassVar = {name: held for name, held in NEW.items() if name != "gen_ai.conversation.id"}
    PARENT = f"{9:016x}"

    def root(self, **attributes: Any) -> tuple[bytes, dict[str, str]]:
        return as_json(request(a_span({"gen_ai.operation.name": "invoke_agent", **attributes}, 9)))

    def test_a_call_waits_for_the_span_that_names_its_conversation(self, taking: Taking) -> None:
        taking.take(as_json(request(a_span(self.ALONE, 1, parentSpanId=self.PARENT))))
        assert taking.turns() == []
        taking.take(self.root(**{"session.id": "conv-9"}))
        assert taking.one().conversation_id == "conv-9"
        taking.take(as_json(request(a_span(self.ALONE, 2, parentSpanId=self.PARENT))))
        assert [turn.conversation_id for turn in taking.turns()] == ["conv-9", "conv-9"]

    def test_it_waits_two_minutes_and_is_a_conversation_of_its_own_after_that(self, taking: Taking) -> None:
        taking.take(as_json(request(a_span(self.ALONE, 1, parentSpanId=self.PARENT))))
        asyncio.run(taking.capture.release())
        assert taking.turns() == []
        taking.now += 121_000_000
        assert asyncio.run(taking.capture.release()) == 1
        taking.take(self.root(**{"session.id": "conv-9"}))
        assert taking.one().conversation_id == f"trace-{TRACE}", "turns are never changed"

    def test_one_clients_trace_is_not_anothers(self, taking: Taking) -> None:
        taking.take(as_json(request(a_span(self.ALONE, 1, parentSpanId=self.PARENT))), "key_a")
        taking.take(self.root(**{"session.id": "stolen"}), "key_b")
        assert taking.turns() == []

    def test_sent_again_while_it_waits_or_after_it_is_one_turn(self, taking: Taking) -> None:
        for _ in range(2):
            taking.take(as_json(request(a_span(self.ALONE, 1, parentSpanId=self.PARENT))))
        taking.take(self.root(**{"session.id": "conv-9"}))
        taking.take(as_json(request(a_span(self.ALONE, 1, parentSpanId=self.PARENT))))
        assert len(taking.turns()) == 1


def test_personal_data_is_taken_out_before_anything_is_written(tmp_path: Path, empty: Path) -> None:
    mail, card = "zoe.hidden@example.com", "4111 1111 1111 1111"
    said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"I am {mail}, card {card}"}]}])
    told = {
        **NEW,
        "gen_ai.input.messages": said,
        "gen_ai.conversation.id": mail,
        "user.id": mail,
        "acme.note": card,
        mail: "x",
    }
    told |= {
        "gen_ai.request.model": mail,
        "gen_ai.response.model": mail,
        "error.type": mail,
        "gen_ai.response.id": mail,
    }
    alone = {name: held for name, held in told.items() if name != "gen_ai.conversation.id"}
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{shutil.copy(empty, path)}") as store:
        taking = Taking(store, Redactor(key=b"k" * 32))
        failed = a_span(told, 1, status={"code": 2, "message": f"no such user {mail}"})
        waits = a_span({**alone, "n": 2}, 2, traceId="a" * 32, parentSpanId="b" * 16)
        taking.take(as_json(request(failed, waits)))
        assert taking.one().conversation_id.startswith("[EMAIL_")
        plain = repr(taking.one())
        assert mail not in plain
        assert card not in plain
        raw = b"".join(one.read_bytes() for one in tmp_path.iterdir())
        assert mail.encode() not in raw
        assert card.encode() not in raw
        waiting = store.write_sync(
            lambda connection: connection.execute("SELECT record FROM captured_waiting").fetchall()
        )
        assert mail.encode() not in waiting[0][0]


def test_a_failed_call_is_an_error(taking: Taking) -> None:
    told = {**NEW, "error.type": "429", "http.response.status_code": 429}
    taking.take(as_json(request(a_span(told, status={"code": 2, "message": "rate limited"}))))
    turn = taking.one()
    assert (turn.status, turn.error_code, turn.http_status, turn.steps[0].error_text) == (
        "error",
        "429",
        429,
        "rate limited",
    )


JSON = {"content-type": "application/json"}
PACKED = JSON | {"content-encoding": "gzip"}
# By name: what is packed now has the time in its head, and the two workers must collect the same tests.
REFUSED: dict[str, tuple[Callable[[], bytes], dict[str, str]]] = {
    "half an object": (lambda: b"{", JSON),
    "a list": (lambda: b"[1]", JSON),
    "no list of resources": (lambda: b'{"resourceSpans": {"a": 1}}', JSON),
    "a span that is a number": (lambda: b'{"resourceSpans": [{"scopeSpans": [{"spans": [1]}]}]}', JSON),
    "no protobuf": (lambda: b"\xff\xff", {"content-type": "application/x-protobuf"}),
    "plain text": (lambda: b"{}", {"content-type": "text/plain"}),
    "no gzip": (lambda: b"no gzip", PACKED),
    "half a gzip": (lambda: gzip.compress(b"{}")[:-4], PACKED),
    "two gzip members": (lambda: gzip.compress(b"{}") * 2, PACKED),
    "a gzip bomb": (lambda: gzip.compress(bytes(70 * 1024 * 1024)), PACKED),
    "another coding": (lambda: b"{}", JSON | {"content-encoding": "br"}),
    "deep lists": (lambda: b'{"resourceSpans":' + b"[" * 50_000, JSON),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_export_request_is_refused(taking: Taking, what: str) -> None:
    body, headers = REFUSED[what]
    with pytest.raises(PointsmanError) as refused:
        taking.take((body(), headers))
    assert refused.value.status in (400, 413)


def test_bad_spans_are_told_and_the_others_taken(taking: Taking) -> None:
    bad = [
        a_span(NEW, 2, traceId="0" * 32),
        a_span(NEW, 3, spanId="xyz"),
        a_span(NEW, 4, startTimeUnixNano="0"),
        a_span(NEW, 5, endTimeUnixNano=str(1 << 63)),
    ]
    assert taking.take(as_json(request(a_span(NEW), *bad))) == 4
    assert len(taking.turns()) == 1


def test_odd_messages_leave_the_figures(taking: Taking) -> None:
    for n, odd in enumerate(('"text"', "[1]", '[{"role":"alien","parts":[]}]', '[{"parts":1}]', "[" * 3000), 1):
        taking.take(as_json(request(a_span({**NEW, "gen_ai.input.messages": odd}, n))))
    assert [turn.usage for turn in taking.turns()] == [Usage(600, 50, cache_read=400)] * 5
    assert pairs({"a": 1}) == [{"key": "a", "value": {"intValue": "1"}}]


def test_budgets_leave_out_what_pointsman_did_not_spend(taking: Taking) -> None:
    taking.take(as_json(request(a_span(NEW))))
    assert taking.one().cost_usd
    book = SpendBook(taking.store, simulated=False)
    book.seed({("all", "total"): 0, ("key", "total"): 0, ("conversation", "total"): 0})
    assert list_spend(taking.store, "2026-11-22", "2026-11") == []


def test_who_must_see_all_turns_can_have_the_waiting_ones_written(taking: Taking) -> None:
    alone = {name: held for name, held in NEW.items() if name != "gen_ai.conversation.id"}
    taking.take(as_json(request(*(a_span(alone, n, parentSpanId="f" * 16) for n in (1, 2)))))
    assert settle_waiting(taking.store) == 2
    assert {turn.conversation_id for turn in taking.turns()} == {f"trace-{TRACE}"}
    assert settle_waiting(taking.store) == 0


_NAMES = sorted(
    {
        *NEW,
        *OLD,
        *OPENINFERENCE,
        "gen_ai.prompt.².role",
        f"gen_ai.prompt.{'1' * 5000}.role",
        "user.id",
        "error.type",
        "http.response.status_code",
        "acme.x",
    }
)
_VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(),
    st.booleans(),
    st.lists(st.text(max_size=5) | st.integers(0, 9), max_size=3),
    st.sampled_from(
        [
            "[]",
            "{}",
            "[1]",
            '[{"role":"user"}]',
            '[{"role":"user","parts":[{"type":"tool_call"}]}]',
            "\x00",
            "9" * 5000,
            "²",
        ]
    ),
)


@given(
    told=st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=8),
    start=st.integers(1, (1 << 62) - 1),
    end=st.integers(1, (1 << 62) - 1),
    failed=st.booleans(),
)
def test_whatever_a_span_says_it_is_a_turn_that_can_be_stored(
    told: dict[str, Any], start: int, end: int, failed: bool
) -> None:
    attributes = {"gen_ai.operation.name": "chat"} | told
    attributes.pop("openinference.span.kind", None)
    attributes["gen_ai.operation.name"] = "chat"
    span = Received(TRACE, "1" * 16, None, "chat", start, end, attributes, failed=failed)
    assert is_model_call(span)
    record = turn_of_span(span, CATALOG, None, "conv")
    bodies = gather_bodies(record)
    assert turn_row(record, 1, bodies, Codec())
    assert step_row(record.steps[0], 1, 0)
    if any(name == "message" for name, _ in record.request):
        assert turn_of(record).messages
