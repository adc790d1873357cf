"""A month's bill: the published workloads with the right figures, and the laws every bill obeys."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.catalog.book import Catalog
from pointsman.catalog.economics import Bill, Estimate, ModelBill, RouteBill, RoutedBill, cold_starts, estimate
from pointsman.catalog.presets import PRESETS, load_preset, remarks
from pointsman.catalog.workload import (
    CacheTtl,
    Call,
    Route,
    Router,
    SystemPrompt,
    Workload,
    WorkloadError,
    read_workload,
)

CATALOG = Catalog.load()
AT = datetime(2026, 11, 21, tzinfo=UTC)
HAIKU, OPUS = "anthropic/claude-haiku-4-5", "anthropic/claude-opus-4-8"


def billed(name: str) -> Estimate:
    return estimate(load_preset(name), CATALOG, AT)


def routed(found: Estimate) -> RoutedBill:
    assert found.routed is not None
    return found.routed


@pytest.mark.parametrize(
    ("model", "uncached", "cached"),
    [
        (HAIKU, 3480, 1860),
        ("google/gemini-2.5-flash", 1284, 798),
        ("openai/gpt-5-mini", 1050, 645),
    ],
)
def test_the_reference_chat_costs_what_its_inputs_say(model: str, uncached: int, cached: int) -> None:
    bill = next(bill for bill in billed("reference-chat").models if bill.model == model)
    assert bill.uncached.usd == uncached
    assert bill.cached.usd == cached


def test_the_parts_of_the_reference_chat_show_the_formula() -> None:
    bill = billed("reference-chat").models[0].cached
    assert {part.kind: (part.tokens, part.usd_per_mtok, part.usd) for part in bill.parts} == {
        "input": (Decimal(480_000_000), Decimal(1), Decimal(480)),
        "cache_read": (Decimal(1_800_000_000), Decimal("0.1"), Decimal(180)),
        "output": (Decimal(240_000_000), Decimal(5), Decimal(1200)),
    }


def test_the_deflection_workload_costs_what_its_inputs_say() -> None:
    found = billed("deflection")
    assert found.baseline is not None
    assert found.baseline.uncached.usd == 8750
    lines = {line.route: line.uncached.usd for line in routed(found).routes}
    assert lines == {
        "direct": 1050,
        "tools": Decimal("437.5"),
        "plan": 875,
        "summarize": Decimal("231.25"),
        "router": 75,
    }
    assert routed(found).uncached.usd == Decimal("2668.75")


def test_the_deflection_remarks_give_the_dearer_router_and_the_cached_planner() -> None:
    said = remarks("deflection", load_preset("deflection"), CATALOG, AT)
    assert [remark.ours for remark in said[:4]] == [
        Decimal("2748.75"),
        Decimal("562.5"),
        Decimal("2668.75"),
        Decimal("2106.25"),
    ]
    text = " ".join(remark.text for remark in said)
    assert "$2,000" in text
    assert "$1,500" in text


def test_the_reference_chat_remarks_say_which_published_figures_are_wrong() -> None:
    said = {
        remark.published: remark
        for remark in remarks("reference-chat", load_preset("reference-chat"), CATALOG, AT)
        if remark.published is not None
    }
    assert "give $1,860" in said["$1,812"].text
    assert "give $798" in said["$802"].text
    assert "agrees" in said["$645"].text


def test_a_million_messages_a_day_routed_eighty_to_twenty_saves_64_percent() -> None:
    found = billed("million-messages")
    assert found.calls == 30_000_000
    assert found.baseline is not None
    assert found.baseline.uncached.usd == 300_000
    assert routed(found).uncached.usd == 108_000


def test_a_prompt_below_the_models_cache_minimum_is_noted() -> None:
    bills = {bill.model: bill.notes for bill in billed("reference-chat").models}
    assert any("4,096" in note for note in bills[HAIKU])
    assert bills["google/gemini-2.5-flash"] == ()


def workload(**changes: Any) -> Workload:
    fields: dict[str, Any] = {
        "conversations_per_month": Decimal(1000),
        "system_prompt": SystemPrompt(tokens=5000, cached_share=Decimal(1)),
        "context_tokens": 1000,
        "output_tokens": 300,
        "models": (HAIKU,),
    }
    return Workload(**(fields | changes))


def test_cache_writes_are_billed_at_the_rate_of_their_lifetime_and_tokens_are_conserved() -> None:
    lifetimes: list[tuple[CacheTtl, str, Decimal]] = [
        ("5m", "cache_write", Decimal("1.25")),
        ("1h", "cache_write_1h", Decimal(2)),
    ]
    for ttl, kind, rate in lifetimes:
        system = SystemPrompt(tokens=5000, cached_share=Decimal(1), cache_ttl=ttl, cache_writes_per_month=10)
        parts = {
            part.kind: part for part in estimate(workload(system_prompt=system), CATALOG, AT).models[0].cached.parts
        }
        assert (parts[kind].tokens, parts[kind].usd_per_mtok) == (Decimal(50_000), rate)
        assert parts["cache_read"].tokens == 4_950_000
        assert parts["input"].tokens == 1_000_000


def test_cache_writes_are_estimated_from_even_traffic_unless_given() -> None:
    # One call in five minutes on average: a gap of more than five minutes has probability 1/e.
    assert cold_starts(Decimal(8640), 300) == round(8640 / 2.718281828459045)
    assert cold_starts(Decimal(10_000_000), 300) == 1
    assert cold_starts(Decimal(3), 300) == 3


def test_a_provider_that_caches_by_itself_bills_the_first_pass_as_input() -> None:
    system = SystemPrompt(tokens=5000, cached_share=Decimal(1), cache_writes_per_month=10)
    bill = estimate(workload(system_prompt=system, models=("openai/gpt-5.4",)), CATALOG, AT).models[0].cached
    written = next(part for part in bill.parts if part.kind == "cache_write")
    assert written.usd_per_mtok == Decimal("2.5")


def test_without_a_cache_price_the_cached_bill_is_unknown_and_says_so() -> None:
    bill = estimate(workload(models=("openai/gpt-5.4-pro",)), CATALOG, AT).models[0]
    assert bill.uncached.usd is not None
    assert bill.cached == Bill(None, (), "no prompt-cache price for openai/gpt-5.4-pro")


def test_without_a_batch_price_a_batch_share_makes_the_bill_unknown() -> None:
    found = estimate(workload(models=("google/gemini-3.5-flash", HAIKU), batch_share=Decimal("0.5")), CATALOG, AT)
    assert found.models[0].uncached.usd is None
    assert "no batch price for google/gemini-3.5-flash" in (found.models[0].uncached.unknown or "")
    plain = estimate(workload(), CATALOG, AT).models[0].uncached.usd
    half = found.models[1].uncached.usd
    assert plain is not None
    assert half == plain * Decimal("0.75")


def test_the_router_is_billed_for_every_call_at_the_standard_price() -> None:
    routes = (Route(name="all", share=Decimal(1), model=HAIKU),)
    found = estimate(
        workload(models=(), routes=routes, router=Router(model=HAIKU, input_tokens=100), batch_share=Decimal(1)),
        CATALOG,
        AT,
    )
    line = routed(found).routes[-1]
    assert (line.route, line.calls, line.uncached.usd) == ("router", Decimal(1000), Decimal("0.1"))
    assert {part.processing for part in routed(found).routes[0].uncached.parts} == {"batch"}


def test_a_prompt_above_the_threshold_is_billed_at_the_long_context_price() -> None:
    found = estimate(workload(context_tokens=300_000, models=("openai/gpt-5.4",)), CATALOG, AT)
    assert {part.usd_per_mtok for part in found.models[0].uncached.parts} == {Decimal(5), Decimal("22.5")}


def test_a_retired_model_and_a_small_window_are_noted() -> None:
    routes = (Route(name="all", share=Decimal(1), model="groq/llama-3.1-8b-instant"),)
    found = estimate(workload(models=("local/smollm2-135m",), routes=routes, context_tokens=9000), CATALOG, AT)
    assert "groq/llama-3.1-8b-instant was retired on 2026-08-16" in routed(found).notes
    assert any("more than the 8,192" in note for note in found.models[0].notes)


shares = st.integers(0, 1000).map(lambda thousandths: Decimal(thousandths) / 1000)
workloads = st.builds(
    lambda volume, turns, system, share, writes, context, output, batch, split, extra: Workload(
        conversations_per_month=volume,
        turns_per_conversation=turns,
        system_prompt=SystemPrompt(tokens=system, cached_share=share, cache_writes_per_month=writes),
        context_tokens=context,
        output_tokens=output,
        batch_share=batch,
        models=(HAIKU, OPUS),
        baseline=OPUS,
        routes=(
            Route(name="a", share=split, model=HAIKU),
            Route(name="b", share=1 - split, model=OPUS, extra_calls=(Call(model=HAIKU, input_tokens=extra),)),
        ),
        router=Router(model=HAIKU, input_tokens=300, output_tokens=10),
    ),
    st.decimals(1, 10**9, places=2),
    st.decimals(1, 20, places=1),
    st.integers(0, 20_000),
    shares,
    st.just("auto") | st.integers(0, 10**9),
    st.integers(0, 20_000),
    st.integers(0, 4_000),
    shares,
    shares,
    st.integers(0, 9_000),
)


def bills(found: Estimate) -> list[Bill]:
    lines: list[ModelBill | RouteBill | RoutedBill] = [*found.models, *routed(found).routes, routed(found)]
    return [bill for line in lines for bill in (line.uncached, line.cached)]


@settings(max_examples=60, deadline=None)
@given(load=workloads)
def test_every_bill_is_the_exact_sum_of_its_parts_and_no_token_is_lost(load: Workload) -> None:
    found = estimate(load, CATALOG, AT)
    with localcontext(prec=100):
        for bill in bills(found):
            assert bill.usd == sum(part.usd for part in bill.parts)
            assert all(part.usd == part.tokens * part.usd_per_mtok / 1_000_000 for part in bill.parts)
            assert all(part.tokens >= 0 for part in bill.parts)
        counts = [sum(part.tokens for part in bill.parts) for bill in bills(found)]
        assert counts[::2] == counts[1::2]  # uncached and cached, of every line


@settings(max_examples=40, deadline=None)
@given(load=workloads, more=st.integers(1, 5_000))
def test_more_tokens_never_cost_less(load: Workload, more: int) -> None:
    before = estimate(load, CATALOG, AT)
    for field in ("output_tokens", "context_tokens"):
        after = estimate(load.model_copy(update={field: getattr(load, field) + more}), CATALOG, AT)
        assert all((b.usd or 0) >= (a.usd or 0) for a, b in zip(bills(before), bills(after), strict=True))


VALID = "conversations_per_month: 10\noutput_tokens: 3\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            VALID + "models: [gpt-4o]\nturns: 3\n",
            r"w.yaml:4: turns: is not a field here; did you mean turns_per_conversation",
        ),
        (VALID + "models: gpt-4o\n", r"w.yaml:3: models: must be a list"),
        (VALID + "models: [gpt-7]\n", r"w.yaml:3: models.0: No model 'gpt-7'"),
        (VALID + "models: [gpt-4o]\nbaseline: nope\n", r"w.yaml:4: baseline: No model"),
        (VALID, r"w.yaml:1: name the models to compare"),
        ("output_tokens: 3\nmodels: [gpt-4o]\n", r"conversations_per_month: is missing"),
        (
            "conversations_per_month: ten\noutput_tokens: 3\nmodels: [gpt-4o]\n",
            r"w.yaml:1: conv.*: must be a number.*'ten'",
        ),
        (
            "conversations_per_month: .inf\noutput_tokens: 3\nmodels: [gpt-4o]\n",
            r"w.yaml:1: conv.*must be a number, not '.inf'",
        ),
        ("conversations_per_month: 0\noutput_tokens: 3\nmodels: [gpt-4o]\n", r"w.yaml:1: conv.*greater than 0"),
        (
            VALID.replace("3", "-3") + "models: [gpt-4o]\n",
            r"w.yaml:2: output_tokens: must be greater than or equal to 0",
        ),
        (
            VALID + "models: [gpt-4o]\nsystem_prompt:\n  tokens: 5\n  cached_share: 2\n",
            r"w.yaml:6: system_prompt.cached_share",
        ),
        (VALID + "routes:\n- {name: a, share: 0.5, model: gpt-4o}\n", r"w.yaml:1: .*must add up to 1.*0.5"),
        (
            VALID + "routes:\n- {name: a, share: 1, model: gpt-4o, cached_tokens: 5}\n",
            r"cached_tokens 5 is more than the 0",
        ),
        (
            VALID + "routes:\n- {name: a, share: 0.5, model: gpt-4o}\n- {name: a, share: 0.5, model: gpt-4o}\n",
            "two routes have the same name",
        ),
        (VALID + "models: [gpt-4o]\nrouter: {model: gpt-4o, input_tokens: 1}\n", "router without routes"),
        ("- 1\n", r"w.yaml:1: must be a mapping"),
        ("", r"w.yaml:1: must be a mapping"),
        ("a: [\n", r"w.yaml:2: this is not valid YAML"),
        (VALID + "models: [gpt-4o]\n1: 2\n", r"w.yaml:\d"),
        (VALID + "models: [gpt-4o]\nsystem_prompt: 3\n", r"w.yaml:4: system_prompt: must be a mapping"),
        (VALID + "routes:\n- 3\n", r"w.yaml:4: routes.0: must be a mapping"),
    ],
)
def test_a_wrong_workload_is_an_error_with_file_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WorkloadError, match=message):
        read_workload(path, CATALOG)


def test_fractions_in_a_file_are_the_decimals_that_were_written(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    routes = "".join(f"- {{name: r{i}, share: 0.1, model: gpt-4o}}\n" for i in range(10))
    path.write_text(f"{VALID}routes:\n{routes}", encoding="utf-8")
    assert sum(route.share for route in read_workload(path, CATALOG).routes) == 1


def test_every_preset_can_be_loaded_and_others_are_an_error() -> None:
    for name in PRESETS:
        assert load_preset(name).name == name
    with pytest.raises(WorkloadError, match="reference-chat, deflection, million-messages"):
        load_preset("nope")
