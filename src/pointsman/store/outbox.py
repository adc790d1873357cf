"""What receivers have not acknowledged yet: written with the change it tells of, kept until it has been taken."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from pointsman.store.sql import load_queries
from pointsman.store.store import Store

_IN_THE_WAY: Final = 10
"""After so many refusals a notice no longer keeps back the ones behind it."""
_FAR_US: Final = 3600 * 1_000_000
"""Further ahead no attempt is set, and no claim held: one that is was written before the clock was put back."""


class Notice(msgspec.Struct, frozen=True):
    """Something to be told to one sink. ``key`` is the same at every attempt; ``body`` is JSON and holds no secret."""

    key: str
    sink: str
    incident_id: str
    event: str
    body: str


class Waiting(msgspec.Struct, frozen=True):
    """A notice that is to be delivered, and how often that was tried."""

    id: int
    notice: Notice
    attempts: int


class Delivery(msgspec.Struct, frozen=True):
    """How a notice fares. Times are Unix microseconds; ``delivered_us`` None: not taken yet."""

    key: str
    sink: str
    incident_id: str
    event: str
    created_us: int
    next_us: int
    attempts: int
    delivered_us: int | None
    error_text: str | None


def enqueue(connection: sqlite3.Connection, notice: Notice, now_us: int) -> bool:
    """Line a notice up; for a ``Store.write`` job. False: it stands in the line, or was delivered, already."""
    row = (*msgspec.structs.astuple(notice), now_us, now_us)
    return connection.execute(load_queries("outbox")["add"], row).rowcount == 1


def told(connection: sqlite3.Connection, incident_id: str) -> set[str]:
    """Return the sinks that were or will be told that an incident opened."""
    return {row[0] for row in connection.execute(load_queries("outbox")["told"], (incident_id,))}


def last_told_us(connection: sqlite3.Connection, incident_id: str, sink: str) -> int | None:
    """Return when the newest notice of an incident was lined up for a sink."""
    row = connection.execute(load_queries("outbox")["last_told"], (incident_id, sink)).fetchone()
    return None if row is None else row[0]


class Outbox:
    """The line of one store. A claim keeps two processes from delivering the same notice at the same time."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._queries = load_queries("outbox")

    async def claim(self, now_us: int, hold_us: int, sinks: frozenset[str], limit: int = 20) -> list[Waiting]:
        """Take what is due for these sinks. Of one incident a sink gets the older notice first.

        Raises:
            StoreError: the store cannot be written.
        """

        def take(connection: sqlite3.Connection) -> list[Waiting]:
            bound = {
                "now": now_us,
                "far": now_us + _FAR_US,
                "in_the_way": _IN_THE_WAY,
                "limit": limit,
                "sinks": msgspec.json.encode(sorted(sinks)),
            }
            rows = connection.execute(self._queries["due"], bound).fetchall()
            held = [(self._owner, now_us + hold_us, row[0]) for row in rows]
            connection.executemany(self._queries["claim"], held)
            return [Waiting(row[0], Notice(*row[1:6]), row[6]) for row in rows]

        due = self.next_due_us(sinks)
        if due is None or now_us < due <= now_us + _FAR_US:
            return []  # no write where there is nothing to write
        return await self._store.write(take)

    async def delivered(self, waiting: Waiting, now_us: int) -> None:
        """Keep that a receiver has taken a notice."""
        values = (now_us, waiting.attempts + 1, waiting.id)
        await self._store.write(lambda connection: connection.execute(self._queries["delivered"], values).rowcount)

    async def failed(self, waiting: Waiting, next_us: int, error: str) -> None:
        """Keep that a notice was not taken, and when it is tried again."""
        values = (next_us, waiting.attempts + 1, error[:500], waiting.id)
        await self._store.write(lambda connection: connection.execute(self._queries["failed"], values).rowcount)

    async def free(self, owners: frozenset[str]) -> None:
        """Give up the claims of processes that are gone."""
        gone = [(owner,) for owner in owners]
        await self._store.write(lambda connection: connection.executemany(self._queries["free"], gone).rowcount)

    def owners(self) -> set[str]:
        """Return the processes that hold claims."""
        with self._store.reading() as connection:
            return {row[0] for row in connection.execute(self._queries["owners"])}

    def next_due_us(self, sinks: frozenset[str]) -> int | None:
        """Return when the next attempt for one of these sinks is due, None where nothing waits."""
        bound = {"sinks": msgspec.json.encode(sorted(sinks)).decode(), "in_the_way": _IN_THE_WAY}
        with self._store.reading() as connection:
            row = connection.execute(self._queries["next_due"], bound).fetchone()
        return None if row is None else row[0]


def deliveries(
    store: Store, incident_id: str | None = None, *, waiting: bool = False, limit: int = 200
) -> list[Delivery]:
    """Return notices, the newest first: of one incident, or those only that still wait."""
    bound = {"incident": incident_id, "waiting": waiting, "limit": limit}
    with store.reading() as connection:
        return [Delivery(*row) for row in connection.execute(load_queries("outbox")["list"], bound)]
