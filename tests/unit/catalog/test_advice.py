"""Advice follows its table, keeps the hard constraints, and says something against every candidate."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from pointsman.catalog.advice import (
    DEPTHS,
    ERROR_COSTS,
    LATENCIES,
    PRIVACIES,
    TASKS,
    Advice,
    Depth,
    ErrorCost,
    Question,
    Task,
    advise,
)
from pointsman.catalog.book import Catalog, retired
from pointsman.domain.decision import Tier

CATALOG = Catalog.load()
AT = datetime(2026, 11, 21, tzinfo=UTC)


def asked(task: Task = "tools", error_cost: ErrorCost = "medium", reasoning: Depth = "none", **rest: Any) -> Advice:
    return advise(Question(task, error_cost, reasoning, **rest), CATALOG, AT)


@pytest.mark.parametrize(
    ("task", "error_cost", "reasoning", "tier"),
    [
        ("faq", "low", "none", "small"),
        ("classification", "high", "none", "mid"),
        ("tools", "low", "none", "mid"),
        ("tools", "high", "some", "flagship"),
        ("conversation", "medium", "deep", "mid"),
        ("planning", "high", "deep", "flagship"),
    ],
)
def test_the_tier_follows_from_task_error_cost_and_depth(
    task: Task, error_cost: ErrorCost, reasoning: Depth, tier: Tier
) -> None:
    assert asked(task, error_cost, reasoning).tier == tier


def test_one_starts_on_mid_and_benchmarks_before_going_down_or_up() -> None:
    down, up = asked("faq", "low"), asked("planning", "high")
    assert down.start == up.start == "mid"
    assert "50-100 real examples" in down.next_step
    assert "go down to the small tier" in down.next_step
    assert "go up to the flagship tier" in up.next_step


def test_the_price_is_calls_times_tokens_at_the_days_rates() -> None:
    advice = asked(calls=250_000, context=5_000, output=400)
    sonnet = next(item for item in advice.candidates if item.model == "anthropic/claude-sonnet-4-6")
    assert sonnet.usd == Decimal(5250)


def test_work_that_can_wait_is_priced_as_batch_where_a_batch_price_is_on_record() -> None:
    found = {item.model: item for item in asked(latency="batch").candidates}
    assert found["anthropic/claude-sonnet-4-6"].processing == "batch"
    assert found["google/gemini-3.5-flash"].processing == "standard"
    assert any("no batch price" in text for text in found["google/gemini-3.5-flash"].against)


def test_private_data_stays_on_the_users_machines() -> None:
    advice = asked(privacy="on-prem")
    assert {CATALOG.get(item.model).hosting for item in advice.candidates} == {"on_prem"}
    assert advice.start == "small"


def test_a_long_prompt_leaves_out_models_that_cannot_take_it_and_doubts_those_unmeasured() -> None:
    advice = asked(context=500_000)
    out = {item.model: item.why for item in advice.excluded}
    assert "takes 131,072 tokens" in out["groq/openai/gpt-oss-120b"]
    found = {item.model: " ".join(item.against) for item in advice.candidates}
    assert "not on record" in found["anthropic/claude-sonnet-4-6"]
    assert "sag beyond 262,144" in found["openai/gpt-5.4"]


def test_deep_reasoning_asks_for_models_that_reason_whatever_their_tier() -> None:
    advice = asked("analysis", "low", "deep")
    assert all(CATALOG.get(item.model).reasoning.kind != "none" for item in advice.candidates)
    assert advice.reasoning.startswith("on")
    assert asked("faq").reasoning.startswith("off")


def test_what_cannot_be_met_is_said_and_no_candidate_is_invented() -> None:
    advice = asked(context=9_000_000)
    assert advice.candidates == ()
    assert "relax one" in advice.next_step


def test_every_answer_holds_for_every_combination_of_words() -> None:
    for task, cost, depth, latency, privacy in product(TASKS, ERROR_COSTS, DEPTHS, LATENCIES, PRIVACIES):
        advice = asked(task, cost, depth, latency=latency, privacy=privacy)
        for item in advice.candidates:
            model = CATALOG.get(item.model)
            assert item.against
            assert not model.demo
            assert not model.responses_only
            assert not retired(model, AT.date())
            assert privacy == "any" or model.hosting == "on_prem"
        assert advice.next_step
