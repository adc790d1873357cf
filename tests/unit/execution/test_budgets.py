"""Reservations: no order of events, and no number of calls at once, takes a budget beyond its cap."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BudgetExceeded
from pointsman.execution.limits.budgets import Budgets, Hold
from pointsman.execution.limits.scopes import Scopes
from pointsman.execution.limits.worst_case import Quote
from pointsman.routing.sections_budgets import Cap
from pointsman.store.money import PICO
from pointsman.store.spend import Account, Job, Spend

USD = int(PICO)
ANN = Scopes("t1", key="bot", user="ann", conversation="c1")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Book:
    """Accounts in a dictionary; what is written is noted in order."""

    def __init__(self, **known: int) -> None:
        self.known = known
        self.written: list[tuple[Any, ...]] = []

    def find(self, account: Account) -> Spend:
        return Spend(spent=self.known.get(account.period.replace("-", "_"), 0))

    def hold(self, call_id: str, accounts: tuple[Account, ...], pico: int, at_us: int) -> Job:
        self.written.append(("hold", call_id, accounts, pico))
        return lambda _: None

    def settle(self, call_id: str, accounts: tuple[Account, ...], spend: Spend) -> Job:
        self.written.append(("settle", call_id, accounts, spend))
        return lambda _: None

    def settle_left(self, call_id: str, pico: int | None) -> Job:
        self.written.append(("settle left", call_id, pico))
        return lambda _: None

    def post(self, job: Job) -> asyncio.Future[None]:
        job(None)  # type: ignore[arg-type]
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written


class Clock:
    now = NOON

    def __call__(self) -> datetime:
        return self.now


def cap(**fields: Any) -> Cap:
    return Cap.model_validate({"of": "key", "per": "month", "usd": 1} | fields)


def quote(worst: int | None, **fields: Any) -> Quote:
    """A call whose prompt is free and whose longest reply costs ``worst``."""
    return Quote("m", 10, None if worst is None else 0, 1, worst, **({"named": True} | fields))


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_spent_and_held_together_stay_below_the_cap() -> None:
    async def go() -> None:
        budgets = Budgets([cap()], Book(), Clock())
        first = await budgets.reserve(ANN, quote(USD * 6 // 10), "1")
        with pytest.raises(BudgetExceeded, match=r"\$1.00, \$0.00 spent and \$0.60 reserved .* \$0.40 is left"):
            await budgets.reserve(ANN, quote(USD // 2), "2")
        first.settle(USD // 10)
        await budgets.reserve(ANN, quote(USD // 2), "2")
        assert budgets.left(ANN) == USD * 4 // 10

    run(go())


def test_an_unknown_cost_keeps_the_reservation_and_says_so() -> None:
    async def go() -> None:
        book = Book()
        budgets = Budgets([cap()], book, Clock())
        hold = await budgets.reserve(ANN, quote(USD // 4), "1")
        hold.settle(None)
        hold.settle(0)  # too late
        assert budgets.left(ANN) == USD * 3 // 4
        await budgets.drain()
        assert book.written[-1][3] == Spend(USD // 4, USD // 4, 1, 0)

    run(go())


def test_every_cap_holds_or_nothing_is_taken() -> None:
    async def go() -> None:
        caps = [cap(), cap(of="user", per="day", usd="0.1"), cap(of="conversation", per="total", usd=5)]
        budgets = Budgets(caps, Book(), Clock())
        with pytest.raises(BudgetExceeded, match="budget of user ann of key bot per day"):
            await budgets.reserve(ANN, quote(USD // 2), "1")
        assert budgets.left(Scopes("t", key="bot", user="bob", conversation="c2")) == USD // 10
        assert budgets.left(ANN) == USD // 10

    run(go())


def test_a_named_cap_stands_in_for_the_general_one() -> None:
    async def go() -> None:
        budgets = Budgets([cap(), cap(name="bot", usd=9)], Book(), Clock())
        await budgets.reserve(ANN, quote(USD * 8), "1")
        with pytest.raises(BudgetExceeded):
            await budgets.reserve(Scopes("t", key="other"), quote(USD * 8), "2")

    run(go())


def test_one_keys_user_does_not_spend_anothers() -> None:
    async def go() -> None:
        budgets = Budgets([cap(of="user")], Book(), Clock())
        await budgets.reserve(Scopes("t", key="a", user="1"), quote(USD), "1")
        await budgets.reserve(Scopes("t", key="b", user="1"), quote(USD), "2")
        await budgets.reserve(Scopes("t", key="a"), quote(USD), "3")
        with pytest.raises(BudgetExceeded, match="turns without user of key a"):
            await budgets.reserve(Scopes("t", key="a"), quote(USD), "4")

    run(go())


def test_a_turn_without_agent_has_no_agents_budget() -> None:
    async def go() -> None:
        budgets = Budgets([cap(of="agent", usd="0.01")], Book(), Clock())
        await budgets.reserve(ANN, quote(USD), "1")

    run(go())


def test_a_turns_own_cap_covers_all_its_calls_and_is_never_stored() -> None:
    async def go() -> None:
        book = Book()
        budgets = Budgets([cap(of="all", per="turn")], book, Clock())
        (await budgets.reserve(ANN, quote(USD * 6 // 10), "1")).settle(USD // 2)
        with pytest.raises(BudgetExceeded, match="the budget of this turn is") as caught:
            await budgets.reserve(ANN, quote(USD * 6 // 10), "2")
        assert caught.value.retry_after is None
        await budgets.reserve(Scopes("another turn", key="bot"), quote(USD), "3")
        assert book.written == []

    run(go())


def test_a_new_period_begins_with_nothing_spent() -> None:
    async def go() -> None:
        clock, book = Clock(), Book(**{"2026_11_22": USD})
        budgets = Budgets([cap(per="day")], book, clock)
        with pytest.raises(BudgetExceeded) as caught:
            await budgets.reserve(ANN, quote(1), "1")
        assert caught.value.retry_after == 12 * 3600
        clock.now = NOON + timedelta(days=1)
        await budgets.reserve(ANN, quote(USD), "1")

    run(go())


def test_what_the_store_knows_counts() -> None:
    async def go() -> None:
        budgets = Budgets([cap(per="month")], Book(**{"2026_11": USD * 9 // 10}), Clock())
        assert budgets.left(ANN) == USD // 10

    run(go())


def test_a_reply_without_a_limit_is_made_to_fit() -> None:
    async def go() -> None:
        budgets = Budgets([cap()], Book(), Clock())
        wide = quote(2 * USD, named=False, shortest=1000)
        hold = await budgets.reserve(ANN, wide, "1")
        assert (hold.max_output, hold.worst) == (USD // 2, USD // 2), "half of it: others want some too"
        assert (await budgets.reserve(ANN, wide, "2")).max_output == USD // 4
        nearly = Budgets([cap(usd="0.0000000015")], Book(), Clock())
        assert (await nearly.reserve(ANN, wide, "1")).max_output == 1000, "but never less than is worth asking for"
        with pytest.raises(BudgetExceeded):
            await nearly.reserve(ANN, wide, "2")
        strict = Budgets([cap(fit=False)], Book(), Clock())
        with pytest.raises(BudgetExceeded):
            await strict.reserve(ANN, wide, "1")
        with pytest.raises(BudgetExceeded, match="up to"):
            await Budgets([cap()], Book(), Clock()).reserve(ANN, quote(2 * USD), "1")  # the client said how long

    run(go())


def test_an_unknown_worst_case_is_refused_unless_the_policy_lets_it_pass() -> None:
    async def go() -> None:
        with pytest.raises(BudgetExceeded, match="unknown \\(its context window is not known\\)"):
            await Budgets([cap()], Book(), Clock()).reserve(ANN, quote(None), "1")
        book = Book()
        budgets = Budgets([cap(unknown_price="allow")], book, Clock())
        (await budgets.reserve(ANN, quote(None), "1")).settle(None)
        await budgets.drain()
        assert book.written[-1][3] == Spend(unpriced_calls=1)

    run(go())


def test_what_costs_nothing_may_go_on_at_the_cap() -> None:
    async def go() -> None:
        budgets = Budgets([cap()], Book(**{"2026_11": USD * 2}), Clock())
        await budgets.reserve(ANN, Quote("local", 10, 0, 0, None), "1")

    run(go())


def test_a_queue_waits_for_others_to_settle() -> None:
    async def go() -> None:
        budgets = Budgets([cap(at_cap="queue", wait_s=60)], Book(), Clock())
        first = await budgets.reserve(ANN, quote(USD), "1")
        waiting = asyncio.ensure_future(budgets.reserve(ANN, quote(USD // 2), "2"))
        await asyncio.sleep(0)
        assert not waiting.done()
        first.settle(USD // 10)
        assert (await waiting).worst == USD // 2
        with pytest.raises(BudgetExceeded):  # no settling can make room for this one, so it does not wait
            await budgets.reserve(ANN, quote(USD), "3")

    run(go())


def test_a_warning_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        budgets = Budgets([cap(warn_at=0.5)], Book(), Clock())
        for number in range(3):
            (await budgets.reserve(ANN, quote(USD // 4), str(number))).settle(USD // 4)

    with caplog.at_level(logging.WARNING):
        run(go())
    assert [record.getMessage() for record in caplog.records] == ["budget of key bot per month: $0.50 of $1.00 spent"]


def test_memory_is_bounded_and_forgets_only_what_the_store_knows() -> None:
    async def go() -> None:
        budgets = Budgets([cap(of="user", usd=5)], Book(), Clock(), most=10)
        held = await budgets.reserve(ANN, quote(USD), "0")
        for number in range(50):
            who = Scopes("t", user=f"u{number}")
            (await budgets.reserve(who, quote(1), str(number))).settle(1)
            await budgets.drain()
        assert len(budgets._states) <= 11
        assert budgets.left(ANN) == 4 * USD
        held.settle(0)

    run(go())


Act = tuple[str, int, int]


@given(
    st.lists(
        st.tuples(st.sampled_from(["reserve", "settle", "unknown"]), st.integers(0, 2_000), st.integers(0, 100)),
        max_size=60,
    )
)
def test_never_beyond_the_cap_whatever_the_order(acts: list[Act]) -> None:
    """Every call costs at most its worst case; then neither spent nor spent + held ever passes the cap."""

    async def go() -> None:
        limit = 5_000
        budgets = Budgets([cap(usd="0.000000005")], Book(), Clock())
        open_: list[Hold] = []
        spent = 0
        for act, amount, which in acts:
            if act == "reserve":
                try:
                    open_.append(await budgets.reserve(ANN, quote(amount, named=which % 2 == 0), f"{len(open_)}"))
                except BudgetExceeded:
                    assert spent + sum(hold.worst or 0 for hold in open_) + min(amount, 1) > limit or amount > 0
            elif open_:
                hold = open_.pop(which % len(open_))
                worst = hold.worst or 0
                actual = min(amount, worst)
                hold.settle(actual if act == "settle" else None)
                spent += actual if act == "settle" else worst
            held = sum(hold.worst or 0 for hold in open_)
            assert spent + held <= limit
            assert budgets.left(ANN) == limit - spent - held

    run(go())
