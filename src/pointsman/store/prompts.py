"""Prompt texts by content, and the history of what each label points to. Nothing is overwritten: history is the audit."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from typing import Literal

import msgspec

from pointsman.errors import StoreError
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

Action = Literal["save", "promote", "rollback"]


class Place(msgspec.Struct, frozen=True):
    """What a label belongs to. ``agent`` "" means every agent without a prompt of its own."""

    role: str
    agent: str
    label: str


class PromptChange(msgspec.Struct, frozen=True):
    """One change of a label. ``version`` None: since then the prompt below it counts (every agent's, else the shipped one)."""

    seq: int
    at_us: int
    role: str
    agent: str
    label: str
    action: Action
    version: str | None
    before: str | None
    actor: str
    reason: str


class PromptChanges:
    """Reads and writes prompts of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queries = load_queries("prompts")

    def newest(self) -> int:
        """Return the number of the newest change, 0 when there is none: it tells whether a cache is out of date."""
        with self._store.reading() as connection:
            return int(connection.execute(self._queries["newest_change"]).fetchone()[0])

    def in_force(self) -> dict[Place, PromptChange]:
        """Return the newest change of every place."""
        with self._store.reading() as connection:
            found = _changes(connection.execute(self._queries["in_force"]))
        return {Place(change.role, change.agent, change.label): change for change in found}

    def history(self, role: str, agent: str | None = None, limit: int = 1000) -> list[PromptChange]:
        """Return the changes of a role, newest first."""
        with self._store.reading() as connection:
            values = {"role": role, "agent": agent, "limit": limit}
            return _changes(connection.execute(self._queries["changes_of_role"], values))

    def text(self, version: str) -> str | None:
        """Return the text of a version, None when the store has none."""
        with self._store.reading() as connection:
            row = connection.execute(self._queries["text_of"], (version,)).fetchone()
        return None if row is None else str(row[0])

    def versions_like(self, prefix: str) -> list[str]:
        """Return the versions that begin with ``prefix``."""
        with self._store.reading() as connection:
            return [row[0] for row in connection.execute(self._queries["versions_like"], {"prefix": prefix})]

    def keep_texts(self, texts: Mapping[str, str]) -> None:
        """Store texts by version without pointing any label at them; those that are there stay."""
        missing = {version: text for version, text in texts.items() if self.text(version) is None}
        if missing:
            self._store.write_sync(lambda connection: self._keep(connection, missing))

    def point(self, place: Place, action: Action, version: str | None, text: str | None, who: tuple[str, str]) -> bool:
        """Let a label point to ``version``, whose ``text`` is stored with it; False when it did already.

        ``who`` is the actor and the reason.
        """

        def job(connection: sqlite3.Connection) -> bool:
            if version is not None and text is not None:
                self._keep(connection, {version: text})
            before = _stack(self._of(connection, place))
            if version == (before[-1] if before else None):
                return False
            self._add(connection, place, action, (version, before[-1] if before else None), who)
            return True

        return self._store.write_sync(job)

    def roll_back(self, place: Place, who: tuple[str, str]) -> tuple[str | None, str | None]:
        """Let a label point to what it pointed to before; return (from, to). Repeating it goes further back.

        Raises:
            StoreError: the label was never changed, or everything has been rolled back.
        """

        def job(connection: sqlite3.Connection) -> tuple[str | None, str | None]:
            stack = _stack(self._of(connection, place))
            if not stack:
                raise StoreError(
                    f"{place.role}: there is nothing to roll back under {place.label}; the shipped prompt is in force."
                )
            before, version = stack[-1], stack[-2] if len(stack) > 1 else None
            self._add(connection, place, "rollback", (version, before), who)
            return before, version

        return self._store.write_sync(job)

    def _of(self, connection: sqlite3.Connection, place: Place) -> list[PromptChange]:
        return _changes(connection.execute(self._queries["changes_of"], msgspec.structs.asdict(place)))

    def _keep(self, connection: sqlite3.Connection, texts: Mapping[str, str]) -> None:
        now = time.time_ns() // 1000
        for version, text in texts.items():
            stored = connection.execute(self._queries["text_of"], (version,)).fetchone()
            if stored is not None and stored[0] != text:
                raise StoreError(f"prompt {version}: two texts have the same version. Change a word and save again.")
            connection.execute(self._queries["keep_text"], (version, text, now))

    def _add(
        self,
        connection: sqlite3.Connection,
        place: Place,
        action: Action,
        versions: tuple[str | None, str | None],
        who: tuple[str, str],
    ) -> None:
        row = (time.time_ns() // 1000, place.role, place.agent, place.label, action, *versions, *who)
        connection.execute(self._queries["add_change"], row)


def _changes(cursor: sqlite3.Cursor) -> list[PromptChange]:
    names = [column[0] for column in cursor.description]
    return [PromptChange(**dict(zip(names, row, strict=True))) for row in cursor]


def _stack(changes: list[PromptChange]) -> list[str | None]:
    """Return the versions a label has been through and not been rolled back from; the last one is in force."""
    stack: list[str | None] = []
    for change in changes:
        if change.action == "rollback" and stack:
            stack.pop()
        else:
            stack.append(change.version)
    return stack
