"""What people do to incidents, from the command line, the API and the dashboard: each in one transaction with its notices."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from pointsman.errors import NotFound
from pointsman.monitoring.incidents import IncidentBook, Settings, known, silence, write_note
from pointsman.monitoring.incidents_notices import clean
from pointsman.routing.sections_monitors import Monitors
from pointsman.store import incidents as rows
from pointsman.store.incidents import Incident, IncidentReader, Silence
from pointsman.store.store import Store

_MINUTE_US = 60_000_000
_WHO, _REASON, _NOTE = 100, 500, 20_000


class Acting:
    """Acts on the incidents of one store, at one moment."""

    def __init__(self, store: Store, section: Monitors, now_us: int) -> None:
        self._store = store
        self._now_us = now_us
        self._book = IncidentBook(Settings(section.group * _MINUTE_US, section.sinks.all(), section.link))

    def acknowledge(self, incident_id: str, who: str) -> Incident:
        """Keep that somebody looks after it; one that is acknowledged or resolved already stays as it is.

        Raises:
            NotFound: there is no such incident.
            StoreError: the store cannot be written.
        """
        return self._change(incident_id, lambda c, one: self._book.acknowledge(c, one, self._now_us, who[:_WHO]))

    def resolve(self, incident_id: str, who: str, why: str) -> Incident:
        """End it; one that is resolved already stays as it is.

        Raises:
            NotFound: there is no such incident.
            StoreError: the store cannot be written.
        """

        def end(connection: sqlite3.Connection, one: Incident) -> Incident:
            if one.state == "resolved":
                return one
            return self._book.resolve(connection, one, self._now_us, who[:_WHO], why)

        return self._change(incident_id, end)

    def silence(self, incident_id: str, who: str, seconds: int, reason: str) -> int:
        """Tell nobody of its cause for so long; return until when, in Unix microseconds.

        Raises:
            NotFound: there is no such incident.
            StoreError: the store cannot be written.
        """
        until = self._now_us + seconds * 1_000_000

        def hush(connection: sqlite3.Connection, one: Incident) -> Incident:
            quiet = Silence(one.family, one.subject, one.simulated, until, who[:_WHO], clean(reason, _REASON))
            silence(connection, one, quiet, self._now_us)
            return one

        self._change(incident_id, hush)
        return until

    def note(self, incident_id: str, who: str, text: str) -> Incident:
        """Write the post-mortem.

        Raises:
            NotFound: there is no such incident.
            StoreError: the store cannot be written.
        """
        return self._change(incident_id, lambda c, one: write_note(c, one, text[:_NOTE], self._now_us, who[:_WHO]))

    def _change(self, incident_id: str, change: Callable[[sqlite3.Connection, Incident], Incident]) -> Incident:
        one = known(IncidentReader(self._store), incident_id)

        def write(connection: sqlite3.Connection) -> Incident | None:
            now = rows.find(connection, one.id)  # it may have changed since it was read
            return None if now is None else change(connection, now)

        found = self._store.write_sync(write)
        if found is None:
            raise NotFound(f"there is no incident {incident_id!r}", param="incident")
        return found
