"""What was promoted and rolled back, and which trials were ended. Nothing is overwritten: history is the audit."""

from __future__ import annotations

import sqlite3
import time
from typing import Any, Literal

import msgspec

from pointsman.store.sql import load_queries
from pointsman.store.store import Store

Kind = Literal["model", "policy", "prompt"]
Change = tuple[str, str | None, str | None]
"""Where something was changed, what stood there, what stands there now; None: nothing, the one below it counts."""


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """One promotion or rollback. ``gate`` is the verdict it rests on; None: there was none, and it was forced.

    ``policy_file`` is an absolute path, "" for prompts. ``before_text`` and ``after_text`` are the whole policy file.
    ``undoes`` is the seq of the promotion that a rollback takes back. ``seq`` and ``at_us`` are set when it is kept.
    """

    action: Literal["promote", "rollback"]
    kind: Kind
    actor: str
    reason: str
    changes: tuple[Change, ...]
    policy_file: str = ""
    before_version: str | None = None
    after_version: str | None = None
    before_text: str | None = None
    after_text: str | None = None
    gate: dict[str, Any] | None = None
    forced: bool = False
    simulated: bool = False
    undoes: int | None = None
    seq: int = 0
    at_us: int = 0


class TrialChange(msgspec.Struct, frozen=True):
    """A trial was ended (``stop``) or begun again (``start``)."""

    seq: int
    at_us: int
    trial: str
    action: Literal["stop", "start"]
    actor: str
    reason: str
    incident: str | None = None


class Promotions:
    """Reads and writes the history of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queries = load_queries("promotions")

    def add(self, promotion: Promotion) -> int:
        """Keep a promotion or rollback; return its seq."""
        row = msgspec.structs.asdict(promotion) | {"at_us": time.time_ns() // 1000}
        row["changes"] = msgspec.json.encode(promotion.changes).decode()
        row["gate"] = None if promotion.gate is None else msgspec.json.encode(promotion.gate).decode()
        return int(self._store.write_sync(lambda c: c.execute(self._queries["add"], row).lastrowid or 0))

    def standing(self, policy_file: str) -> Promotion | None:
        """Return the newest promotion of this file, or of a prompt, that was not taken back."""
        with self._store.reading() as connection:
            found = _promotions(connection.execute(self._queries["newest_standing"], {"policy_file": policy_file}))
        return found[0] if found else None

    def history(self, limit: int = 50) -> list[Promotion]:
        """Return the newest promotions and rollbacks, newest first."""
        with self._store.reading() as connection:
            return _promotions(connection.execute(self._queries["history"], (limit,)))

    def change_trial(
        self, trial: str, action: Literal["stop", "start"], who: tuple[str, str], incident: str | None = None
    ) -> bool:
        """End a trial or begin it again; False: it stands so already. ``who`` is the actor and the reason."""

        def job(connection: sqlite3.Connection) -> bool:
            known = {one.trial: one.action for one in _trials(connection.execute(self._queries["trials"]))}
            if known.get(trial, "start") == action:
                return False
            row = (time.time_ns() // 1000, trial, action, *who, incident)
            connection.execute(self._queries["add_trial_change"], row)
            return True

        return self._store.write_sync(job)

    def trials(self) -> dict[str, TrialChange]:
        """Return the newest change of each trial that was ever ended."""
        with self._store.reading() as connection:
            return {one.trial: one for one in _trials(connection.execute(self._queries["trials"]))}

    def trial_history(self, limit: int = 50) -> list[TrialChange]:
        """Return the newest changes of trials, newest first."""
        with self._store.reading() as connection:
            return _trials(connection.execute(self._queries["trial_history"], (limit,)))


def stopped(trials: dict[str, TrialChange]) -> frozenset[str]:
    """Return the trials that are over."""
    return frozenset(name for name, change in trials.items() if change.action == "stop")


def _promotions(cursor: sqlite3.Cursor) -> list[Promotion]:
    names = [column[0] for column in cursor.description]
    found = []
    for row in cursor:
        values = dict(zip(names, row, strict=True))
        values["changes"] = msgspec.json.decode(values["changes"], type=tuple[Change, ...])
        values["gate"] = None if values["gate"] is None else msgspec.json.decode(values["gate"])
        values["forced"], values["simulated"] = bool(values["forced"]), bool(values["simulated"])
        found.append(Promotion(**values))
    return found


def _trials(cursor: sqlite3.Cursor) -> list[TrialChange]:
    names = [column[0] for column in cursor.description]
    return [TrialChange(**dict(zip(names, row, strict=True))) for row in cursor]
