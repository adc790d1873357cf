"""How conversations ended and what was said of turns: reported later, by ticket systems and people."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from pointsman.errors import NotFound, RequestError
from pointsman.store.money import from_pico, to_pico
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

T = TypeVar("T")


class OutcomeReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one report says. A field that is not given leaves what is known; None takes it back to unknown."""

    resolved: bool | UnsetType | None = UNSET
    escalated: bool | UnsetType | None = UNSET
    reopened: bool | UnsetType | None = UNSET
    csat: float | UnsetType | None = UNSET
    handoff_cost_usd: Decimal | UnsetType | None = UNSET
    source: str | UnsetType | None = UNSET


class Report(msgspec.Struct, frozen=True):
    """One report.

    ``id`` is the sender's own: the same one again changes nothing. ``unknown_ok``: the conversation may have no turn here yet.
    """

    conversation: str
    said: OutcomeReport
    at_us: int
    id: str | None = None
    unknown_ok: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What is known of how a conversation ended; None is unknown. ``csat`` runs from 1 to 5, ``at_us`` is the last report's."""

    conversation_id: str
    key_id: str | None
    resolved: bool | None
    escalated: bool | None
    reopened: bool | None
    csat: float | None
    handoff_cost_usd: Decimal | None
    source: str | None
    at_us: int


class Feedback(msgspec.Struct, frozen=True):
    """What someone said of one turn. ``route`` and ``intent`` are what would have been right."""

    id: str | None
    at_us: int
    source: str | None = None
    thumb: Literal["up", "down"] | None = None
    rating: int | None = None
    label: str | None = None
    comment: str | None = None
    route: str | None = None
    intent: str | None = None


class Sender(msgspec.Struct, frozen=True):
    """Who reports. ``key_id`` None is the operator, who may speak of every conversation."""

    key_id: str | None = None


class Outcomes:
    """Reads and writes outcomes and feedback of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queries = load_queries("outcomes")

    async def report(self, report: Report, sender: Sender) -> Outcome:
        """Keep a report and return what is known now.

        Raises:
            NotFound: there is no such conversation, or it is another key's.
            RequestError: the report's id was used for another conversation.
            StoreError: the store cannot be written.
        """
        key_id = self.owner(report.conversation, sender, unknown_ok=report.unknown_ok)
        return _not_twice(report.id, await self._store.write(lambda connection: self._add(connection, key_id, report)))

    def report_sync(self, report: Report) -> Outcome:
        """As ``report``, for the operator and for code without an event loop."""
        key_id = self.owner(report.conversation, Sender(), unknown_ok=report.unknown_ok)
        return _not_twice(report.id, self._store.write_sync(lambda connection: self._add(connection, key_id, report)))

    def outcome(self, conversation: str, sender: Sender | None = None) -> Outcome | None:
        """Return what is known of a conversation, None when nothing was reported.

        Raises:
            NotFound: there is no such conversation, or it is another key's.
        """
        key_id = self.owner(conversation, sender or Sender(), unknown_ok=True)
        with self._store.reading() as connection:
            found = _outcome(connection, self._queries, (key_id, conversation))
        if found is None:
            self.owner(conversation, sender or Sender(), unknown_ok=False)
        return found

    def of(self, conversation: str, key_id: str | None) -> Outcome | None:
        """Return what is known of the conversation of one key (None: turns for which no key was asked)."""
        with self._store.reading() as connection:
            return _outcome(connection, self._queries, (key_id or "", conversation))

    async def give(self, turn_id: str, said: Feedback, sender: Sender) -> bool:
        """Keep feedback on a turn; False when this feedback id is known already.

        Raises:
            NotFound: there is no such turn, or it is another key's.
            RequestError: the feedback's id was used for another turn.
        """
        key_id = self._turn_owner(turn_id, sender)
        new = await self._store.write(lambda connection: self._add_feedback(connection, turn_id, key_id, said))
        return _not_twice(said.id, new)

    def feedback(self, turn_id: str, sender: Sender | None = None) -> list[Feedback]:
        """Return the feedback on a turn, oldest first.

        Raises:
            NotFound: there is no such turn, or it is another key's.
        """
        self._turn_owner(turn_id, sender or Sender())
        with self._store.reading() as connection:
            rows = connection.execute(self._queries["feedback_of"], (turn_id,))
            return [Feedback(*row) for row in rows]

    def knows(self, conversation: str) -> bool:
        """Return whether a turn of this conversation is stored."""
        with self._store.reading() as connection:
            return bool(connection.execute(self._queries["keys_of_conversation"], (conversation,)).fetchone())

    def owner(self, conversation: str, sender: Sender, *, unknown_ok: bool) -> str:
        """Return the key a conversation belongs to, "" for none.

        Raises:
            NotFound: it has no turn here, none of this sender's, or is a name that several keys use.
        """
        with self._store.reading() as connection:
            keys = [row[0] for row in connection.execute(self._queries["keys_of_conversation"], (conversation,))]
        if sender.key_id is not None:
            if sender.key_id in keys or unknown_ok:
                return sender.key_id
        elif len(keys) == 1 or (not keys and unknown_ok):
            return str(keys[0]) if keys else ""
        elif keys:
            raise NotFound(
                f"conversation {conversation!r} is a name that {len(keys)} client keys use; report it with the key whose it is",
                param="conversation",
            )
        # The same words for another key's conversation: whether it exists is nobody else's business.
        raise NotFound(
            f"there is no conversation {conversation!r} here; send allow_unknown: true to report it all the same",
            param="conversation",
        )

    def _turn_owner(self, turn_id: str, sender: Sender) -> str:
        with self._store.reading() as connection:
            row = connection.execute(self._queries["key_of_turn"], (turn_id,)).fetchone()
        if row is None or (sender.key_id is not None and row[0] != sender.key_id):
            raise NotFound(f"there is no turn {turn_id!r} here", param="turn")
        return str(row[0])

    def _add(self, connection: sqlite3.Connection, key_id: str, report: Report) -> Outcome | None:
        place = (key_id, report.conversation)
        if report.id is not None:
            known = connection.execute(self._queries["report_by_id"], (key_id, report.id)).fetchone()
            if known is not None:
                return _outcome(connection, self._queries, place) if known[0] == report.conversation else None
        fields = msgspec.json.encode(report.said).decode()
        row = (*place, report.id, report.at_us, time.time_ns() // 1000, fields)
        connection.execute(self._queries["add_report"], row)
        reports = connection.execute(self._queries["reports_of"], place).fetchall()
        connection.execute(self._queries["put_outcome"], _merged(place, reports))
        return _outcome(connection, self._queries, place)

    def _add_feedback(self, connection: sqlite3.Connection, turn_id: str, key_id: str, said: Feedback) -> bool | None:
        if said.id is not None:
            known = connection.execute(self._queries["feedback_by_id"], (key_id, said.id)).fetchone()
            if known is not None:
                return False if known[0] == turn_id else None
        row = (turn_id, key_id, said.id, said.at_us, time.time_ns() // 1000, said.source)
        said_of = (said.thumb, said.rating, said.label, said.comment, said.route, said.intent)
        connection.execute(self._queries["add_feedback"], (*row, *said_of))
        return True


def _not_twice(given: str | None, result: T | None) -> T:
    if result is None:
        raise RequestError(f"id: {given!r} was used for something else before; an id names one report", param="id")
    return result


def _merged(place: tuple[str, str], reports: list[tuple[int, str]]) -> tuple[Any, ...]:
    """Return the row that reports in the order of their time add up to, so that a late one cannot undo a newer word."""
    said: dict[str, Any] = dict.fromkeys(OutcomeReport.__struct_fields__)
    for _, fields in reports:
        one = msgspec.structs.asdict(msgspec.json.decode(fields, type=OutcomeReport))
        said.update({name: value for name, value in one.items() if value is not UNSET})
    return (
        place[1],
        place[0],
        said["resolved"],
        said["escalated"],
        said["reopened"],
        said["csat"],
        to_pico(said["handoff_cost_usd"]),
        said["source"],
        reports[-1][0],
    )


def _outcome(connection: sqlite3.Connection, queries: Mapping[str, str], place: tuple[str, str]) -> Outcome | None:
    row = connection.execute(queries["outcome_of"], (place[1], place[0])).fetchone()
    if row is None:
        return None
    resolved, escalated, reopened = (None if value is None else bool(value) for value in row[2:5])
    return Outcome(row[0], row[1] or None, resolved, escalated, reopened, row[5], from_pico(row[6]), row[7], row[8])
