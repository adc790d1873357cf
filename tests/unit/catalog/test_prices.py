"""Prices are exact, agree with genai-prices, and never call an unknown rate zero."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import metadata
from typing import Literal

import pytest
from genai_prices import Usage as OracleUsage
from genai_prices import calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.catalog.book import Catalog, unreleased
from pointsman.catalog.models import Model
from pointsman.catalog.pricebook import PriceBook, live_schedule
from pointsman.catalog.prices import FREE, Rates
from pointsman.catalog.shipped import read_shipped
from pointsman.domain.usage import Usage

CATALOG = Catalog.load()
PRICED = [model for model in CATALOG.models() if model.price_ref is not None]
DAYS = [
    date(2025, 1, 1),
    date(2026, 2, 1),
    date(2026, 3, 12),
    date(2026, 3, 13),
    date(2026, 10, 13),
    date(2026, 10, 14),
    date(2026, 11, 21),
    date(2027, 6, 1),
]
tokens = st.integers(0, 600_000)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@pytest.mark.parametrize("model", PRICED, ids=lambda model: model.id)
@settings(max_examples=25, deadline=None)
@given(counts=st.tuples(tokens, tokens, tokens, tokens, tokens), day=st.sampled_from(DAYS), batch=st.booleans())
def test_costs_agree_with_genai_prices(
    model: Model, counts: tuple[int, int, int, int, int], day: date, batch: bool
) -> None:
    uncached, read, short, hour, output = counts
    processing: Literal["standard", "batch"] = "batch" if batch else "standard"
    rates = CATALOG.rates(model.id, noon(day), processing)
    if rates is None:
        assert batch or unreleased(model, day)
        return
    read = read if rates.cache_read is not None else 0
    short = short if rates.cache_write is not None else 0
    hour = hour if rates.cache_write_1h is not None else 0
    usage = Usage(uncached, output, read, short + hour, hour)
    assert model.price_ref is not None
    provider, name = model.price_ref
    expected = calc_price(
        OracleUsage(
            input_tokens=usage.prompt,
            cache_read_tokens=read,
            cache_write_tokens=short + hour,
            cache_write_1h_tokens=hour,
            output_tokens=output,
        ),
        name,
        provider_id=provider,
        genai_request_timestamp=noon(day),
        price_context={"processing": processing},
    ).total_price
    assert rates.cost(usage) == expected


def test_the_shipped_snapshot_is_what_the_installed_genai_prices_says() -> None:
    for model in read_shipped().models:
        if model.price_ref is not None:
            assert PriceBook.load().schedule(*model.price_ref) == live_schedule(*model.price_ref), model.id


def test_the_shipped_snapshot_belongs_to_the_locked_genai_prices() -> None:
    assert PriceBook.load().compiled is not None, (
        f"genai-prices {metadata.version('genai-prices')} is installed: run "
        "`python -m pointsman.catalog.pricebook $(date -I) > src/pointsman/catalog/data/rates.json`"
    )


@pytest.mark.parametrize("day", DAYS)
def test_without_a_batch_price_on_record_batch_is_unknown_never_the_standard_price(day: date) -> None:
    for model_id in ("google/gemini-3.5-flash", "groq/llama-3.1-8b-instant", "anthropic/claude-3-5-haiku"):
        unpriced = unreleased(CATALOG.get(model_id), day)
        assert (CATALOG.rates(model_id, noon(day)) is None) is unpriced
        assert CATALOG.rates(model_id, noon(day), "batch") is None
    known = CATALOG.rates("anthropic/claude-haiku-4-5", noon(day), "batch")
    assert (known is not None) is (day >= date(2026, 10, 14))


def test_a_model_has_no_price_before_it_came_out() -> None:
    assert all(CATALOG.rates(model.id, noon(date(2020, 1, 1))) is None for model in PRICED)
    first = date(2026, 5, 28)
    assert CATALOG.rates("anthropic/claude-opus-4-8", noon(first)) is not None
    assert CATALOG.rates("anthropic/claude-opus-4-8", noon(first - timedelta(days=1))) is None
    assert "flagship" not in CATALOG.lineup("anthropic", first - timedelta(days=1))


def test_a_price_change_takes_effect_on_its_day() -> None:
    long_prompt = Usage(300_000, 1_000)
    before = CATALOG.rates("anthropic/claude-sonnet-4-6", noon(date(2026, 3, 12)))
    after = CATALOG.rates("anthropic/claude-sonnet-4-6", noon(date(2026, 3, 13)))
    assert before is not None
    assert after is not None
    assert before.cost(long_prompt) == Decimal("1.8225")
    assert after.cost(long_prompt) == Decimal("0.915")


def test_the_day_of_a_price_is_the_day_in_utc() -> None:
    evening = datetime.fromisoformat("2026-03-12T23:30:00-05:00")
    assert CATALOG.rates("anthropic/claude-sonnet-4-6", evening) == CATALOG.rates(
        "anthropic/claude-sonnet-4-6", noon(date(2026, 3, 13))
    )


def test_the_long_context_price_applies_to_the_whole_request_above_its_threshold() -> None:
    rates = CATALOG.rates("openai/gpt-5.4", noon(date(2026, 11, 21)))
    assert rates is not None
    assert rates.cost(Usage(272_000, 0)) == Decimal("0.68")
    assert rates.cost(Usage(272_001, 0)) == Decimal("1.360005")
    assert rates.cost(Usage(1, 0, cache_read=272_000)) == Decimal("0.136005")


def test_a_cost_that_needs_an_unknown_rate_is_unknown() -> None:
    rates = Rates(Decimal(1), Decimal(2))
    assert rates.cost(Usage(1, 1)) == 3
    assert rates.cost(Usage(1, 1, cache_read=0, cache_write=0)) == 3
    for usage in (Usage(1, 1, cache_read=5), Usage(1, 1, cache_write=5), Usage(1, 1, cache_write=5, cache_write_1h=5)):
        assert rates.cost(usage) is None
        assert rates.parts(usage) is None


def test_a_usage_whose_counts_contradict_each_other_has_no_cost() -> None:
    assert FREE.cost(Usage(1, 1, cache_write=5, cache_write_1h=6)) is None


def test_a_model_on_ones_own_machine_costs_nothing_and_that_is_known() -> None:
    assert CATALOG.rates("local/smollm2-135m", noon(DAYS[0])) == FREE
    assert FREE.cost(Usage(10, 10, 10, 10, 5)) == Decimal(0)


rate = st.decimals("0", "0.001", places=9)
all_rates = st.builds(
    Rates, rate, rate, rate, rate, rate, st.just(1000), st.builds(Rates, rate, rate, rate, rate, rate)
)
usages = st.builds(
    lambda i, o, r, w, share: Usage(i, o, r, w, None if w is None or share is None else w * share // 100),
    tokens, tokens, st.none() | tokens, st.none() | tokens, st.none() | st.integers(0, 100),
)  # fmt: skip


@settings(deadline=None)
@given(rates=all_rates, usage=usages)
def test_parts_add_up_exactly(rates: Rates, usage: Usage) -> None:
    parts = rates.parts(usage)
    assert parts is not None
    assert sum(parts.values()) == rates.cost(usage)


@settings(deadline=None)
@given(rates=all_rates, usage=usages, more=usages)
def test_more_tokens_at_the_same_rates_never_cost_less(rates: Rates, usage: Usage, more: Usage) -> None:
    flat = rates.long
    assert flat is not None
    small, large = flat.cost(usage), flat.cost(usage + more)
    assert small is not None
    assert large is not None
    assert large >= small


@settings(deadline=None)
@given(first=usages, second=usages)
def test_costs_of_requests_add_up_to_the_cost_of_their_sum_without_a_long_context_price(
    first: Usage, second: Usage
) -> None:
    flat = Rates(Decimal("0.000003"), Decimal("0.000015"), Decimal("3E-7"), Decimal("0.00000375"), Decimal("0.000006"))
    costs = [flat.cost(first), flat.cost(second)]
    assert sum(cost for cost in costs if cost is not None) == flat.cost(first + second)
