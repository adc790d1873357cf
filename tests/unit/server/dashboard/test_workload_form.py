"""The cost page's form: what a preset says comes back unchanged, and what is wrong is named."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.catalog.book import Catalog
from pointsman.catalog.economics import estimate
from pointsman.catalog.presets import PRESETS, load_preset
from pointsman.errors import RequestError
from pointsman.server.dashboard.workload_form import NAMES, fields_of, workload_of
from pointsman.server.dashboard.workload_form import given as read

CATALOG = Catalog.load(None)
DAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_goes_through_the_form_unchanged(name: str) -> None:
    known = load_preset(name)
    assert workload_of(read(fields_of(known)), CATALOG).model_copy(update={"name": known.name}) == known


def test_the_figures_are_those_of_the_command() -> None:
    chat = estimate(workload_of(fields_of(load_preset("reference-chat")), CATALOG), CATALOG, DAY)
    cached = {bill.model: bill.cached.usd for bill in chat.models}
    assert cached["anthropic/claude-haiku-4-5"] == Decimal(1860)
    routed = estimate(workload_of(fields_of(load_preset("deflection")), CATALOG), CATALOG, DAY).routed
    assert routed is not None
    assert routed.cached.usd == Decimal("2668.75")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"conversations": "many"}, "conversations a month: 'many' is not a number"),
        ({"conversations": "-1"}, "is not a number from 0 up"),
        ({"output": "1.5"}, "is not a whole number"),
        ({"cached": "101"}, "is more than 100 %"),
        ({"models": "no/such"}, "No model 'no/such'"),
        ({"share1": "50", "model1": "anthropic/claude-haiku-4-5"}, "must add up to 1"),
        ({"models": ""}, "name the models"),
        ({"writes": "some"}, "cache_writes_per_month"),
        ({"ttl": "2h"}, "cache_ttl"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, str], said: str) -> None:
    good = {"conversations": "100 000", "turns": "2", "output": "10", "models": "anthropic/claude-haiku-4-5"}
    workload_of(read(good), CATALOG)
    with pytest.raises(RequestError, match=said):
        workload_of(read(good | changed), CATALOG)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(st.text(max_size=20), st.floats().map(str), st.just("1e400"))))
def test_any_form_is_a_workload_or_one_error(fields: dict[str, str]) -> None:
    with contextlib.suppress(RequestError):
        estimate(workload_of(read(fields), CATALOG), CATALOG, DAY)
