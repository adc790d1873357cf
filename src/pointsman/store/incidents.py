"""Incidents: what monitors found, one per cause, and what people did about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from pointsman.store.sql import load_queries
from pointsman.store.store import Store

State = Literal["open", "acknowledged", "resolved"]
EventKind = Literal["opened", "joined", "worse", "acknowledged", "silenced", "recovered", "resolved", "note"]


class Incident(msgspec.Struct, frozen=True):
    """Something that is or was wrong, of one cause. Times are Unix microseconds, None where it has not come to that."""

    id: str
    family: str
    subject: str
    simulated: bool
    severity: str
    state: State
    title: str
    opened_us: int
    acknowledged_us: int | None = None
    resolved_us: int | None = None
    note: str = ""


class Signal(msgspec.Struct, frozen=True):
    """A rule that fired of an incident. ``evidence`` is JSON: the finding as it fired first, and which turns it affected."""

    incident_id: str
    rule: str
    series: str
    simulated: bool
    first_us: int
    last_us: int
    recovered_us: int | None
    evidence: str


class Event(msgspec.Struct, frozen=True):
    """One line of an incident's timeline. ``who`` is empty where Pointsman itself did it."""

    incident_id: str
    at_us: int
    kind: EventKind
    who: str
    text: str


class Silence(msgspec.Struct, frozen=True):
    """Nobody is told of this cause until then. The incident goes on all the same."""

    family: str
    subject: str
    simulated: bool
    until_us: int
    who: str
    reason: str


class IncidentReader:
    """Reads the incidents of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queries = load_queries("incidents")

    def all(self, *, state: str | None = None, limit: int = 100) -> list[Incident]:
        """Return incidents, the newest first; ``state`` ``unresolved`` stands for open and acknowledged."""
        wanted = {"state": state, "limit": limit}
        with self._store.reading() as connection:
            return [_incident(row) for row in connection.execute(self._queries["list"], wanted)]

    def one(self, incident_id: str) -> Incident | None:
        """Return an incident by its id, or by the beginning of it where that is enough; None: there is none."""
        with self._store.reading() as connection:
            rows = connection.execute(self._queries["by_prefix"], (incident_id, incident_id + "~")).fetchall()
        exact = [row for row in rows if row[0] == incident_id]
        return _incident((exact or rows)[0]) if exact or len(rows) == 1 else None

    def signals(self, incident_id: str) -> list[Signal]:
        """Return the rules that fired of an incident, the first one first."""
        with self._store.reading() as connection:
            return signals_of(connection, incident_id)

    def timeline(self, incident_id: str) -> list[Event]:
        """Return what happened, the oldest first."""
        with self._store.reading() as connection:
            return events_of(connection, incident_id)

    def turns(self, incident_id: str) -> list[str]:
        """Return the ids of the turns that are linked to an incident."""
        with self._store.reading() as connection:
            return [row[0] for row in connection.execute(self._queries["turns_of"], (incident_id,))]

    def open_signals(self) -> list[Signal]:
        """Return every signal that has not recovered, of incidents that are not resolved."""
        with self._store.reading() as connection:
            return open_signals(connection)

    def recovered(self) -> dict[tuple[str, str, bool], int]:
        """Return when each rule and series recovered last."""
        with self._store.reading() as connection:
            rows = connection.execute(self._queries["last_recovered"]).fetchall()
        return {(row[0], row[1], bool(row[2])): row[3] for row in rows}

    def silences(self, now_us: int) -> list[Silence]:
        """Return the silences that hold."""
        with self._store.reading() as connection:
            return silences(connection, now_us)


# What follows is for use inside a ``Store.write`` job, so that an incident and what is to be delivered change together.


def unresolved(connection: sqlite3.Connection) -> list[Incident]:
    """Return open and acknowledged incidents, the newest first."""
    wanted = {"state": "unresolved", "limit": 1000}
    return [_incident(row) for row in connection.execute(load_queries("incidents")["list"], wanted)]


def find(connection: sqlite3.Connection, incident_id: str) -> Incident | None:
    """Return an incident by its whole id."""
    row = connection.execute(load_queries("incidents")["by_id"], (incident_id,)).fetchone()
    return None if row is None else _incident(row)


def open_signals(connection: sqlite3.Connection) -> list[Signal]:
    """Return every signal that has not recovered, of incidents that are not resolved."""
    return [_signal(row) for row in connection.execute(load_queries("incidents")["open_signals"])]


def signals_of(connection: sqlite3.Connection, incident_id: str) -> list[Signal]:
    """Return the rules that fired of an incident, the first one first."""
    return [_signal(row) for row in connection.execute(load_queries("incidents")["signals_of"], (incident_id,))]


def events_of(connection: sqlite3.Connection, incident_id: str) -> list[Event]:
    """Return an incident's timeline, the oldest first."""
    return [Event(*row) for row in connection.execute(load_queries("incidents")["events_of"], (incident_id,))]


def count(connection: sqlite3.Connection) -> int:
    """Return how many incidents there ever were."""
    return int(connection.execute(load_queries("incidents")["count"]).fetchone()[0])


def count_turns(connection: sqlite3.Connection, incident_id: str) -> int:
    """Return how many turns are linked to an incident."""
    return int(connection.execute(load_queries("incidents")["count_turns"], (incident_id,)).fetchone()[0])


def silences(connection: sqlite3.Connection, now_us: int) -> list[Silence]:
    """Return the silences that hold."""
    rows = connection.execute(load_queries("incidents")["silences"], (now_us,)).fetchall()
    return [Silence(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]


def put(connection: sqlite3.Connection, incident: Incident) -> None:
    """Write an incident, new or changed."""
    connection.execute(load_queries("incidents")["put"], msgspec.structs.astuple(incident))


def put_signal(connection: sqlite3.Connection, signal: Signal) -> None:
    """Write a signal, new or changed."""
    connection.execute(load_queries("incidents")["put_signal"], msgspec.structs.astuple(signal))


def add_event(connection: sqlite3.Connection, event: Event) -> None:
    """Add a line to a timeline."""
    connection.execute(load_queries("incidents")["add_event"], msgspec.structs.astuple(event))


def link_turns(connection: sqlite3.Connection, incident_id: str, turn_ids: Iterable[str]) -> None:
    """Link turns to an incident; those that are linked already stay so."""
    connection.executemany(load_queries("incidents")["link"], [(incident_id, one) for one in turn_ids])


def add_silence(connection: sqlite3.Connection, silence: Silence) -> None:
    """Write a silence."""
    connection.execute(load_queries("incidents")["add_silence"], msgspec.structs.astuple(silence))


def _incident(row: Sequence[object]) -> Incident:
    values = list(row)
    values[3] = bool(values[3])
    return Incident(*values)  # type: ignore[arg-type]  # columns in the order of the fields


def _signal(row: Sequence[object]) -> Signal:
    values = list(row)
    values[3] = bool(values[3])
    return Signal(*values)  # type: ignore[arg-type]  # columns in the order of the fields
