"""A model that sorts the turns of which nothing else is sure; doubt goes up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pointsman.emulator.script import Fault, Rule, Say, Script, When
from support.gateway import gateway, policy
from support.routed import MINI, SDKS, STREAMS, ask, calls, checks, only


def sorting(more: str = "", **replace: str) -> Any:
    line = f"llm_router: {{model: openai/gpt-5-mini{more}}}"
    routes = "tools: {tiers: [small], choose: listed}"
    swaps = {
        "default_route: direct": f"default_route: direct\n{line}",
        routes: "tools: {tiers: [mid], choose: listed}",
        "small: [anthropic/claude-haiku-4-5, openai/gpt-5-mini]": "small: [anthropic/claude-haiku-4-5]",
        "  plan: {tiers: [flagship]}": "  plan: {tiers: [flagship], worker: none}",
    }
    return policy(**swaps | replace)


VAGUE = "zxcv qwer"


SORTED = {"route": "plan", "intent": "refund", "risk": "high", "confidence": 0.9}


def sorted_by(said: Say | None, fault: Fault | None = None) -> Script:
    return Script(rules=(Rule(when=When(model="gpt-5-mini"), reply=said, fault=fault), Rule(reply=Say(text="Done."))))


@SDKS
@STREAMS
@pytest.mark.parametrize(
    ("said", "route"),
    [
        (SORTED, "plan"),
        ({**SORTED, "route": "direct", "risk": "low"}, "direct"),
        ({**SORTED, "route": "direct", "risk": "high"}, "tools"),
    ],
)
def test_a_model_sorts_what_nothing_else_recognised(
    tmp_path: Path, sdk: str, stream: bool, said: Any, route: str
) -> None:
    with gateway(tmp_path / "t.db", sorted_by(Say(json=said)), sorting()) as running:
        assert ask(running, sdk, VAGUE, stream=stream) == "Done."
        record = only(running)
    assert record.decision.route == route
    assert calls(record)[0] == ("route", MINI)
    assert len(record.steps) == 2
    assert record.decision.confidence is None
    assert checks(record) == [("route.claim", True, "released")]
    assert record.prepared_ms is not None
    assert any(reason.kind == "llm_router" and "claims" in reason.text for reason in record.decision.reasons)


@pytest.mark.parametrize(
    ("said", "fault", "more"),
    [
        (Say(text="I would say: plan."), None, ""),
        (Say(json={**SORTED, "route": "moon"}), None, ""),
        (Say(json={**SORTED, "confidence": 7}), None, ""),
        (Say(refusal="No."), None, ""),
        (None, Fault(kind="status", status=500), ""),
        (None, Fault(kind="stall"), ", timeout_ms: 150"),
        (Say(json=SORTED), None, ", max_usd: 0.000001"),
    ],
)
def test_doubt_goes_up(tmp_path: Path, said: Say | None, fault: Fault | None, more: str) -> None:
    with gateway(tmp_path / "t.db", sorted_by(said, fault), sorting(more)) as running:
        assert ask(running, "openai", VAGUE, stream=True) == "Done."
        record = only(running)
    assert record.decision.route == "tools"
    assert record.steps[-1].model == "anthropic/claude-sonnet-4-6"
    assert any(reason.name == "up" for reason in record.decision.reasons)


def test_what_a_rule_decided_is_not_asked(tmp_path: Path) -> None:
    rule = "llm_router: {model: openai/gpt-5-mini}\nrules:\n  - {name: all, when: 'size.tokens > 0', floor: tools}"
    chosen = sorting(**{"llm_router: {model: openai/gpt-5-mini}": rule})
    with gateway(tmp_path / "t.db", sorted_by(Say(json={**SORTED, "route": "direct"})), chosen) as running:
        ask(running, "openai", VAGUE)
        record = only(running)
    assert calls(record) == [("reply", "anthropic/claude-sonnet-4-6")]
