"""Shapes given from Python: Pydantic models and JSON Schemas, of plans and of replies."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from pydantic import BaseModel

from pointsman import Pointsman
from pointsman.emulator.script import Rule, Say, Script, When
from pointsman.errors import UsageError

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
