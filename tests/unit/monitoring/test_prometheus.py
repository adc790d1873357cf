"""What a scrape says of the turns in a store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from pointsman.domain.captured import CAPTURED
from pointsman.monitoring.prometheus import TurnMetrics
from pointsman.monitoring.prometheus_service import MetricsService
from pointsman.routing.policy import parse_policy
from pointsman.store import Store, open_store
from pointsman.store.spend import Account, Spend, SpendBook
from support.gateway import POLICY
from support.records import BASE, HAIKU, OPUS, a_turn

CAPS = "budgets: {caps: [{of: all, per: total, usd: 5}, {of: user, name: ann@example.com, per: total, usd: 1}]}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


def metrics_of(store: Store) -> TurnMetrics:
    policy = parse_policy(f"{POLICY}\n{CAPS}\n", "test.yaml")
    return TurnMetrics(store, policy, lambda model: "flagship" if model == OPUS else "small")


def scraped(metrics: TurnMetrics) -> dict[tuple[str, tuple[str, ...]], float]:
    body, _ = metrics.exposition("")
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in prometheus(body.decode())
        for sample in family.samples
    }


def test_turns_are_counted_from_the_start_of_the_process(store: Store) -> None:
    store.append_sync(a_turn(1))
    metrics = metrics_of(store)
    store.append_sync(a_turn(2))
    store.append_sync(a_turn(3, status="error", http_status=429, cost_usd=None, ttft_ms=None))
    store.append_sync(a_turn(4, status="broken", cost_usd=None, ttft_ms=None))
    seen = scraped(metrics)
    assert seen["pointsman_turns_total", tuple(sorted((HAIKU, "tools", "small", "ok", "false")))] == 1
    assert seen["pointsman_turns_total", tuple(sorted((HAIKU, "tools", "small", "refused", "false")))] == 1
    assert seen["pointsman_turns_total", tuple(sorted((HAIKU, "tools", "small", "failed", "false")))] == 1
    assert seen["pointsman_cost_usd_total", tuple(sorted((HAIKU, "tools", "false")))] == pytest.approx(0.00071)
    assert seen["pointsman_tokens_total", tuple(sorted((HAIKU, "cache_read", "false")))] == 300
    assert seen["pointsman_first_token_seconds_count", tuple(sorted((HAIKU, "small", "false")))] == 1
    tool = tuple(sorted(("issue_refund", HAIKU, "ok", "false")))
    assert seen["pointsman_tool_calls_total", tool] == 3
    assert seen["pointsman_decision_seconds_count", ()] == 3
    assert seen["pointsman_reader_lag_turns", ("metrics",)] == 0
    assert scraped(metrics)["pointsman_decision_seconds_count", ()] == 3, "a scrape counts nothing twice"


def test_turns_that_came_before_the_metrics_were_made_are_counted(store: Store) -> None:
    class Router:
        def __init__(self) -> None:
            self.store = store

        @cached_property
        def metrics(self) -> TurnMetrics:
            return metrics_of(store)

    class Enough(Exception):
        pass

    async def pause(seconds: float) -> None:
        raise Enough

    router = Router()
    service = MetricsService(router, pause)
    store.append_sync(a_turn(1))
    with pytest.raises(Enough):
        asyncio.run(service.run())
    assert scraped(router.metrics)["pointsman_decision_seconds_count", ()] == 1


def test_a_flagship_that_answered_in_the_end_is_an_escalation(store: Store) -> None:
    metrics = metrics_of(store)
    step = msgspec.structs.replace(BASE.steps[0], model=OPUS)
    store.append_sync(a_turn(1, steps=(BASE.steps[0], step)))
    assert scraped(metrics)["pointsman_escalated_turns_total", ("false", "tools")] == 1


def test_captured_turns_stand_apart(store: Store) -> None:
    metrics = metrics_of(store)
    store.append_sync(a_turn(1, dialect=CAPTURED, cost_usd=Decimal("0.5")))
    seen = scraped(metrics)
    assert seen["pointsman_captured_cost_usd_total", ("anthropic", HAIKU)] == 0.5
    assert not [key for key in seen if key[0] in ("pointsman_turns_total", "pointsman_cost_usd_total")]


def test_labels_are_bounded_and_name_no_customer(store: Store) -> None:
    metrics = metrics_of(store)

    async def fill() -> None:
        decisions = [msgspec.structs.replace(BASE.decision, route=f"made-up-{n}") for n in range(300)]
        made = [a_turn(n, decision=one, conversation_id=f"ann-{n}@example.com") for n, one in enumerate(decisions)]
        await asyncio.gather(*map(store.append, made))

    asyncio.run(fill())
    policy_scope = Account("user", "ann@example.com", "total")
    book = SpendBook(store, simulated=False)
    store.write_sync(book.settle("call", (policy_scope, Account("all", "", "total")), Spend(spent=10**12)))
    body = metrics.exposition("")[0].decode()
    assert body.count("pointsman_escalated") <= 4
    assert len({line.split("{")[1] for line in body.splitlines() if line.startswith("pointsman_turns_total{")}) == 201
    assert 'route="other"' in body
    assert "example.com" not in body
    spent = ("pointsman_budget_spent_usd", ("", "all", "false", "total"))
    assert scraped(metrics)[spent] == 1
    assert scraped(metrics)["pointsman_budget_cap_usd", ("", "all", "total")] == 5


def test_openmetrics_where_it_is_asked_for(store: Store) -> None:
    metrics = metrics_of(store)
    store.append_sync(a_turn(1))
    body, content_type = metrics.exposition("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    names = {family.name for family in openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert {"pointsman_turns", "pointsman_first_token_seconds", "pointsman_rejected_replies"} <= names
