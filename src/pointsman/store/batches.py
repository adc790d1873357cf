"""Batches: work that waits for a provider's batch API, written down before the provider hears of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec

from pointsman.domain.turn import Turn
from pointsman.store.money import from_pico, to_pico
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

PartState = Literal["ready", "submitting", "running", "cancelling", "ended", "failed"]
"""ready: to be sent. submitting: the provider may have heard of it. failed: the provider refused or failed all of it."""
ItemState = Literal["waiting", "ok", "error", "expired", "cancelled"]


class BatchRow(msgspec.Struct, frozen=True):
    """One batch. Times are Unix microseconds; ``ended_at_us`` None: under way. ``again``: how often a failure is sent again."""

    id: str
    model: str
    purpose: str
    again: int
    simulated: bool
    cancelled: bool
    created_at_us: int
    ended_at_us: int | None


class PartRow(msgspec.Struct, frozen=True):
    """One batch at the provider. ``seen_at_us``: when it was first seen to be over, by whichever process."""

    n: int
    state: PartState
    provider_id: str | None = None
    owner: str | None = None
    submitting_at_us: int | None = None
    error: str | None = None
    seen_at_us: int | None = None


class ItemRow(msgspec.Struct, frozen=True):
    """One item. ``part`` None: it could not be sent. ``turn_id`` names its record once it has ended."""

    position: int
    item_id: str
    turn_id: str
    turn: Turn
    part: int | None
    attempt: int = 1
    state: ItemState = "waiting"
    error_code: str | None = None
    error_text: str | None = None
    cost_usd: Decimal | None = None


class Ended(msgspec.Struct, frozen=True):
    """What became of the item at ``position``, in its n-th attempt."""

    position: int
    attempt: int
    state: ItemState
    error_code: str | None = None
    error_text: str | None = None
    cost_usd: Decimal | None = None


class Counts(msgspec.Struct, frozen=True):
    """Items by state, and what those that are known to cost cost. ``unpriced``: finished well, at an unknown price."""

    by_state: dict[str, int]
    cost_usd: Decimal
    unpriced: int

    @property
    def total(self) -> int:
        """All items."""
        return sum(self.by_state.values())


class Batches:
    """The batches of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sql = load_queries("batches")

    async def add(self, batch: BatchRow, items: Sequence[ItemRow]) -> None:
        """Keep a batch with its items, and a part for each number that occurs; durable on return.

        Raises:
            StoreError: it could not be written.
        """
        sql = self._sql
        head = (batch.id, batch.model, batch.purpose, batch.again, batch.simulated, batch.created_at_us)
        parts = sorted({item.part for item in items if item.part is not None})
        rows = [
            (
                *(batch.id, item.position, item.item_id, item.turn_id, msgspec.json.encode(item.turn), item.part),
                *(item.state, item.error_code, item.error_text),
            )
            for item in items
        ]

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(sql["add_batch"], head)
            connection.executemany(sql["add_part"], [(batch.id, n) for n in parts])
            connection.executemany(sql["add_item"], rows)

        await self._store.write(job)

    def batches(self, batch_id: str | None = None, limit: int = 100) -> list[BatchRow]:
        """Return the newest batches, or the one of that id."""
        with self._store.reading() as connection:
            rows = connection.execute(self._sql["batches"], {"id": batch_id, "limit": limit}).fetchall()
        found: list[dict[str, Any]] = [dict(zip(BatchRow.__struct_fields__, row, strict=True)) for row in rows]
        return [
            BatchRow(**fields | {"simulated": bool(fields["simulated"]), "cancelled": bool(fields["cancelled"])})
            for fields in found
        ]

    def parts(self, batch_id: str) -> list[PartRow]:
        """Return the parts of a batch, in order."""
        with self._store.reading() as connection:
            return [PartRow(*row) for row in connection.execute(self._sql["parts"], (batch_id,))]

    def provider_ids(self) -> set[str]:
        """Return the provider's ids of all parts that are known."""
        with self._store.reading() as connection:
            return {row[0] for row in connection.execute(self._sql["provider_ids"])}

    def items(self, batch_id: str, *, part: int | None = None, state: ItemState | None = None) -> list[ItemRow]:
        """Return items of a batch, in the order they were submitted."""
        wanted = {"id": batch_id, "part": part, "state": state}
        with self._store.reading() as connection:
            rows = connection.execute(self._sql["items"], wanted).fetchall()
        found: list[dict[str, Any]] = [dict(zip(ItemRow.__struct_fields__, row, strict=True)) for row in rows]
        return [
            ItemRow(
                **fields
                | {"turn": msgspec.json.decode(fields["turn"], type=Turn), "cost_usd": from_pico(fields["cost_usd"])}
            )
            for fields in found
        ]

    def counts(self, batch_id: str) -> Counts:
        """Return how many items stand where, and what they cost so far."""
        with self._store.reading() as connection:
            rows = connection.execute(self._sql["counts"], (batch_id,)).fetchall()
        cost = sum((from_pico(int(row[2])) or Decimal(0) for row in rows), Decimal(0))
        unpriced = sum(row[1] - row[3] for row in rows if row[0] == "ok")
        return Counts({row[0]: row[1] for row in rows}, cost, unpriced)

    async def claim(self, batch_id: str, n: int, owner: str, at_us: int) -> bool:
        """Take a ready part for submitting; False when another process was faster."""
        return await self._changed("claim_part", {"id": batch_id, "n": n, "owner": owner, "at_us": at_us})

    async def move(
        self,
        batch_id: str,
        part: PartRow,
        state: PartState,
        *,
        provider_id: str | None = None,
        error: str | None = None,
    ) -> bool:
        """Move a part on from the state in which it was read; False when another process has moved it meanwhile."""
        values = {"id": batch_id, "n": part.n, "was": part.state, "state": state}
        return await self._changed("set_part", values | {"provider_id": provider_id, "error": error})

    async def see(self, batch_id: str, n: int, at_us: int) -> int:
        """Write down that a part was seen to be over, unless it was before; return when it was first seen."""
        sql, place = self._sql, {"id": batch_id, "n": n}

        def job(connection: sqlite3.Connection) -> int:
            connection.execute(sql["see_part"], place | {"at_us": at_us})
            return int(connection.execute(sql["seen_part"], place).fetchone()[0])

        return await self._store.write(job)

    async def end_items(self, batch_id: str, ended: Sequence[Ended]) -> None:
        """Write down what became of items; one that had ended before stays as it was."""
        rows = [msgspec.structs.asdict(item) | {"id": batch_id, "cost_pico": to_pico(item.cost_usd)} for item in ended]
        for row in rows:
            del row["cost_usd"]
        statement = self._sql["set_item"]
        await self._store.write(lambda connection: _run_many(connection, statement, rows))

    async def send_again(self, batch_id: str, groups: Sequence[Sequence[ItemRow]]) -> None:
        """Let items that failed wait again, each group in a new part. One that another process has sent again stays there."""
        sql = self._sql

        def job(connection: sqlite3.Connection) -> None:
            for group in groups:
                (n,) = connection.execute(sql["next_part"], (batch_id,)).fetchone()
                connection.execute(sql["add_part"], (batch_id, n))
                rows = [{"id": batch_id, "part": n, "position": i.position, "was": i.attempt} for i in group]
                connection.executemany(sql["send_again"], rows)

        await self._store.write(job)

    async def cancel(self, batch_id: str) -> None:
        """Write down that a batch is to be cancelled."""
        await self._changed("cancel_batch", (batch_id,))

    async def end(self, batch_id: str, at_us: int) -> None:
        """Write down that nothing of a batch is under way any more; nothing happens while an item still waits."""
        await self._changed("end_batch", {"id": batch_id, "at_us": at_us})

    async def _changed(self, query: str, values: Any) -> bool:
        statement = self._sql[query]
        return await self._store.write(lambda connection: connection.execute(statement, values).rowcount > 0)


def _run_many(connection: sqlite3.Connection, statement: str, rows: list[dict[str, Any]]) -> None:
    connection.executemany(statement, rows)
