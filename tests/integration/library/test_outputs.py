"""Shapes given from Python: Pydantic models and JSON Schemas, of plans and of replies."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from pydantic import BaseModel, field_validator

from pointsman import Message, Pointsman, Turn
from pointsman.domain.message import OutputFormat, Text
from pointsman.emulator.script import Rule, SaidCall, Say, Script, When
from pointsman.errors import ContractViolated, PolicyError, UsageError

HAIKU = "anthropic/claude-haiku-4-5"

POLICY = """
version: 1
providers: {anthropic: {host: anthropic}}
tiers:
  small: [anthropic/claude-haiku-4-5]
  flagship: [anthropic/claude-opus-4-8]
routes:
  direct: {tiers: [small]}
  plan: {tiers: [flagship]}
default_route: plan
agents:
  care: {prompt: You help., routes: [plan]}
  quick: {prompt: You help., routes: [direct]}
  wary: {prompt: You help., routes: [direct], tools: {refund: {}}, approval: [refund]}
"""
PLAN: dict[str, Any] = {
    "intent": "where the order is",
    "tone": "calm",
    "must_mention": [],
    "forbidden": [],
    "next_action": "reply",
    "risk": "low",
    "tool": "",
    "arguments": [],
    "confidence": 0.9,
}


class Desk(BaseModel):
    department: Literal["billing", "delivery"]


def door(tmp_path: Path, *rules: Rule) -> Pointsman:
    (tmp_path / "pointsman.yaml").write_text(POLICY)
    store = f"sqlite:///{tmp_path / 'turns.db'}"
    return Pointsman.from_policy(tmp_path / "pointsman.yaml", store=store, emulated=True, script=Script(rules=rules))


def planned(**more: str) -> tuple[Rule, ...]:
    return (
        Rule(when=When(contains="Plan the agent"), reply=Say(json={**PLAN, **more})),
        Rule(when=When(model="claude-haiku*"), reply=Say(text="It is on its way.")),
        Rule(reply=Say(text="I looked myself.")),
    )


def extra(record: Any) -> Any:
    return msgspec.json.decode(record.handoffs[0].artifact)["extra"]


def test_an_agents_plan_has_the_fields_of_its_own_model(tmp_path: Path) -> None:
    opened = door(tmp_path, *planned(department="delivery"))
    opened.plan_schema(Desk, agent="care")
    with opened.sync() as pm:
        assert extra(pm.turn("Where is my order?", model="agent/care").record) == {"department": "delivery"}
        # A turn of nobody's agent is planned as the route says: there the field is one too many.
        other = pm.turn("Where is my order?").record
        assert not other.handoffs


def test_a_plan_that_breaks_the_model_is_no_plan(tmp_path: Path) -> None:
    opened = door(tmp_path, *planned(department="gardening"))
    opened.plan_schema(Desk)
    with opened.sync() as pm:
        record = pm.turn("Where is my order?").record
    assert not record.handoffs
    assert any(check.name == "plan.schema" and not check.passed for check in record.checks)


class Taken(BaseModel):
    tone: str


@pytest.mark.parametrize(
    ("fields", "agent", "words"),
    [
        (Desk, "quick", "is for agents with a route that plans"),
        (Desk, "carre", "no agent 'carre'"),
        (Taken, None, "every plan has tone already"),
        ({"properties": {"desk": {"type": "strange"}}}, None, "plan schema"),
        ({"type": "array"}, None, "must be the JSON Schema of an object"),
        ({}, None, "must be the JSON Schema of an object"),
        (Desk(department="billing"), None, "a Pydantic model .the class."),
        (int, None, "not int"),
    ],
)
def test_fields_that_cannot_be_added_are_refused(tmp_path: Path, fields: Any, agent: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        door(tmp_path).plan_schema(fields, agent=agent)


def test_fields_come_before_the_first_turn(tmp_path: Path) -> None:
    opened = door(tmp_path, Rule(reply=Say(text="Yes.")))
    with opened.sync(), pytest.raises(UsageError, match="before the first turn"):
        opened.plan_schema(Desk)


class Refund(BaseModel):
    order: str
    cents: int

    @field_validator("cents")
    @classmethod
    def _is_possible(cls, value: int) -> int:
        if value > 10_000:
            raise ValueError("nobody refunds that much")
        return {-1: value}[value] if value < 0 else value


GOOD = {"order": "A1", "cents": 500}


def test_a_reply_becomes_an_instance_of_the_model(tmp_path: Path) -> None:
    with door(tmp_path, Rule(reply=Say(json=GOOD))).sync() as pm:
        result = pm.turn("Refund A1", output=Refund, model=HAIKU)
        assert result.value == Refund(order="A1", cents=500)
        assert pm.turn("Refund A1", model=HAIKU).value is None
        schema = Refund.model_json_schema()
        assert pm.turn("Refund A1", output=schema, model=HAIKU).value == GOOD
        kept = Turn((Message("user", (Text("Refund A1"),)),), model=HAIKU)
        assert pm.turn(kept, output=Refund).value == result.value
        # What was asked for is on record, as it would be over HTTP.
        params = dict(result.record.request)["params"]
        assert msgspec.json.decode(params)["response_format"]["json_schema"]["name"] == "Refund"


@pytest.mark.parametrize("wrong", [99_999, -2])
def test_what_the_models_own_validators_object_to_is_asked_for_again(tmp_path: Path, wrong: int) -> None:
    rules = (
        Rule(when=When(contains="Refund A1"), reply=Say(json={"order": "A1", "cents": wrong})),
        Rule(reply=Say(json=GOOD)),
    )
    with door(tmp_path, *rules).sync() as pm:
        result = pm.turn("Refund A1", output=Refund, model=HAIKU)
    assert result.value == Refund(order="A1", cents=500)
    assert [(check.name.split("@")[0], check.passed) for check in result.record.checks] == [
        ("contract Refund", False),
        ("contract Refund", True),
    ]


def test_a_reply_that_never_fits_raises(tmp_path: Path) -> None:
    with (
        door(tmp_path, Rule(reply=Say(json={"order": "A1", "cents": 99_999}))).sync() as pm,
        pytest.raises(ContractViolated) as caught,
    ):
        pm.turn("Refund A1", output=Refund, model=HAIKU)
    assert caught.value.turn_id


def test_tool_calls_have_no_value(tmp_path: Path) -> None:
    def look_up(order: str) -> str:
        """Look an order up."""
        return order

    calls = Say(calls=(SaidCall(name="look_up", arguments={"order": "A1"}),))
    with door(tmp_path, Rule(reply=calls)).sync() as pm:
        result = pm.turn("Refund A1", output=Refund, tools=[look_up], model=HAIKU)
    assert result.tool_calls
    assert result.value is None


def test_an_agents_replies_are_held_to_its_model(tmp_path: Path) -> None:
    opened = door(
        tmp_path,
        Rule(when=When(contains="Refund A1"), reply=Say(json={"order": "A1", "cents": 99_999})),
        Rule(when=When(contains="Refund B2"), reply=Say(json={"department": "billing"})),
        Rule(reply=Say(json=GOOD)),
    )
    opened.contract(Refund, agent="quick")
    with opened.sync() as pm:
        assert pm.turn("Refund A1", model="agent/quick").value == Refund(order="A1", cents=500)
        assert pm.turn("Refund B2", model="agent/quick", output=Desk).value == Desk(department="billing")
        assert pm.turn("Refund C3", model=HAIKU).value is None


def test_a_contract_needs_an_agent_of_the_policy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no agent 'quik'; there are: care, quick, wary"):
        door(tmp_path).contract(Refund, agent="quik")


@pytest.mark.parametrize(
    ("said", "wishes", "words"),
    [
        ("Hi", {"output": int}, "not int"),
        ("Hi", {"output": list[int]}, "a Pydantic model .the class. or a JSON Schema"),
        ("Hi", {"output": GOOD | {"type": "strange"}}, "strange"),
        ("Hi", {"output": {"type": {1, 2}}}, "JSON"),
        ("Hi", {"output": Refund, "options": {"response_format": {"type": "text"}}}, "has a parameter of its own"),
        (
            Turn((Message("user", (Text("Hi"),)),), output_format=OutputFormat("json_object")),
            {"output": Refund},
            "output_format of its own",
        ),
    ],
)
def test_an_output_that_cannot_be_held_is_refused(tmp_path: Path, said: Any, wishes: Any, words: str) -> None:
    with door(tmp_path).sync() as pm, pytest.raises(UsageError, match=words):
        pm.turn(said, **wishes)


def test_a_yes_goes_on_with_the_shape_the_run_began_with(tmp_path: Path) -> None:
    opened = door(
        tmp_path,
        Rule(when=When(contains="Refund A1", results=False), reply=Say(calls=(SaidCall(name="refund", arguments={}),))),
        Rule(reply=Say(json=GOOD)),
    )

    @opened.tool(write=True)
    def refund() -> str:
        """Refund the order."""
        return "done"

    with opened.sync() as pm:
        first = pm.turn("Refund A1", model="agent/wary", output=Refund, conversation_id="c1")
        assert (first.value, "approval" in first.text) == (None, True)
        last = pm.turn("yes", history=first.messages, model="agent/wary", output=Desk, conversation_id="c1")
        assert msgspec.json.decode(last.text) == GOOD
        assert last.value is None


def test_a_key_for_plans_of_later_turns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(POLICY + "voice: {budget_ms: 500, plan: next_turn}\n")
    with pytest.raises(PolicyError, match=r"voice\.plan"):
        Pointsman.from_policy(tmp_path / "p.yaml")
