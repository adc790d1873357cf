from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from pointsman.catalog.models import Model
from pointsman.domain.message import Message, OutputFormat, Refusal, Text
from pointsman.domain.reply import Reply, StopReason
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Job
from pointsman.evaluation.bench_running import Made
from pointsman.evaluation.bench_sets import bundled_schema, bundled_texts
from pointsman.evaluation.benches.structured import Mode, StructuredBench, StructuredRow, own_schema
from pointsman.evaluation.cases import Case

MODEL = Model(id="a/m", provider="a", name="m", tier="small", structured_output="json_schema")
PLAIN = Model(id="b/m", provider="b", name="m", tier="small", structured_output="json_object")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"intent": {"enum": ["refund", "cancel"]}, "id": {"type": "string"}},
    "required": ["intent", "id"],
    "additionalProperties": False,
}
GOOD = '{"intent": "refund", "id": "A-1"}'


def _bench(cases: int = 3) -> StructuredBench:
    return StructuredBench(SCHEMA, "triage", [_case(str(n)) for n in range(cases)])


def _case(key: str, *messages: Message) -> Case:
    return Case(key, key, "test", Turn(messages or (Message("user", (Text("hello"),)),)))


def _made(text: str, case: str = "0", stop: StopReason = "end_turn", mode: Mode = "native") -> Made:
    reply = Reply("r", "m", (Text(text),), stop)
    answer = Answer(case, "a/m", 1, "live", reply=reply, usage=Usage(10, 20), cost_usd=Decimal("0.001"))
    return Made(Job(case, "a/m", Turn(()), mode), answer)


def _row(*made: Made) -> StructuredRow:
    return _bench().row(MODEL, "native", made, "live")


def test_replies_are_counted_by_what_becomes_of_them() -> None:
    row = _row(
        _made(GOOD, "0"),
        _made(f"```json\n{GOOD}\n```", "1"),
        _made('{"intent": "Refund"}', "2"),
        _made(GOOD[:-9], "3", "max_tokens"),
    )
    assert (row.conforms.share, row.repaired.share, row.released.share) == (0.25, 0.25, 0.5)
    assert row.kinds == {"bad_enum": 1, "fenced": 1, "missing_field": 1, "truncated": 1}
    assert row.cost_per_1k_usd == Decimal(1)
    assert row.output_tokens == 20


def test_a_refusal_is_one_kind_and_no_error() -> None:
    made = _made("", "0")
    refused = msgspec.structs.replace(made.answer, reply=Reply("r", "m", (Refusal("no"),), "refusal"))
    assert _row(msgspec.structs.replace(made, answer=refused)).kinds == {"refusal": 1}


def test_a_call_without_a_reply_counts_in_no_share() -> None:
    failed = Made(Job("1", "a/m", Turn(()), "native"), Answer("1", "a/m", 1, "live", error="rate_limit"))
    row = _row(_made(GOOD), failed)
    assert (row.conforms.n, row.conforms.share, row.errors) == (1, 1.0, {"rate_limit": 1})


def test_an_unknown_price_makes_the_cost_unknown() -> None:
    made = _made(GOOD)
    free = msgspec.structs.replace(made, answer=msgspec.structs.replace(made.answer, cost_usd=None))
    assert _row(made, free).cost_per_1k_usd is None


def test_the_schema_stands_in_the_request_or_in_the_instructions() -> None:
    native, prompt = list(_bench(1).jobs([MODEL], 1))
    assert native.turn.output_format is not None
    assert native.turn.output_format.schema == SCHEMA
    assert "additionalProperties" not in native.turn.messages[0].text
    assert prompt.turn.output_format is None
    assert "additionalProperties" in prompt.turn.messages[0].text


def test_the_instructions_of_a_case_of_ones_own_are_kept() -> None:
    case = _case("x", Message("system", (Text("You are Ann."),)), Message("user", (Text("hi"),)))
    (job,) = StructuredBench(SCHEMA, "t", [case]).jobs([MODEL], 1, ("native",))
    assert [message.text for message in job.turn.messages] == ["You are Ann.", "hi"]


def test_models_without_native_schemas_are_asked_in_words_only() -> None:
    assert [(job.model, job.mode) for job in _bench(1).jobs([MODEL, PLAIN], 1)] == [
        ("a/m", "native"),
        ("a/m", "prompt"),
        ("b/m", "prompt"),
    ]
    assert _bench().row(PLAIN, "native", (), "live").unsupported == "no native JSON Schema"


def test_models_are_asked_side_by_side() -> None:
    jobs = list(_bench(2).jobs([MODEL, PLAIN], 2, ("prompt",)))
    assert [(job.repeat, job.case_id, job.model) for job in jobs][:3] == [
        (1, "0", "a/m"),
        (1, "0", "b/m"),
        (1, "1", "a/m"),
    ]


def test_the_bundled_schema_has_eight_fields_two_enums_and_one_object_within() -> None:
    fields = bundled_schema()["properties"]
    assert len(fields) == 8
    assert sum("enum" in field for field in fields.values()) == 2
    assert sum(field.get("type") == "object" for field in fields.values()) == 1
    assert StructuredBench(bundled_schema(), "ticket", ()).contract.version


def test_the_bundled_texts_are_many_and_all_different() -> None:
    texts = bundled_texts()
    assert len(texts) >= 60
    assert len({case.id for case in texts}) == len(texts) == len({case.turn.messages[0].text for case in texts})
    assert {"injection", "unicode", "languages", "quotes"} <= {case.tags["kind"] for case in texts}


@pytest.mark.parametrize("schemas", [[], [SCHEMA, {"type": "object"}]])
def test_cases_that_disagree_on_the_schema_have_none_of_their_own(schemas: list[dict[str, Any]]) -> None:
    turns = [Turn((Message("user", (Text("x"),)),), output_format=OutputFormat("json_schema", one)) for one in schemas]
    assert own_schema([Case(str(n), "c", "t", turn) for n, turn in enumerate(turns)]) is None
