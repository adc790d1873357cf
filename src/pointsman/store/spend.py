"""What was spent per budget account, and what is held for calls on their way.

Every amount is whole pico-dollars. A job that a function here returns runs inside the writer's transaction (``Store.write``).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from pointsman.store.sql import load_queries
from pointsman.store.store import Store

Scope = Literal["all", "key", "user", "conversation", "agent"]
Job = Callable[[sqlite3.Connection], None]
_KEPT_US = 60 * 86_400 * 1_000_000
"""How long it is remembered that a reservation was counted as spent; no batch takes longer."""
_SEEDS = ("all", "key", "conversation")
"""Scopes that the turns themselves name, so that a budget set up in mid-period finds what was spent before it."""


class Account(msgspec.Struct, frozen=True):
    """Whose money it is, for which period. ``period`` is a day (2026-11-22), a month (2026-11) or ``total``."""

    scope: Scope
    id: str
    period: str


class Spend(msgspec.Struct, frozen=True):
    """What an account has spent. ``assumed`` is the part of ``spent`` that is a kept reservation: its true cost is unknown.

    ``unpriced_calls`` were let through without a price and count nothing.
    """

    spent: int = 0
    assumed: int = 0
    assumed_calls: int = 0
    unpriced_calls: int = 0


class Line(msgspec.Struct, frozen=True):
    """An account as it is listed; ``held`` is reserved for calls on their way, or left over from a crash."""

    account: Account
    simulated: bool
    spend: Spend
    held: int


class SpendBook:
    """The accounts in the store.

    ``simulated`` keeps what emulated models would have cost apart from real money. ``clean`` takes personal data out of the
    names of accounts: users are often named by their e-mail address.
    """

    def __init__(self, store: Store, *, simulated: bool, clean: Callable[[str], str] = str) -> None:
        self._store = store
        self._clean = clean
        self._simulated = simulated
        self._queries = load_queries("spend")

    def find(self, account: Account) -> Spend:
        """Return what the account has spent; nothing where it is not known.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._store.reading() as connection:
            row = connection.execute(self._queries["find"], self._values(account)).fetchone()
        return Spend() if row is None else Spend(*row)

    def recover(self) -> int:
        """Count what a process that has ended had reserved as spent, since it may be billed; return how many calls it was.

        Who learns later what one of them cost (a batch that is taken up, a process that had not ended after all) replaces it.

        Raises:
            StoreError: the store cannot be written.
        """
        queries = self._queries

        def job(connection: sqlite3.Connection) -> int:
            left: int = connection.execute(queries["count_left_over"]).fetchone()[0]
            if left:
                connection.execute(queries["assume_left_over"], {"call_id": None})
                connection.execute(queries["mark_left_over"])
            connection.execute(queries["forget_old"], (time.time_ns() // 1000 - _KEPT_US,))
            return left

        return self._store.write_sync(job)

    def seed(self, since_us: Mapping[tuple[Scope, str], int]) -> None:
        """Take what was spent before the first budget of a (scope, period) from the turns since then.

        Only for scopes whose id stands in a turn's row: all, key and conversation.

        Raises:
            StoreError: the store cannot be written.
        """
        queries, simulated = self._queries, self._simulated

        def job(connection: sqlite3.Connection) -> None:
            for (scope, period), since in since_us.items():
                values = {"scope": scope, "period": period, "simulated": simulated, "since_us": since}
                known = connection.execute(queries["is_known"], values).fetchone()[0]
                if not known and scope in _SEEDS:
                    connection.execute(queries[f"seed_{scope}"], values)

        self._store.write_sync(job)

    def hold(self, call_id: str, accounts: tuple[Account, ...], pico: int, at_us: int) -> Job:
        """Return the job that notes a reservation."""
        rows = [{**self._values(account), "call_id": call_id, "pico": pico, "at_us": at_us} for account in accounts]
        query = self._queries["hold"]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(query, rows)

        return job

    def settle(self, call_id: str, accounts: tuple[Account, ...], spend: Spend) -> Job:
        """Return the job that turns a reservation into what was spent."""
        added = {
            "spent": spend.spent,
            "assumed": spend.assumed,
            "assumed_calls": spend.assumed_calls,
            "unpriced_calls": spend.unpriced_calls,
        }
        rows = [{**self._values(account), **added} for account in accounts] if any(added.values()) else []
        queries = self._queries

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(queries["take_back"], {"call_id": call_id})
            connection.execute(queries["release"], {"call_id": call_id})
            connection.executemany(queries["add"], rows)

        return job

    def settle_left(self, call_id: str, pico: int | None) -> Job:
        """Return the job that turns a reservation of another process into what was spent; None: all of it, as it is unknown.

        Where there is no reservation (any more) nothing happens.
        """
        queries, place = self._queries, {"call_id": call_id}

        def job(connection: sqlite3.Connection) -> None:
            if pico is None:
                connection.execute(queries["assume_left_over"], place)
            else:
                connection.execute(queries["take_back"], place)
                connection.execute(queries["add_to_left"], place | {"pico": pico})
            connection.execute(queries["release"], place)

        return job

    def post(self, job: Job) -> asyncio.Future[None]:
        """Line a job up; the future resolves once it is durable.

        Raises:
            StoreError: from the future, it could not be written; at once, the store is closed.
        """
        return self._store.post(job)

    def _values(self, account: Account) -> dict[str, object]:
        return {
            "scope": account.scope,
            "id": self._clean(account.id),
            "period": self._clean(account.period),
            "simulated": self._simulated,
        }


def list_spend(store: Store, day: str, month: str) -> list[Line]:
    """Return the accounts of a day, its month and for good, the largest first within their kind.

    Raises:
        StoreError: the store cannot be read.
    """
    with store.reading() as connection:
        rows = connection.execute(load_queries("spend")["listed"], {"day": day, "month": month}).fetchall()
    return [Line(Account(row[0], row[1], row[2]), bool(row[3]), Spend(*row[4:8]), row[8]) for row in rows]
