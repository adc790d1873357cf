"""Shadow checks as they stand in the store: whom the sampler chose, what became of them, and the money.

Money of a check is, at any moment: what is set aside for a call under way (``held``), what its calls cost, and what calls may
have cost that were not heard of (``lost``). The three together never exceed the limit that ``reserve`` was given, since it is
asked inside the writer's transaction, whatever runs beside it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from pointsman.errors import StoreError
from pointsman.store.bodies import Codec
from pointsman.store.cursors import move_cursor
from pointsman.store.shadow_rows import (
    Candidate,
    Choice,
    Chosen,
    Memory,
    Money,
    Place,
    Reservation,
    Routed,
    Seen,
    ShadowRow,
    SpentBy,
    State,
)
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

CURSOR = "shadow"
_DAY_US = 86_400_000_000
_SALT = 16

_FIELDS = ShadowRow.__struct_fields__
_COLUMNS = ", ".join(f"shadow.{name}" for name in _FIELDS)
_FLAGS = ("material", "flipped", "simulated")


class Shadows:
    """The shadow checks of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sql = {name: text.replace("{columns}", _COLUMNS) for name, text in load_queries("shadow").items()}

    # -- the sampler ----------------------------------------------------------------------------------------------------

    def candidates(self, seq: int, limit: int) -> list[Candidate]:
        """Return the turns committed after ``seq``, in that order."""
        with self._store.reading() as connection:
            rows = connection.execute(self._sql["candidates"], (seq, limit)).fetchall()
            return [self._candidate(connection, row) for row in rows]

    def _candidate(self, connection: sqlite3.Connection, row: Sequence[Any]) -> Candidate:
        again = None
        if row[7] and _asks_again(row[8]):
            before = connection.execute(self._sql["turn_before"], (row[9], row[2], row[10])).fetchone()
            if before is not None and before[4] != "flagship":  # what the flagship left unclear is not routing's doing
                again = Place(before[0] // _DAY_US, before[1], before[2] or "", bool(before[3]))
        return Candidate(
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            row[5],
            bool(row[6]),
            bool(row[7]),
            again,
            row[9],
            row[10],
            row[12] or 0 if row[11] else 0,
        )

    def last_seq(self) -> int:
        """Return the place of the newest turn, 0 where there is none."""
        with self._store.reading() as connection:
            return int(connection.execute(self._sql["last_seq"]).fetchone()[0])

    def behind(self, seq: int) -> int:
        """Return how many turns came after ``seq``."""
        with self._store.reading() as connection:
            return int(connection.execute(self._sql["behind"], (seq,)).fetchone()[0])

    def memory(self) -> Memory | None:
        """Return what the sampler remembers; None: it has never run."""
        with self._store.reading() as connection:
            return self._memory(connection)

    async def begin(self, seq: int) -> None:
        """Make the sampler's memory and put its cursor behind ``seq``, unless it has begun before."""

        def job(connection: sqlite3.Connection) -> None:
            if self._memory(connection) is None:
                connection.execute(self._sql["put_sampler"], (os.urandom(_SALT), msgspec.msgpack.encode([])))
                move_cursor(connection, CURSOR, seq)

        await self._store.write(job)

    async def choose(
        self, after: int, read: Sequence[Candidate], choices: Iterable[Choice], recent: Sequence[float]
    ) -> bool:
        """Keep what the sampler made of the turns it read after ``after``: choices, counts, memory and cursor, all or none.

        False: another process has moved on from there; nothing is written then.
        """
        now, sql = time.time_ns() // 1000, self._sql
        rows = [_choice_row(one, now) for one in choices]
        counts = _counted(read)

        def job(connection: sqlite3.Connection) -> bool:
            place = connection.execute("SELECT seq FROM cursor WHERE name = ?", (CURSOR,)).fetchone()
            memory = self._memory(connection)
            if place is None or place[0] != after or memory is None:
                return False
            connection.executemany(sql["choose"], rows)
            connection.executemany(sql["see"], counts)
            connection.execute(sql["put_sampler"], (memory.salt, msgspec.msgpack.encode(list(recent))))
            move_cursor(connection, CURSOR, read[-1].seq)
            return True

        return await self._store.write(job)

    def _memory(self, connection: sqlite3.Connection) -> Memory | None:
        row = connection.execute(self._sql["sampler"]).fetchone()
        return None if row is None else Memory(row[0], msgspec.msgpack.decode(row[1], type=tuple[float, ...]))

    # -- reading --------------------------------------------------------------------------------------------------------

    def row(self, turn_id: str) -> ShadowRow | None:
        """Return the check of a turn, None where it was not chosen."""
        return next(iter(self._rows("row", (turn_id,))), None)

    def due(self, state: State, limit: int) -> list[ShadowRow]:
        """Return the oldest turns in a state for which no call is under way."""
        return self._rows("due", {"state": state, "limit": limit})

    def under_way(self) -> list[ShadowRow]:
        """Return the turns for which a call is (or was, when the process ended) under way, those in batches left out."""
        return self._rows("under_way", ())

    def batches(self) -> list[str]:
        """Return the ids of the batches that turns wait for."""
        with self._store.reading() as connection:
            return [row[0] for row in connection.execute(self._sql["batches"])]

    def in_batch(self, batch_id: str) -> list[ShadowRow]:
        """Return the turns that wait for a batch."""
        return self._rows("in_batch", (batch_id,))

    def listed(self, *, state: str | None = None, material: bool | None = None, limit: int = 100) -> list[ShadowRow]:
        """Return the newest checks that match."""
        return self._rows("listed", {"state": state, "material": material, "limit": limit})

    def states(self) -> dict[tuple[str, str], int]:
        """Return how many checks stand where, by state and why they were chosen."""
        with self._store.reading() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(self._sql["states"])}

    def seen(self, since_us: int, until_us: int) -> list[Seen]:
        """Return how many turns could have been chosen, by whole days of UTC."""
        days = {"since_day": since_us // _DAY_US, "until_day": -(-until_us // _DAY_US)}
        with self._store.reading() as connection:
            rows = connection.execute(self._sql["seen"], days).fetchall()
        return [Seen(row[0], row[1], row[2], bool(row[3]), row[4], row[5], row[6]) for row in rows]

    def chosen(self, since_us: int, until_us: int) -> list[Chosen]:
        """Return the chosen turns of whole days of UTC, as ``seen`` counts them."""
        days = {"since_us": since_us // _DAY_US * _DAY_US, "until_us": -(-until_us // _DAY_US) * _DAY_US}
        with self._store.reading() as connection:
            rows = connection.execute(self._sql["chosen"], days).fetchall()
        return [_chosen(row) for row in rows]

    def material_ids(self) -> frozenset[str]:
        """Return the turns that should have had a stronger model; those a person found fine are left out."""
        with self._store.reading() as connection:
            return frozenset(row[0] for row in connection.execute(self._sql["material_ids"]))

    def money(self, since_us: int, until_us: int, *, simulated: bool | None = None) -> Money:
        """Return what the checks of a period cost; ``simulated`` None: both kinds."""
        span = {"since_us": since_us, "until_us": until_us, "simulated": simulated}
        with self._store.reading() as connection:
            return Money(*connection.execute(self._sql["money"], span).fetchone())

    def routed(self, since_us: int, until_us: int, *, simulated: bool | None = None) -> Routed:
        """Return what the routed turns of whole days cost that the sampler has looked at; turns of batches are none."""
        days = {"since_day": since_us // _DAY_US, "until_day": -(-until_us // _DAY_US), "simulated": simulated}
        with self._store.reading() as connection:
            return Routed(*connection.execute(self._sql["routed"], days).fetchone())

    def spent_by(self, since_us: int, until_us: int, *, simulated: bool | None = None) -> list[SpentBy]:
        """Return what the checks of a period's turns cost, by route and intent; by when the turns were, not the checks."""
        span = {"since_us": since_us, "until_us": until_us, "simulated": simulated}
        with self._store.reading() as connection:
            return [SpentBy(*row) for row in connection.execute(self._sql["spent_by"], span)]

    def _rows(self, query: str, values: Any) -> list[ShadowRow]:
        with self._store.reading() as connection:
            return [_row(row) for row in connection.execute(self._sql[query], values)]

    # -- what becomes of a check ----------------------------------------------------------------------------------------

    async def reserve(self, change: Reservation) -> bool:
        """Set money aside for a call and note that it is under way; False: the limit leaves no room, or another has it.

        Asked and noted in one transaction: no number of calls, in whichever processes, goes beyond the limit.
        """
        span = {"since_us": change.since_us, "until_us": change.until_us, "simulated": change.simulated}
        sql = self._sql

        def job(connection: sqlite3.Connection) -> bool:
            spent = Money(*connection.execute(sql["money"], span).fetchone()).total
            if spent + change.pico > change.limit:
                return False
            moved = connection.execute(_RESERVE, msgspec.structs.asdict(change))
            return moved.rowcount == 1

        return await self._store.write(job)

    async def change(self, turn_id: str, *, was: State, **fields: Any) -> bool:
        """Change fields of a check that is in state ``was``; False where it is in another by now."""
        return await self._store.write(changed(turn_id, was, **fields))

    def batch_of(self, turn_id: str) -> str | None:
        """Return the batch that the check of a turn was sent with, None where there is none."""
        with self._store.reading() as connection:
            row = connection.execute(self._sql["batch_of"], (turn_id,)).fetchone()
        return None if row is None else str(row[0])


_RESERVE = """
UPDATE shadow SET held_pico = held_pico + :pico, asked_at_us = :at_us, owner = :owner, simulated = :simulated,
    spent_at_us = coalesce(spent_at_us, :at_us), changed_at_us = :at_us, model = coalesce(:model, model)
WHERE turn_id = :turn_id AND state = :state AND asked_at_us IS NULL
"""


def changed(turn_id: str, was: State, **fields: Any) -> Any:
    """Return the job that changes fields of a check in state ``was``; for use beside other writes. See ``Shadows.change``."""
    wrong = set(fields) - set(_FIELDS)
    if wrong:
        raise ValueError(f"a shadow check has no {', '.join(sorted(wrong))}")
    values = {**fields, "changed_at_us": time.time_ns() // 1000}
    if isinstance(values.get("reply"), bytes):
        values["reply"] = Codec().pack(values["reply"])
    # Names are fields of our own struct, values are bound.
    assigned = ", ".join(f"{name} = :{name}" for name in values)
    query = f"UPDATE shadow SET {assigned} WHERE turn_id = :_id AND state = :_was"  # noqa: S608 - see above

    def job(connection: sqlite3.Connection) -> bool:
        return connection.execute(query, {**values, "_id": turn_id, "_was": was}).rowcount == 1

    return job


def _row(row: Sequence[Any]) -> ShadowRow:
    fields = dict(zip(_FIELDS, row, strict=True))
    for name in _FLAGS:
        fields[name] = _flag(fields[name])
    if fields["reply"] is not None:
        fields["reply"] = Codec().unpack(fields["reply"])
    return ShadowRow(**fields)


def _chosen(row: Sequence[Any]) -> Chosen:
    return Chosen(
        turn_id=row[0],
        probability=row[1],
        state=row[2],
        verdict=row[3],
        material=_flag(row[4]),
        decided_by=row[5],
        review=row[6],
        human=_flag(row[7]),
        route=row[8],
        intent=row[9],
        cluster=f"{row[11] or ''}\x00{row[10]}",
        simulated=bool(row[12]),
    )


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _choice_row(one: Choice, now_us: int) -> tuple[Any, ...]:
    turn = one.turn
    drawn = (turn.id, turn.seq, now_us, now_us, one.why, one.probability)
    return (*drawn, turn.at_us, turn.route, turn.intent, turn.conversation_id, turn.key_id, turn.simulated)


def _counted(read: Sequence[Candidate]) -> list[tuple[Any, ...]]:
    found: dict[Place, list[int]] = {}
    for one in read:
        if one.whole or one.routed_pico:
            place = Place(one.at_us // _DAY_US, one.route, one.intent or "", one.simulated)
            count = found.setdefault(place, [0, 0, 0, 0])
            count[0] += one.whole
            count[1] += one.whole and one.confidence is None
            count[3] += one.routed_pico
        if one.asked_again is not None:
            found.setdefault(one.asked_again, [0, 0, 0, 0])[2] += 1
    return [(*msgspec.structs.astuple(place), *count) for place, count in found.items()]


class _Decided(msgspec.Struct):
    signals: dict[str, Any] = {}


class _Detail(msgspec.Struct, array_like=True):
    """The beginning of a turn's detail: all that is read of it here."""

    decision: _Decided


_DETAIL = msgspec.msgpack.Decoder(_Detail)


def _asks_again(detail: bytes) -> bool:
    """Return whether the customer asks in this turn what was asked before; not of the later steps of its tool loop."""
    try:
        signals = _DETAIL.decode(Codec().unpack(detail)).decision.signals
        return signals["history"]["reasked"] > 0 and not signals.get("tools", {}).get("in_loop")
    except (StoreError, msgspec.MsgspecError, KeyError, TypeError):
        return False
