"""Budget accounts in the store: what a crash leaves behind counts, and a new budget finds what was spent before."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from pointsman.domain.record import TurnRecord
from pointsman.store import Store, open_store
from pointsman.store.keys import create_key
from pointsman.store.spend import Account, Spend, SpendBook, list_spend

MakeRecord = Callable[..., TurnRecord]
DAY = Account("key", "bot", "2026-11-22")
MONTH = Account("all", "", "2026-11")
PICO = 10**12


@pytest.fixture
def book(store: Store) -> SpendBook:
    return SpendBook(store, simulated=False)


def test_a_hold_becomes_what_was_spent(store: Store, book: SpendBook) -> None:
    store.write_sync(book.hold("call", (DAY, MONTH), 500, 1))
    assert [(line.account, line.spend.spent, line.held) for line in list_spend(store, "2026-11-22", "2026-11")] == [
        (MONTH, 0, 500),
        (DAY, 0, 500),
    ]
    store.write_sync(book.settle("call", (DAY, MONTH), Spend(200)))
    store.write_sync(book.settle("other", (DAY,), Spend(5, 5, 1)))
    assert book.find(DAY) == Spend(205, 5, 1)
    assert [line.held for line in list_spend(store, "2026-11-22", "2026-11")] == [0, 0]


def test_what_a_crash_leaves_counts_as_spent(store: Store, book: SpendBook, url: str) -> None:
    store.write_sync(book.hold("one", (DAY,), 500, 1))
    store.write_sync(book.hold("two", (DAY, MONTH), 70, 1))
    store.close()
    with open_store(url) as again:
        recovered = SpendBook(again, simulated=False)
        assert recovered.recover() == 2
        assert recovered.recover() == 0
        assert recovered.find(DAY) == Spend(570, 570, 2)
        assert recovered.find(MONTH) == Spend(70, 70, 1)


def test_who_learns_the_true_cost_takes_back_what_was_counted(store: Store, book: SpendBook) -> None:
    now = time.time_ns() // 1000
    for call in ("slow", "taken up", "unknown", "early"):
        store.write_sync(book.hold(call, (DAY, MONTH), 500, now))
    store.write_sync(book.settle_left("early", 40))
    assert book.recover() == 3  # another process starts
    assert book.find(DAY) == Spend(1540, 1500, 3)
    store.write_sync(book.settle("slow", (DAY, MONTH), Spend(200)))  # the first had not ended after all
    store.write_sync(book.settle_left("taken up", 30))
    store.write_sync(book.settle_left("unknown", None))
    store.write_sync(book.settle_left("never held", 9))
    assert book.find(DAY) == book.find(MONTH) == Spend(770, 500, 1)
    assert book.recover() == 0
    assert {line.held for line in list_spend(store, "2026-11-22", "2026-11")} == {0}


def test_simulated_money_is_kept_apart(store: Store, book: SpendBook) -> None:
    store.write_sync(SpendBook(store, simulated=True).settle("call", (DAY,), Spend(9)))
    assert book.find(DAY) == Spend()


def test_a_new_budget_finds_what_was_spent_before(store: Store, book: SpendBook, make: MakeRecord) -> None:
    key_id, _ = create_key(store, "bot")
    start = make().at_us
    store.append_sync(make(1, key_id=key_id, cost_usd=Decimal("0.25"), at_us=start + 1))
    store.append_sync(make(2, key_id=key_id, cost_usd=None, at_us=start + 2))
    store.append_sync(make(3, cost_usd=Decimal(1), at_us=start + 3))
    store.append_sync(make(4, cost_usd=Decimal(7), at_us=start - 1))
    store.append_sync(make(5, cost_usd=Decimal(9), at_us=start + 5, simulated=True))
    book.seed({("key", "2026-11-22"): start, ("all", "2026-11"): start, ("conversation", "total"): start})
    assert book.find(DAY) == Spend(PICO // 4, unpriced_calls=1)
    assert book.find(Account("key", "", "2026-11-22")) == Spend(PICO)
    assert book.find(MONTH) == Spend(PICO * 5 // 4, unpriced_calls=1)
    assert book.find(Account("conversation", "bot/conv_1", "total")) == Spend(PICO // 4, unpriced_calls=1)
    store.append_sync(make(6, key_id=key_id, cost_usd=Decimal(1), at_us=start + 6))
    book.seed({("key", "2026-11-22"): start})
    assert book.find(DAY).spent == PICO // 4, "only the first time: afterwards the accounts are kept as turns end"


def test_users_have_no_column_so_theirs_begin_at_nothing(store: Store, book: SpendBook, make: MakeRecord) -> None:
    store.append_sync(make(1))
    book.seed({("user", "total"): 0})
    assert list_spend(store, "2026-11-22", "2026-11") == []


def test_names_are_stored_without_personal_data_and_found_again(store: Store) -> None:
    book = SpendBook(store, simulated=False, clean=lambda name: name.replace("anna@example.com", "[EMAIL_x]"))
    account = msgspec.structs.replace(DAY, id="anna@example.com")
    store.write_sync(book.settle("call", (account,), Spend(9)))
    assert book.find(account) == Spend(9)
    with store.reading() as connection:
        assert [row[0] for row in connection.execute("SELECT id FROM spend")] == ["[EMAIL_x]"]
