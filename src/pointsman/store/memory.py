"""The memory of conversations on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable

import msgspec

from pointsman.domain.memory import NO_MEMORY, Memory
from pointsman.errors import StoreError
from pointsman.store.connection import empty_log
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

Place = tuple[str | None, str]
"""Client key (None: none was asked for) and conversation: one key's conversation is never another's."""


class Kept(msgspec.Struct, frozen=True):
    """One conversation's memory as it lies in the store; times in Unix microseconds."""

    key_id: str | None
    customer: str | None
    memory: Memory
    updated_at_us: int
    expires_at_us: int


class Memories:
    """Reads and writes the memory of conversations of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queries = load_queries("memory")
        self._decoder = msgspec.msgpack.Decoder(Memory)

    def recall(self, place: Place, now_us: int) -> Memory:
        """Return what is remembered, nothing once its time is over. One index look-up."""
        with self._store.reading() as connection:
            return self._read(connection, place, now_us)

    def change(
        self, place: Place, how: Callable[[Memory], Memory], *, customer: str | None, now_us: int, ttl_us: int
    ) -> Awaitable[Memory]:
        """Change a memory in one transaction and return what is remembered then; memories whose time is over leave with it."""

        def job(connection: sqlite3.Connection) -> Memory:
            connection.execute(self._queries["expire"], (now_us,))
            before = self._read(connection, place, now_us)
            after = how(before)
            if after == NO_MEMORY:
                connection.execute(self._queries["remove"], (place[0] or "", place[1]))
            else:
                row = (place[0] or "", place[1], customer, msgspec.msgpack.encode(after), now_us, now_us + ttl_us)
                connection.execute(self._queries["put"], row)
            return after

        return self._store.write(job)

    def of_conversation(self, conversation: str, now_us: int) -> list[Kept]:
        """Return what is remembered under this conversation id, one entry per client key."""
        with self._store.reading() as connection:
            rows = connection.execute(self._queries["of_conversation"], (conversation, now_us)).fetchall()
        return [Kept(row[0] or None, row[1], self._decoded(row[2]), row[3], row[4]) for row in rows]

    def forget_conversation(self, conversation: str) -> int:
        """Delete the memory of a conversation, of every key; return how many rows left."""
        return self._store.write_sync(
            lambda c: c.execute(self._queries["forget_conversation"], (conversation,)).rowcount
        )

    def forget_customer(self, *names: str) -> int:
        """Delete every memory of a customer, whatever of ``names`` it was stored under; return how many rows left."""

        def job(connection: sqlite3.Connection) -> int:
            return sum(connection.execute(self._queries["forget_customer"], (name,)).rowcount for name in names)

        return self._store.write_sync(job)

    def erase(self) -> bool:
        """Let what was forgotten leave the store's log as well; False: someone reads just now, and it leaves later."""
        return empty_log(self._store.path)

    def _read(self, connection: sqlite3.Connection, place: Place, now_us: int) -> Memory:
        row = connection.execute(self._queries["recall"], (place[0] or "", place[1], now_us)).fetchone()
        return NO_MEMORY if row is None else self._decoded(row[0])

    def _decoded(self, data: bytes) -> Memory:
        try:
            return self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"a conversation's memory is damaged ({error}). `pointsman memory forget` removes it."
            ) from None
