from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointsman.catalog.prices import Rates
from pointsman.domain.decision import TIERS, Decision
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.errors import NoEligibleModel
from pointsman.routing.cost import Warmth, expected_cost
from pointsman.routing.router import Routing, new_id

Build = Callable[..., Routing]
Ask = Callable[..., Turn]
Decide = Callable[..., Decision]

OWN = """
models:
  vllm/unpriced: {tier: small, source: a test, as_of: 2026-11-01}
  vllm/dear:
    tier: small
    ttft_p95_ms: 200
    prices: {input: 10, output: 20}
    source: a test
    as_of: 2026-11-01
  vllm/cheap:
    tier: small
    ttft_p95_ms: 900
    prices: {input: 1, output: 2}
    source: a test
    as_of: 2026-11-01
  vllm/twin: {tier: small, source: a test, as_of: 2026-11-01}
"""


def policy(models: str, choose: str = "cheapest") -> str:
    return f"""
version: 1
providers: {{vllm: {{host: vllm}}}}
tiers: {{small: [{models}]}}
routes: {{direct: {{tiers: [small], choose: {choose}}}}}
default_route: direct
"""


@pytest.mark.parametrize(
    "case",
    [
        ("vllm/dear, vllm/cheap", "cheapest", "vllm/cheap", "costs least of 2"),
        ("vllm/dear, vllm/cheap", "listed", "vllm/dear", "stands first"),
        ("vllm/cheap, vllm/dear", "fastest", "vllm/dear", "lowest known first-token time"),
        ("vllm/dear, vllm/unpriced", "cheapest", "vllm/dear", "costs least"),
        ("vllm/unpriced, vllm/cheap", "cheapest", "vllm/unpriced", "its price is unknown; the policy lists it first"),
        ("vllm/unpriced, vllm/twin", "cheapest", "vllm/unpriced", "no price is known for any"),
        ("vllm/unpriced", "cheapest", "vllm/unpriced", "the only model"),
    ],
)
def test_the_choice_and_its_reason(build: Build, ask: Ask, decide: Decide, case: tuple[str, str, str, str]) -> None:
    models, choose, expected, why = case
    decision = decide(build(base=policy(models, choose), models=OWN), ask("hello"))
    assert decision.model == expected
    assert why in decision.reasons[-1].text
    assert decision.propensities == {expected: 1.0}


def test_an_unknown_price_is_unknown_and_not_zero(build: Build, ask: Ask, decide: Decide) -> None:
    decision = decide(build(base=policy("vllm/unpriced"), models=OWN), ask("hello"))
    assert decision.expected_cost_usd is None


def test_fastest_without_known_times_falls_back_to_cost_and_says_so(build: Build, ask: Ask, decide: Decide) -> None:
    base = policy("vllm/unpriced").replace("vllm/unpriced", "anthropic/claude-haiku-4-5, google/gemini-2.5-flash", 1)
    base = base.replace("vllm: {host: vllm}", "anthropic: {host: anthropic}, google: {host: google}")
    decision = decide(build(base=base.replace("cheapest", "fastest")), ask("hello"))
    assert decision.model == "google/gemini-2.5-flash"
    assert "first-token times are unknown, so cost decided" in decision.reasons[-1].text


def test_the_expected_cost_is_prompt_and_reply_at_the_models_rates(build: Build, ask: Ask, decide: Decide) -> None:
    decision = decide(build(base=policy("vllm/cheap"), models=OWN), ask("x" * 400, max_output_tokens=50))
    # 100 tokens of text at $1 per million, and at most 50 tokens of reply at $2.
    assert decision.signals["size"]["prompt_tokens"] >= 100
    prompt = decision.signals["size"]["prompt_tokens"]
    assert decision.expected_cost_usd == Decimal(prompt) / 1_000_000 + Decimal(50) * 2 / 1_000_000


def test_cache_warmth_has_its_place_in_the_cost() -> None:
    rates = Rates(Decimal(10), Decimal(50), cache_read=Decimal(1), cache_write=Decimal(12))
    assert expected_cost(rates, 100, 2) == 100 * 10 + 2 * 50
    assert expected_cost(rates, 100, 2, Warmth(read=60, written=30)) == 60 * 1 + 30 * 12 + 10 * 10 + 2 * 50
    assert expected_cost(rates, 100, 0, Warmth(read=500)) == 100
    assert expected_cost(None, 100, 2) is None


def test_an_empty_route_climbs_and_never_falls_below_a_floor(build: Build, ask: Ask, decide: Decide) -> None:
    rules = "rules: [{name: safe, when: sentiment.negative, floor: plan}]\n"
    routing = build(rules)
    mids = {"anthropic/claude-sonnet-4-6": "down", "openai/gpt-5.4": "down"}
    tops = {"anthropic/claude-opus-4-8": "down", "openai/gpt-5.5": "down"}
    climbed = decide(routing, ask("hello"), unhealthy=mids)
    assert climbed.tier == "flagship"
    assert "up to tier flagship" in " ".join(reason.text for reason in climbed.reasons)
    degraded = decide(routing, ask("hello"), unhealthy={**mids, **tops})
    assert degraded.tier == "small"
    assert "degraded" in [reason.name for reason in degraded.reasons]
    angry = ask("This is a disgrace, I am furious with you!")
    with pytest.raises(NoEligibleModel):
        decide(routing, angry, unhealthy=tops)
    allowed = build(rules + "fallback: {below_floor: true}\n")
    assert decide(allowed, angry, unhealthy=tops).tier == "mid"


def test_fallbacks_stay_in_the_tier_first_then_climb_then_fall(build: Build, ask: Ask, decide: Decide) -> None:
    decision = decide(build(), ask("hello"))
    tiers = [tier_of(model) for model in (decision.model, *decision.fallbacks)]
    assert tiers == ["mid", "mid", "flagship", "flagship", "small", "small"]
    assert decision.fallbacks[0].partition("/")[0] != decision.model.partition("/")[0]
    floored = decide(build("rules: [{name: r, when: 'true', floor: plan}]\n"), ask("hello"))
    assert {tier_of(model) for model in floored.fallbacks} == {"flagship"}


def tier_of(model: str) -> str:
    words = {"haiku": "small", "gemini-2.5-flash": "small", "sonnet": "mid", "gpt-5.4": "mid"}
    return next((tier for word, tier in words.items() if word in model), "flagship")


def test_a_pinned_tier_that_cannot_serve_climbs_and_says_so(build: Build, ask: Ask, decide: Decide) -> None:
    routing = build("rules: [{name: r, when: 'true', pin: openai/gpt-5.4}]\n")
    decision = decide(routing, ask("hello"), unhealthy={"openai/gpt-5.4": "down"})
    assert decision.model == "anthropic/claude-sonnet-4-6"
    assert decision.reasons[-1].text == "openai/gpt-5.4 is pinned, but cannot serve this turn: beside it in tier mid"


def test_a_scorer_gives_the_confidence_and_its_absence_gives_none(build: Build, ask: Ask, decide: Decide) -> None:
    class Certain:
        def score(self, turn: Turn, values: Mapping[str, Mapping[str, Any]]) -> Mapping[str, float] | None:
            return None if values["sentiment"]["negative"] else {"tools": 0.9}

    plain = build()
    assert decide(plain, ask("hello")).confidence is None
    scored = Routing(plain.policy, plain.catalog, Certain())
    assert decide(scored, ask("hello")).confidence == 0.9
    assert decide(scored, ask("This is a disgrace, I am furious!")).confidence is None


def test_ids_are_short_unique_and_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {len(one) for one in ids} == {16}
    assert [one[:9] for one in ids] == sorted(one[:9] for one in ids)


TEXTS = st.text(max_size=400) | st.lists(
    st.sampled_from(["refund", "yes", "angry", "I", "not", "order", "cancel", "the", "!!", "4111 1111 1111 1111"]),
    max_size=30,
).map(" ".join)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
def test_every_turn_gets_one_coherent_decision_and_the_same_one_again(
    starter: Build, decide: Decide, text: str
) -> None:
    routing = starter("rubric")
    turn = Turn(messages=(Message("user", (Text(text),)),))
    first, second = (decide(routing, turn) for _ in range(2))
    assert first.model in first.eligible
    assert first.model not in first.fallbacks
    assert set(first.fallbacks) <= set(first.eligible)
    assert not set(first.eligible) & {item.model for item in first.excluded}
    assert first.tier in TIERS
    assert first.reasons
    same = ("route", "model", "reasons", "runner_up", "eligible", "fallbacks", "signals", "expected_cost_usd")
    assert all(getattr(first, name) == getattr(second, name) for name in same)
    if first.signals["sentiment"]["negative"]:
        assert first.tier == "flagship"
