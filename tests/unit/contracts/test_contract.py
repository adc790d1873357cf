"""Contracts from schemas, models and requests; what is refused at construction; what hostile replies cannot do."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from inline_snapshot import snapshot
from pydantic import BaseModel, Field, field_validator

from pointsman.contracts import Contract, Shelf, ToolContract, retry_message
from pointsman.domain.message import OutputFormat, Tool, ToolCall
from pointsman.errors import UsageError

TRIAGE: dict[str, Any] = {
    "type": "object",
    "properties": {"intent": {"enum": ["refund", "cancel"]}, "order_id": {"type": "string"}},
    "required": ["intent", "order_id"],
    "additionalProperties": False,
}
GOOD = '{"intent": "refund", "order_id": "A-1"}'


def test_the_version_is_of_the_content() -> None:
    turned = json.loads(json.dumps(TRIAGE, sort_keys=True))
    assert Contract(TRIAGE).version == Contract(turned, name="other").version
    assert len(Contract(TRIAGE).version) == 12
    versions = {Contract(TRIAGE).version, Contract(TRIAGE, expect_optional=True).version, Contract({}).version}
    assert len(versions) == 3


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objekt"}, "at /type"),
        ({"properties": {"a": {"minLength": -1}}}, "at /properties/a/minLength"),
        ({"properties": {"a": {"pattern": "(a"}}}, "at /properties/a/pattern"),
        ({"properties": {"a": {"pattern": "a{1,100000000}"}}}, "Use maxLength"),
        ({"properties": {"a": {"$ref": "https://example.org/x.json"}}}, "/properties/a/$ref refers to"),
        ({"$ref": "file:///etc/passwd"}, "outside the schema"),
        ({"items": {"$ref": "#/$defs/nothing"}}, "which is not there"),
        ({"$ref": "#"}, "leads back to itself"),
        (
            {
                "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}},
                "$ref": "#/$defs/a",
            },
            "itself",
        ),
        ({"$schema": "https://example.org/own"}, "wrong at"),
        ("object", "not str"),
        (True, "not bool"),
    ],
)
def test_a_bad_schema_is_refused_with_its_place(schema: Any, said: str) -> None:
    with pytest.raises(UsageError, match="contract 'mine'") as caught:
        Contract(schema, name="mine")
    assert said in str(caught.value)


def test_references_that_multiply_are_refused() -> None:
    laughs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    deeper = {f"d{n}": {"properties": {"c": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2}}} for n in range(40)}
    for defs in (laughs, deeper):
        with pytest.raises(UsageError, match="multiply"):
            Contract({"$defs": {**defs, "d40": {"type": "string"}}, "$ref": "#/$defs/d0"})


def test_schemas_too_deep_too_large_or_chained_too_far_are_refused() -> None:
    deep: Any = {"type": "string"}
    for _ in range(40):
        deep = {"properties": {"a": deep}}
    with pytest.raises(UsageError, match="deeper than"):
        Contract(deep)
    with pytest.raises(UsageError, match="more than"):
        Contract({"enum": list(range(30_000))})
    chain = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(4000)}
    with pytest.raises(UsageError, match="chained too deep"):
        Contract({"$defs": {**chain, "d4000": {}}, "$ref": "#/$defs/d0"})


def test_patterns_that_would_run_for_ever_do_not() -> None:
    slow = Contract({"type": "string", "pattern": "^(a+)+$"})
    assert slow.check(json.dumps("a" * 50_000 + "b")).kinds == ("wrong_type",)
    with pytest.raises(UsageError, match="repeat"):
        Contract({"properties": {f"f{n}": {"pattern": f"^.{{1,900}}{n}$"} for n in range(1000)}})
    with pytest.raises(UsageError, match="repeat"):
        Contract({"pattern": "^((a{1,50}b){1,50}c){1,50}$"})
    uuid = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
    assert Contract({"properties": {f"f{n}": {"pattern": uuid} for n in range(100)}}).check("{}").ok
    backtracking = Contract({"type": "string", "pattern": "^(?=a)(a+)+\\1$"})
    assert not backtracking.check(json.dumps("a" * 5_000 + "b")).ok
    lookahead = Contract({"type": "string", "pattern": "^(?!test)[a-z]+$"})
    assert (lookahead.check('"order"').outcome, lookahead.check('"tester"').outcome) == ("ok", "rejected")


def test_a_recursive_schema_that_explodes_is_still_answered() -> None:
    node = {"properties": {"x": {"type": "string"}, "c": {"anyOf": [{"$ref": "#/$defs/n"}, {"$ref": "#/$defs/n"}]}}}
    contract = Contract({"$defs": {"n": node}, "$ref": "#/$defs/n"})
    reply: Any = {"x": 1}
    for _ in range(60):
        reply = {"c": reply}
    verdict = contract.check(json.dumps(reply))
    assert (verdict.outcome, verdict.kinds) == ("rejected", ("wrong_type",))


@pytest.mark.parametrize(
    "reply",
    [
        "[" * 200_000,
        '{"a":' * 100_000,
        '"' * 100_000,
        "{'" * 50_000,
        "{}" * 100_000,
        "```" * 100_000,
        "{word} " * 50_000,
        '{"a": "' + "\\" * 100_001,
        "[1]" * 100_000,
        "9" * 100_000,
        '{"intent": "refund", "order_id": "' + "x" * 3_000_000 + '"}',
        "[" * 90 + '"\\"' * 100_000,
        "```json" + " " * 200_000 + "```x",
        "{'a': '" + "it's " * 50_000 + "'}",
        "<think>" * 50_000,
        json.dumps({f"k{n}": json.loads(GOOD) for n in range(20_000)}),
        json.dumps([json.loads(GOOD)] * 20_000),
        '{"intent": "refund", "order_id": ' + "9" * 4_000 + "}",
        GOOD[:-2] + "\ud800" + GOOD[-2:],
    ],
    ids=lambda reply: reply[:8] + f"-{len(reply)}",
)
@pytest.mark.timeout(10)
def test_hostile_replies_are_rejected_in_good_time(reply: str) -> None:
    verdict = Contract(TRIAGE).check(reply)
    assert verdict.outcome == "rejected"
    assert verdict.kinds
    assert len(retry_message(verdict)) < 20_000


def test_many_faults_are_told_in_bounds() -> None:
    contract = Contract({"type": "array", "items": {"type": "string"}})
    verdict = contract.check(json.dumps(list(range(5_000))))
    assert len(verdict.failures) == 50
    very_many = contract.check(json.dumps(list(range(200_000))))
    assert [(one.kind, one.pointer) for one in very_many.failures] == [("wrong_type", "/0")]
    message = contract.retry_message(verdict)
    assert "and 30 more" in message
    assert len(message) < 4_000


def test_what_the_model_is_told() -> None:
    contract = Contract(TRIAGE)
    assert contract.retry_message(contract.check('{"intent": "Refund", "extra": 1}')) == snapshot("""\
Your last reply does not satisfy the required JSON Schema. What is wrong:
1. at /extra: the field 'extra' is not in the schema
2. at /intent: "Refund" is not one of the allowed values: "refund", "cancel"
3. at /order_id: the required field 'order_id' is missing
Send the whole JSON again, corrected: one JSON value, nothing before or after it, no code fence.
Keep what was right as it was, and do not invent values.\
""")
    assert "cut off" in contract.retry_message(contract.check('{"intent": "ref', truncated=True))
    assert "declined" in contract.retry_message(contract.check("", refusal=True))


def test_look_alike_characters_are_made_visible() -> None:
    verdict = Contract(TRIAGE).check('{"intent": "r\u0435fund", "order_id": ""}')
    assert "\\u0435" in verdict.failures[0].message


class Line(BaseModel):
    sku: str
    qty: int = Field(ge=1)


class Order(BaseModel):
    number: str = Field(alias="orderNumber")
    lines: list[Line]
    note: str | None = None

    @field_validator("number")
    @classmethod
    def _known(cls, number: str) -> str:
        if not number.startswith("A-"):
            raise ValueError("order numbers begin with A-")
        return number


def test_a_pydantic_model_is_a_contract_with_its_own_validators() -> None:
    contract = Contract.from_pydantic(Order)
    assert contract.name == "Order"
    assert contract.check('{"orderNumber": "A-1", "lines": [{"sku": "x", "qty": 1}]}').outcome == "ok"
    wrong = contract.check('{"number": "A-1", "lines": [{"sku": 5, "qty": 0}]}')
    assert [(one.kind, one.pointer) for one in wrong.failures] == [
        ("wrong_type", "/lines/0/qty"),
        ("wrong_type", "/lines/0/sku"),
        ("missing_field", "/orderNumber"),
    ]
    own = contract.check('```\n{"orderNumber": "B-1", "lines": []}\n```')
    assert [(one.kind, one.pointer) for one in own.failures] == [("fenced", ""), ("wrong_type", "/orderNumber")]
    assert "begin with A-" in own.failures[1].message
    inside = contract.check('{"order": {"orderNumber": "B-1", "lines": []}}')
    assert [(one.kind, one.pointer) for one in inside.failures] == [
        ("wrapped_payload", "/order"),
        ("wrong_type", "/order/orderNumber"),
    ]
    strict = Contract.from_pydantic(Order, expect_optional=True)
    assert strict.check('{"orderNumber": "A-1", "lines": []}').kinds == ("dropped_optional",)


def test_a_request_brings_its_own_contract() -> None:
    assert Contract.from_output_format(None) is None
    assert Contract.from_output_format(OutputFormat("text")) is None
    free = Contract.from_output_format(OutputFormat("json_object"))
    assert free is not None
    assert (free.check('{"any": 1}').outcome, free.check("[1]").outcome) == ("ok", "rejected")
    wanted = OutputFormat("json_schema", TRIAGE, "triage", strict=True)
    contract = Contract.from_output_format(wanted)
    assert contract is not None
    assert contract.output_format() == wanted
    titled = Contract.from_output_format(OutputFormat("json_schema", {"type": "object", "title": "Triage"}))
    assert titled is not None
    assert titled.name == "Triage", "where the request names no format, the schema's title does"
    hoped = {"type": "object", "properties": {"x-expected": {"type": "string", "x-expected": True}}}
    assert Contract(hoped).output_format().schema == {
        "type": "object",
        "properties": {"x-expected": {"type": "string"}},
    }


def test_a_schema_that_comes_with_every_request_is_compiled_once() -> None:
    shelf = Shelf(most=2)
    first = shelf.of(OutputFormat("json_schema", TRIAGE, "triage"))
    assert shelf.of(OutputFormat("json_schema", json.loads(json.dumps(TRIAGE)), "triage")) is first
    assert shelf.of(None) is shelf.of(OutputFormat("text")) is None
    for n in range(3):
        shelf.of(OutputFormat("json_schema", TRIAGE, f"other-{n}"))
    assert shelf.of(OutputFormat("json_schema", TRIAGE, "triage")) is not first
    tool = Tool("refund", "x", TRIAGE)
    assert shelf.of_tool(tool) is shelf.of_tool(Tool("refund", "y", TRIAGE))
    assert shelf.of_tool(tool) is not shelf.of_tool(Tool("cancel", "x", TRIAGE))


def test_a_tool_call_is_held_to_the_parameters() -> None:
    tool = ToolContract(Tool("refund", parameters={**TRIAGE, "required": ["order_id"]}))
    assert tool.check(ToolCall("1", "refund", '{"order_id": "A"}')).outcome == "ok"
    assert tool.check(ToolCall("1", "refund", "")).kinds == ("missing_field",)
    assert tool.check(ToolCall("1", "refund", '{"order_id": "A"')).kinds == ("truncated",)
    assert tool.check(ToolCall("1", "refund", "{'order_id': 'A'}")).outcome == "repaired"
    assert ToolContract(Tool("refund", parameters=TRIAGE), repair=False).check(
        ToolCall("1", "refund", f"```{GOOD}```")
    ).kinds == ("fenced",)
    assert ToolContract(Tool("ping")).check(ToolCall("1", "ping", " ")).outcome == "ok"
    assert (tool.name, len(tool.version)) == ("refund", 12)


def test_digits_are_never_lost() -> None:
    contract = Contract({"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]})
    for digits in ("9007199254740993", "1.10", "0.30000000000000004", "1e2", "-0", "123456789012345678901234567890"):
        for reply in (
            f'{{"n": {digits}}}',
            f'```\n{{"n": {digits}}}\n```',
            f"{{'n': {digits},}}",
            f'{{"r": {{"n": {digits}}}}}',
        ):
            verdict = contract.check(reply)
            assert verdict.ok
            assert digits in (verdict.text or "")
    assert contract.check('{"n": 9007199254740993}').value == {"n": 9007199254740993}


def test_the_room_loads_its_engines_only_when_a_contract_is_made() -> None:
    code = (
        "import sys, pointsman.contracts; "
        "print([m for m in ('jsonschema_rs', 'json_repair', 'pydantic', 'aiohttp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "reply",
    [
        '{"intent": "refund", "order_id": ' + "9" * 1_900_000 + "}",
        '{"intent": "refund", "order_id": -0.' + "0" * 900_000 + "e" + "1" * 900_000 + "}",
        "{'intent': 'refund', 'notes': [" + "'x'," * 450_000 + "]}",
        '{"intent": "refund", "order_id": "' + "'\\" * 600_000,
        "[" + " " * 1_900_000,
        '{"intent": "refund", "order_id": 0.5e-99999999999999999999}',
        "{" * 99 + "/*" * 900_000,
    ],
    ids=["digits", "fraction", "quotes", "escapes", "spaces", "exponent", "comments"],
)
def test_no_reply_takes_more_than_its_length_to_read(reply: str) -> None:
    # No clock is needed: where the time grew with the square of the length, these took from minutes to hours.
    assert Contract(TRIAGE).check(reply).outcome == "rejected"


def test_the_place_of_a_fault_is_named_once() -> None:
    (said,) = Contract(TRIAGE).check('{"intent": "refund", "order_id": "a\x1b"} {}').failures
    assert "invalid control character at line 1, column 36" in said.message
