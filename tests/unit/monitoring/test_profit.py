"""Profit and loss, reconciled with what the store holds by sums of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.figures import Estimate
from pointsman.domain.record import StepRecord
from pointsman.domain.usage import Usage
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.profit import in_words
from pointsman.monitoring.profit_of import Profit, profit
from pointsman.monitoring.shadow.draw import Shares
from pointsman.monitoring.shadow.sampler import Sampler
from pointsman.routing.sections_shadow import Prices
from pointsman.store import Store, open_store
from pointsman.store.outcomes import OutcomeReport, Outcomes, Report
from support.shadows import AT_US, HAIKU, OPUS, make

HOUR = 3_600_000_000
AGAIN = {"history": {"reasked": 1}}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Forty turns: two routes and intents, a router's and a planner's call, one of unknown cost, every turn chosen."""
    path: Path = tmp_path_factory.mktemp("pnl")
    with open_store(f"sqlite:///{path / 't.db'}") as store:
        for n in range(40):
            store.append_sync(make(n, **_turn(n)))

        async def sample() -> None:
            sampler = Sampler(store, Shares(everyone=1.0))
            await sampler.begin(from_first=True)
            while await sampler.step():
                pass

        asyncio.run(sample())
        checked = (
            "UPDATE shadow SET state = 'judged', verdict = 'same', material = turn_seq % 10 = 0, decided_by = 'judge',"
            " cost_pico = 4000000123 + turn_seq, judge_cost_pico = 700000000, spent_at_us = 1, lost_pico = turn_seq % 7"
        )
        store.write_sync(lambda connection: connection.execute(checked))
        outcomes = Outcomes(store)
        known = OutcomeReport(escalated=True, handoff_cost_usd=Decimal("7.25"))
        for conversation, said in (("conv00003", known), ("conv00005", OutcomeReport(escalated=True))):
            outcomes.report_sync(Report(conversation, said, AT_US))
        yield store


def _turn(n: int) -> dict[str, Any]:
    reply = StepRecord("reply", HAIKU, "ok", 300.0, usage=Usage(900 + n, 80), cost_usd=Decimal("0.0013") + n)
    router = StepRecord("route", HAIKU, "ok", 40.0, usage=Usage(200, 5), cost_usd=Decimal("0.000225"))
    steps = (router, reply) if n % 4 == 0 else (reply,)
    cost = None if n == 39 else sum((step.cost_usd or Decimal(0) for step in steps), Decimal(0))
    turn: dict[str, Any] = {"steps": steps, "cost_usd": cost, "intent": "refund" if n % 3 == 0 else None}
    turn["route"] = "plan" if n % 2 else "direct"
    if n in {11, 12}:
        turn |= {"conversation_id": "conv00010", "signals": AGAIN}
    return turn


def asked(log: Store, prices: Prices, **more: Any) -> Profit:
    asker = Asker(log, Catalog.load(None), {"flagship": OPUS}, clock=lambda: AT_US + HOUR)
    asker.fold()
    with asker.board() as board:
        return profit(log, board, prices, AT_US, AT_US + HOUR, **more)


def one(log: Store, query: str) -> int:
    with log.reading() as connection:
        return int(connection.execute(query).fetchone()[0])


PRICES = Prices(
    handoff_usd=Decimal(6), reask_usd=Decimal("0.40"), harm_usd=Decimal(2), harm_by_intent={"refund": Decimal(15)}
)


@pytest.mark.parametrize("by", ["route", "intent"])
def test_it_reconciles_with_the_store(log: Store, by: str) -> None:
    found = asked(log, PRICES, by=by)
    total = found.total
    assert total.turns == 40
    assert total.unpriced == 1
    assert total.cost_usd * 10**12 == one(log, "SELECT sum(cost_pico) FROM turn")
    assert total.shadow_usd * 10**12 == one(log, "SELECT sum(cost_pico) FROM shadow")
    assert total.judge_usd * 10**12 == one(log, "SELECT sum(judge_cost_pico) FROM shadow")
    assert total.lost_usd * 10**12 == one(log, "SELECT sum(lost_pico) FROM shadow")
    assert total.router_usd * 10**12 == one(log, "SELECT sum(cost_pico) FROM step WHERE purpose = 'route'")
    for field in ("turns", "cost_usd", "shadow_usd", "judge_usd", "lost_usd", "handoffs", "saved_usd"):
        assert sum(getattr(line, field) for line in found.lines) == getattr(total, field)
    # Of 39 turns: 900 + n tokens into Opus's cache at $6.25 a million, 80 said at $25; no turn came soon after another.
    flagship = sum((Decimal("6.25") * (900 + n) + Decimal(25) * 80) / 10**6 for n in range(39))
    assert total.flagship_usd == flagship
    assert total.saved_usd == flagship - total.cost_usd
    assert (total.handoffs, total.handoff_usd) == (2, Decimal("13.25"))
    assert (total.reasks, total.reask_usd) == (2, Decimal("0.80"))
    assert total.before_harm_usd is not None
    assert total.net.value == pytest.approx(float(total.before_harm_usd) - (total.harm.value or 0))


def test_harm_is_the_rate_times_the_price_by_intent(log: Store) -> None:
    found = asked(log, PRICES, by="intent")
    refund = next(line for line in found.lines if line.name == "refund")
    rate = found.rates.by_intent["refund"]
    assert refund.harm.value == pytest.approx((rate.value or 0) * 14 * 15)
    assert refund.harm.low == pytest.approx((rate.low or 0) * 14 * 15)
    assert refund.harm.n == 14


def test_a_loss_is_called_a_loss(log: Store) -> None:
    total = asked(log, PRICES).total
    assert (total.saved_usd or 0) < 0
    assert in_words(total).startswith("The router LOST $")


def test_without_prices_and_flagship_the_net_is_unknown_and_says_why(log: Store) -> None:
    found = asked(log, Prices())
    assert found.total.net.value is None
    assert "no price of a misroute" in found.total.net.why
    assert found.total.handoff_usd is None
    assert found.total.before_harm_usd is not None
    asker = Asker(log, Catalog.load(None), {}, clock=lambda: AT_US + HOUR)
    with asker.board() as board:
        bare = profit(log, board, PRICES, AT_US, AT_US + HOUR).total
    assert bare.saved_usd is None
    assert bare.net == Estimate(None, 0, "usd", why="the policy has no flagship to compare with")
