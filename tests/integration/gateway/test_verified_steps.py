"""Verified steps: tool calls that fail a check are made again by a stronger model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import pytest

from pointsman.emulator.script import Fault, Rule, SaidCall, Say, Script, When
from support.gateway import gateway, policy
from support.routed import HAIKU, MINI, STREAMS, called, calls, checks, only, step


def verifying(spec: str, **replace: str) -> Any:
    return policy(
        **{"direct: {tiers: [small], choose: listed}": f"direct: {{tiers: [small], choose: listed, verify: {spec}}}"}
        | replace
    )


RIGHT = {"order_id": "A1182", "amount": 49.9}


@STREAMS
@pytest.mark.parametrize(
    ("wrong", "finding"),
    [
        ({"order_id": "A-1182"}, "verify.schema"),
        ({"order_id": "A-1182", "amount": "much"}, "verify.schema"),
        ({"order_id": "B-2000", "amount": 49.9}, "verify.grounding"),
        ({"order_id": "A-1182", "amount": 499}, "verify.grounding"),
        ({"order_id": "A-1182", "amount": 49.9, "speed": "fast"}, "verify.agreement"),
    ],
)
def test_a_call_that_fails_its_check_is_made_again_by_a_stronger_model(
    tmp_path: Path, stream: bool, wrong: Any, finding: str
) -> None:
    rules = (
        called("claude-haiku*", **wrong),
        called("gpt-5-mini", **RIGHT, speed="slow"),
        called("claude-sonnet*", **RIGHT),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), verifying("{agreement: small}")) as running:
        assert step(running, stream=stream) == RIGHT
        record = only(running)
    assert (finding, False, "escalated") in checks(record)
    assert record.steps[-1].model == "anthropic/claude-sonnet-4-6"
    assert ("verify", MINI) in calls(record) or finding != "verify.agreement"
    assert record.cost_usd is not None


@STREAMS
def test_a_call_on_which_two_models_agree_is_released(tmp_path: Path, stream: bool) -> None:
    rules = (called("claude-haiku*", **RIGHT), called("gpt-5-mini", order_id="a-1182", amount=49.9, speed="slow"))
    with gateway(tmp_path / "t.db", Script(rules=rules), verifying("{agreement: small}")) as running:
        assert step(running, stream=stream) == RIGHT
        record = only(running)
    names = ["verify.schema", "verify.grounding", "verify.agreement"]
    assert checks(record) == [(name, True, "released") for name in names]
    assert sorted(calls(record)) == [("reply", HAIKU), ("verify", MINI)]


def test_a_second_model_that_is_down_agrees_with_nothing(tmp_path: Path) -> None:
    rules = (
        called("claude-haiku*", **RIGHT),
        Rule(when=When(model="gpt-5-mini"), fault=Fault(kind="status", status=500)),
        called("claude-sonnet*", **RIGHT),
    )
    with gateway(tmp_path / "t.db", Script(rules=rules), verifying("{agreement: small}")) as running:
        assert step(running) == RIGHT
        assert ("verify.agreement", False, "escalated") in checks(only(running))


def test_a_write_that_nobody_stronger_can_make_is_not_released(tmp_path: Path) -> None:
    rules = (called("*", order_id="B-2000", amount=1),)
    chosen = verifying("{grounding: true}", **{"deadlines:": "limits: {allow: {default: [small]}}\ndeadlines:"})
    with gateway(tmp_path / "t.db", Script(rules=rules), chosen) as running:
        with pytest.raises(anthropic.APIStatusError):
            step(running)
        record = only(running)
    assert ("verify.grounding", False, "failed") in checks(record)
    assert record.error_code == "contract_violated"


def test_only_writes_are_checked_where_the_policy_says_so(tmp_path: Path) -> None:
    read = Rule(reply=Say(calls=(SaidCall(name="get_order", arguments={"order_id": "Z-9999"}),)))
    with gateway(
        tmp_path / "t.db", Script(rules=(read,)), verifying("{only_writes: true, agreement: small}")
    ) as running:
        assert step(running) == {"order_id": "Z-9999"}
        record = only(running)
    assert checks(record) == []
    assert calls(record) == [("reply", HAIKU)]


@pytest.mark.parametrize(
    ("strong", "status"), [((SaidCall(name="refund", arguments=RIGHT),), "ok"), ((SaidCall(name="wipe"),), "error")]
)
def test_a_stronger_models_call_must_have_its_form_too(tmp_path: Path, strong: Any, status: str) -> None:
    rules = (called("claude-haiku*", order_id="A-1182"), Rule(reply=Say(calls=strong)))
    with gateway(tmp_path / "t.db", Script(rules=rules), verifying("{schema: true}")) as running:
        if status == "ok":
            assert step(running) == RIGHT
        else:
            with pytest.raises(anthropic.APIStatusError, match="could not be verified"):
                step(running)
        record = only(running)
    assert record.status == status
    escalated = [model for _, model in calls(record)]
    assert escalated[-1] == ("anthropic/claude-sonnet-4-6" if status == "ok" else "anthropic/claude-opus-4-8")


def test_the_same_write_many_times_in_one_reply_is_not_agreed_to(tmp_path: Path) -> None:
    thirty = Say(calls=(SaidCall(name="refund", arguments=RIGHT),) * 30)
    rules = (Rule(when=When(model="claude-sonnet*"), reply=Say(calls=thirty.calls[:1])), Rule(reply=thirty))
    with gateway(tmp_path / "t.db", Script(rules=rules), verifying("{agreement: small}")) as running:
        assert step(running) == RIGHT
        record = only(running)
    assert ("verify.repeated", False, "escalated") in checks(record)
