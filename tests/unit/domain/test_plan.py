"""Plans: what they must hold, what may be added, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from pointsman.contracts import Contract
from pointsman.domain.plan import accepted_schema, extended, plan_from, plan_schema

GOOD: dict[str, Any] = {
    "intent": "refund",
    "tone": "calm",
    "must_mention": [" a ", "", "a"],
    "forbidden": [],
    "next_action": "call_tool",
    "risk": "high",
    "tool": "refund",
    "arguments": [{"name": "order_id", "value": "1182"}, {"name": "amount", "value": "49.9"}],
    "confidence": 0.5,
}
PARAMETERS = {
    "refund": {"type": "object", "properties": {"order_id": {"type": "string"}, "amount": {"type": "number"}}}
}


class Extra(BaseModel):
    """What an agent adds to its plans."""

    department: str
    urgency: int = 0


def test_arguments_take_the_types_of_the_tool() -> None:
    plan = plan_from(GOOD, PARAMETERS)
    assert plan.arguments == {"order_id": "1182", "amount": 49.9}
    assert plan.must_mention == ("a",)
    assert plan_from({**GOOD, "arguments": {"order_id": "7"}}, PARAMETERS).arguments == {"order_id": "7"}
    assert plan_from({**GOOD, "tool": "", "next_action": "reply"}, PARAMETERS).arguments == {}


def test_a_call_needs_its_tool() -> None:
    with pytest.raises(ValueError, match="no tool is named"):
        plan_from({**GOOD, "tool": ""}, PARAMETERS)


@pytest.mark.parametrize(
    "change",
    [
        {"tone": "x" * 121},
        {"must_mention": ["a", "b", "c", "d"]},
        {"forbidden": ["a", "b", "c", "d"]},
        {"next_action": "wait"},
        {"risk": "none"},
        {"tool": "unknown_tool"},
        {"confidence": 1.5},
        {"intent": ""},
        {"reasoning": "the customer lies"},
    ],
)
def test_what_no_plan_may_be(change: dict[str, Any]) -> None:
    contract = Contract(accepted_schema(["refund"]), name="plan", repair=False)
    assert contract.check(_json(GOOD)).ok
    assert not contract.check(_json(GOOD | change)).ok


def test_an_extension_adds_fields_of_its_own() -> None:
    extension = Extra.model_json_schema()
    contract = Contract(accepted_schema(["refund"], extension), name="plan")
    assert not contract.check(_json(GOOD)).ok
    checked = contract.check(_json({**GOOD, "department": "billing"}))
    assert checked.ok
    assert plan_from(checked.value, PARAMETERS).extra == {"department": "billing"}
    assert set(plan_schema([], extension)["required"]) >= {"department", "urgency"}


@pytest.mark.parametrize(
    "bad", [{"type": "array"}, {"properties": {"risk": {}}}, {"properties": {}}, {"type": "object"}]
)
def test_an_extension_must_be_an_object_with_other_names(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|has risk"):
        extended(bad)


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value)
