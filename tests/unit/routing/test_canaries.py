from __future__ import annotations

from collections import Counter

import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.decision import Decision
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.errors import PolicyError
from pointsman.routing.canaries import drawn, trial_id
from pointsman.routing.eligibility import Limits
from pointsman.routing.policy import parse_policy
from pointsman.routing.router import Routing

HAIKU, MINI = "anthropic/claude-haiku-4-5", "openai/gpt-5-mini"
TEXT = """
version: 1
providers:
  anthropic: {host: anthropic, api_key_env: A}
  openai: {host: openai, api_key_env: B}
tiers:
  small: [anthropic/claude-haiku-4-5]
routes:
  direct: {tiers: [small]}
default_route: direct
canaries:
  mini:
    replaces: anthropic/claude-haiku-4-5
    model: openai/gpt-5-mini
    share: 0.2
    rollback_on: [tool-call-success]
"""
HELLO = Turn((Message("user", (Text("Hello there"),)),))


@pytest.fixture(scope="module")
def routing() -> Routing:
    return Routing(parse_policy(TEXT, "p.yaml"), Catalog.load())


def decide(routing: Routing, conversation: str | None, **more: object) -> Decision:
    return routing.decide(HELLO, EMPTY_SESSION, Limits(conversation=conversation, **more))  # type: ignore[arg-type]


def test_a_share_of_the_conversations_is_on_trial(routing: Routing) -> None:
    models = Counter(decide(routing, f"c{n}").model for n in range(600))
    assert 0.14 < models[MINI] / 600 < 0.26
    assert set(models) == {HAIKU, MINI}


def test_a_conversation_stays_on_its_side_and_says_why(routing: Routing) -> None:
    on_trial = next(name for name in map(str, range(100)) if decide(routing, name).model == MINI)
    decision = decide(routing, on_trial)
    assert {decide(routing, on_trial).model for _ in range(3)} == {MINI}
    assert decision.reasons[-1].kind == "canary"
    assert decision.fallbacks[0] == HAIKU
    assert decision.propensities == {HAIKU: 0.8, MINI: 0.2}


def test_who_is_not_on_trial_had_the_chance_to_be(routing: Routing) -> None:
    usual = next(name for name in map(str, range(100)) if decide(routing, name).model == HAIKU)
    assert decide(routing, usual).propensities == {HAIKU: 0.8, MINI: 0.2}


@pytest.mark.parametrize(
    "more", [{"pin": HAIKU}, {"unhealthy": {MINI: "its breaker is open"}}, {"allowed": frozenset({HAIKU})}]
)
def test_a_model_that_may_not_answer_is_not_tried(routing: Routing, more: dict[str, object]) -> None:
    decisions = [decide(routing, str(n), **more) for n in range(60)]
    assert {decision.model for decision in decisions} == {HAIKU}
    assert decisions[0].propensities == {HAIKU: 1.0}


def test_without_a_conversation_nothing_is_tried(routing: Routing) -> None:
    assert {decide(routing, None).model for _ in range(30)} == {HAIKU}


def test_a_trial_that_is_over_sends_everyone_back() -> None:
    routing = Routing(parse_policy(TEXT, "p.yaml"), Catalog.load())
    routing.canaries.stop([trial_id("mini", routing.policy.canaries["mini"])])
    assert {decide(routing, str(n)).model for n in range(60)} == {HAIKU}
    routing.canaries.stop([])
    assert {decide(routing, str(n)).model for n in range(60)} == {HAIKU, MINI}


def test_two_trials_draw_independently() -> None:
    both = sum(drawn("a@1", str(n), 0.5) and drawn("b@2", str(n), 0.5) for n in range(2000))
    assert 0.2 < both / 2000 < 0.3


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("share: 0.2", "share: 0.9", "share"),
        ("model: openai/gpt-5-mini", "model: anthropic/claude-haiku-4-5", "is the model it would replace"),
        ("replaces: anthropic/claude-haiku-4-5", "replaces: openai/gpt-5", "nothing to take the place of"),
        ("model: openai/gpt-5-mini", "model: gpt-5-mini", "not a model id"),
        ("[tool-call-success]", "[tool-calls]", "no monitor 'tool-calls'"),
    ],
)
def test_what_cannot_be_a_trial_is_refused_with_its_line(before: str, after: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said) as error:
        parse_policy(TEXT.replace(before, after), "p.yaml")
    assert "p.yaml:1" in str(error.value)
