"""What became of a call, and what budgets, rates, breakers and keys are told of it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.message import Message, Text
from pointsman.domain.record import StepRecord
from pointsman.domain.turn import Turn
from pointsman.domain.usage import Usage
from pointsman.errors import BudgetExceeded, ProviderError, RateLimited
from pointsman.execution.ask import Ask
from pointsman.execution.limits.building import build_guard
from pointsman.execution.limits.guard import Watch, out_of_money
from pointsman.execution.work import SET_ASIDE, is_refusal
from pointsman.providers import transport_errors
from pointsman.providers.seam import Endpoint
from pointsman.routing.policy import parse_policy
from pointsman.store import Store, open_store
from pointsman.store.spend import list_spend

POLICY = """version: 1
providers:
  openai: {host: openai}
tiers: {small: [openai/gpt-5-mini], flagship: [openai/gpt-5.5]}
routes: {direct: {tiers: [small]}}
default_route: direct
"""
CAPPED = POLICY + "budgets: {caps: [{of: all, per: total, usd: 1}], rates: [{of: all, tokens_per_minute: 100000}]}\n"
MODEL = Catalog.load().get("openai/gpt-5-mini")
HERE = {"openai": (Endpoint("openai", "openai", "openai_chat", "http://x", "k"),)}
TURN = Turn((Message("user", (Text("Hello"),)),), max_output_tokens=1000)
ASK = Ask(TURN, "openai_chat", "c", 1_795_000_000_000_000, 1)


def step(status: str, **fields: Any) -> StepRecord:
    return StepRecord("reply", MODEL.id, status, 10.0, **fields)  # type: ignore[arg-type]


ENDS = {
    "a reply": (step("ok", http_status=200, usage=Usage(10, 20), cost_usd=Decimal("0.0001")), "0.0001", 30),
    "a reply without usage": (step("ok", http_status=200), "all", None),
    "an error answer": (step("error", http_status=503, error_code="overloaded"), "0", 0),
    "refused before it was written": (step("error", error_code="unsupported_parameter"), "0", 0),
    "no connection": (
        step(
            "error", error_code="server_error", error_text=str(transport_errors.unreachable("p", "connection refused"))
        ),
        "0",
        0,
    ),
    "no connection in time": (
        step("error", error_code="timeout", error_text=str(transport_errors.no_connection("p", 5))),
        "0",
        0,
    ),
    "reset without an answer": (
        step(
            "error",
            error_code="server_error",
            error_text=str(transport_errors.unreachable("p", transport_errors.NO_ANSWER)),
        ),
        "all",
        None,
    ),
    "silence": (step("error", http_status=200, error_code="timeout"), "all", None),
    "a broken stream": (
        step("broken", http_status=200, error_code="server_error", usage=Usage(9, 3), cost_usd=Decimal("0.00002")),
        "0.00002",
        12,
    ),
    "a client that left": (step("cancelled"), "all", None),
}


def opened(folder: Path, text: str) -> tuple[Store, Watch]:
    store = open_store(f"sqlite:///{folder}/t.db")
    return store, build_guard(parse_policy(text, "t.yaml"), Catalog.load(), HERE, store)


@pytest.mark.parametrize("name", ENDS)
def test_each_end_is_charged_as_documented(tmp_path: Path, name: str) -> None:
    end, spent, tokens = ENDS[name]

    async def go() -> None:
        store, watch = opened(tmp_path, CAPPED)
        permit = await watch.admit(ASK, MODEL, TURN)
        state = watch.rates(ASK)
        assert state is not None
        assert state.tokens is not None
        reserved = 100_000 - state.tokens.remaining
        permit.settle(end)
        permit.settle(end)  # a second word changes nothing
        await watch.drain()
        state = watch.rates(ASK)
        assert state is not None
        assert state.tokens is not None
        assert 100_000 - state.tokens.remaining == (reserved if tokens is None else tokens)
        lines = list_spend(store, "2026-11-22", "2026-11")
        known = Decimal(lines[0].spend.spent) / 10**12 if lines else Decimal(0)
        if spent == "all":
            assert known > Decimal("0.002"), (
                "a thousand tokens of reply and the prompt, at the price of 2 dollars a million"
            )
            assert lines[0].spend.assumed_calls == 1
        else:
            assert known == Decimal(spent)
        assert not lines or lines[0].held == 0
        store.close()

    asyncio.run(go())


def test_a_model_that_keeps_failing_is_refused_unless_forced(tmp_path: Path) -> None:
    async def go() -> None:
        store, watch = opened(tmp_path, POLICY + "breaker: {consecutive: 2}\n")
        for _ in range(2):
            (await watch.admit(ASK, MODEL, TURN)).settle(step("error", http_status=500, error_code="server_error"))
        with pytest.raises(ProviderError) as caught:
            await watch.admit(ASK, MODEL, TURN)
        assert (caught.value.kind, caught.value.retry) == (SET_ASIDE, "other")
        assert is_refusal(caught.value)
        assert MODEL.id in watch.unhealthy({})
        (await watch.admit(ASK, MODEL, TURN, force=True)).settle(step("ok", http_status=200))
        known = {"other/model": "no key"}
        assert watch.unhealthy(known) is known
        store.close()

    asyncio.run(go())


def test_a_fault_of_our_own_says_nothing_of_the_provider(tmp_path: Path) -> None:
    async def go() -> None:
        store, watch = opened(tmp_path, POLICY + "breaker: {consecutive: 1}\n")
        for code in ("store_error", "internal_error", "contract_violated", "rate_limit", "invalid_request"):
            (await watch.admit(ASK, MODEL, TURN)).settle(step("broken", http_status=200, error_code=code), 0.0)
        assert watch.unhealthy({}) == {}
        store.close()

    asyncio.run(go())


def test_what_the_rates_refuse_gives_the_money_back(tmp_path: Path) -> None:
    async def go() -> None:
        store, watch = opened(tmp_path, CAPPED.replace("100000", "900"))
        with pytest.raises(RateLimited):
            await watch.admit(ASK, MODEL, TURN)
        await watch.drain()
        assert [line.held for line in list_spend(store, "2026-11-22", "2026-11")] in ([], [0])
        store.close()

    asyncio.run(go())


def test_a_reply_is_shortened_to_half_of_what_the_minute_holds(tmp_path: Path) -> None:
    async def go() -> None:
        store, watch = opened(tmp_path, CAPPED.replace("100000", "5000"))
        free = Turn(TURN.messages)
        permit = await watch.admit(ASK, MODEL, free)
        assert permit.turn is not None
        assert permit.turn.max_output_tokens is not None
        assert 2_200 < permit.turn.max_output_tokens < 2_500
        store.close()

    asyncio.run(go())


def test_too_dear_models_are_named_only_where_the_policy_wants_cheaper_ones(tmp_path: Path) -> None:
    async def go() -> None:
        ask = Ask(Turn(TURN.messages, max_output_tokens=60_000), "openai_chat", "c", 1_795_000_000_000_000, 1)
        store, watch = opened(tmp_path, CAPPED)
        assert watch.unaffordable(ask) == {}
        store.close()
        store, watch = opened(tmp_path, CAPPED.replace("usd: 1}", "usd: 1, at_cap: cheaper}"))
        assert list(watch.unaffordable(ask)) == ["openai/gpt-5.5"]
        store.close()

    asyncio.run(go())


def test_only_a_lack_of_money_is_one() -> None:
    assert out_of_money(()) is None
    assert not is_refusal(BudgetExceeded("x"))
    assert is_refusal(BudgetExceeded("x", cheaper=True))
