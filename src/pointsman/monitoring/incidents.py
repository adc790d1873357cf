"""From findings to incidents: one per cause, opened and resolved by evidence, told to sinks through the outbox.

Everything that changes is changed in one transaction, and the notices are written in it: whoever is killed, an incident and
what is to be said of it go together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from pointsman.errors import NotFound
from pointsman.monitoring.incidents_cause import ALL, Cause, provider_of
from pointsman.monitoring.incidents_notices import SinkSection, clean, iso, told, wants
from pointsman.monitoring.monitors.finding import Finding
from pointsman.routing.sections_sinks import Alertmanager
from pointsman.store import incidents as rows
from pointsman.store.incidents import Event, EventKind, Incident, IncidentReader, Signal, Silence
from pointsman.store.outbox import Notice, enqueue, last_told_us
from pointsman.store.outbox import told as sinks_told

_MINUTE_US: Final = 60_000_000
_REFRESH_US: Final = 20 * _MINUTE_US
_RANK: Final = {"ticket": 0, "page": 1}
_FAMILIES: Final = {
    "service": "Service",
    "quality": "Quality",
    "routing": "Routing",
    "money": "Money",
    "provider": "Provider",
    "input": "Questions",
}


class Settings(msgspec.Struct, frozen=True):
    """What holds for all incidents: how long one takes others in, who is told, and where the dashboard is."""

    group_us: int
    sinks: Mapping[str, SinkSection]
    link: str | None = None


class Judged(msgspec.Struct, frozen=True):
    """A finding and what is behind it; ``cause`` is None where it does not fire."""

    finding: Finding
    simulated: bool
    cause: Cause | None = None


class Changed(msgspec.Struct):
    """What one evaluation did, for the log and for tests."""

    opened: list[str] = []
    joined: list[str] = []
    resolved: list[str] = []


class IncidentBook:
    """Opens, joins and resolves incidents of one store."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def apply(self, connection: sqlite3.Connection, judged: Iterable[Judged], now_us: int) -> Changed:
        """Bring the incidents to what was found; for a ``Store.write`` job."""
        changed = Changed()
        for one in judged:
            if one.finding.state == "firing":
                self._fires(connection, one, now_us, changed)
            elif one.finding.state == "recovered":
                self._recovers(connection, one, now_us)
        self._close(connection, now_us, changed)
        self._tell_the_open(connection, now_us)
        return changed

    def withdraw(self, connection: sqlite3.Connection, rules: frozenset[str], now_us: int) -> None:
        """End the signals of rules that the policy no longer has; nothing else would ever end them."""
        for signal in rows.open_signals(connection):
            if signal.rule not in rules:
                self._end(connection, signal, now_us, f"{signal.rule}: the policy no longer has this rule")

    def _fires(self, connection: sqlite3.Connection, one: Judged, now_us: int, changed: Changed) -> None:
        finding = one.finding
        place = (finding.rule, finding.series, one.simulated)
        known = next((s for s in rows.open_signals(connection) if (s.rule, s.series, s.simulated) == place), None)
        if known is not None:
            rows.put_signal(connection, msgspec.structs.replace(known, last_us=now_us))
            incident = rows.find(connection, known.incident_id)
            if incident is not None:
                self._worsen(connection, incident, finding, now_us)
            return
        cause = one.cause or Cause(ALL)
        incident = self._joinable(connection, one, cause, now_us)
        if incident is None:
            incident = self._open(connection, one, cause, now_us)
            changed.opened.append(incident.id)
        else:
            incident = self._join(connection, incident, one, cause, now_us)
            changed.joined.append(incident.id)
        evidence = {**msgspec.to_builtins(finding), "affected": cause.affected, "of": cause.of}
        signal = Signal(
            incident.id,
            finding.rule,
            finding.series,
            one.simulated,
            now_us,
            now_us,
            None,
            msgspec.json.encode(evidence).decode(),
        )
        rows.put_signal(connection, signal)
        rows.link_turns(connection, incident.id, cause.turn_ids)

    def _joinable(self, connection: sqlite3.Connection, one: Judged, cause: Cause, now_us: int) -> Incident | None:
        last: dict[str, int] = {}
        for signal in rows.open_signals(connection):
            last[signal.incident_id] = max(last.get(signal.incident_id, 0), signal.last_us)
        for incident in rows.unresolved(connection):
            near = now_us - last.get(incident.id, incident.opened_us) <= self.settings.group_us
            same = incident.family == one.finding.family and incident.simulated == one.simulated
            if same and near and related(incident.subject, cause.subject):
                return incident
        return None

    def _open(self, connection: sqlite3.Connection, one: Judged, cause: Cause, now_us: int) -> Incident:
        finding = one.finding
        incident = Incident(
            id=f"inc_{now_us // 1_000_000:x}{rows.count(connection):03x}",
            family=finding.family,
            subject=cause.subject,
            simulated=one.simulated,
            severity=finding.severity,
            state="open",
            title=_title(finding, cause.subject),
            opened_us=now_us,
        )
        rows.put(connection, incident)
        rows.add_event(connection, Event(incident.id, now_us, "opened", "", _because(finding, cause)))
        return incident

    def _join(
        self, connection: sqlite3.Connection, incident: Incident, one: Judged, cause: Cause, now_us: int
    ) -> Incident:
        subject = joined(incident.subject, cause.subject)
        if subject != incident.subject:
            incident = msgspec.structs.replace(incident, subject=subject, title=_title(one.finding, subject))
            rows.put(connection, incident)
        rows.add_event(connection, Event(incident.id, now_us, "joined", "", _because(one.finding, cause)))
        return self._worsen(connection, incident, one.finding, now_us)

    def _worsen(self, connection: sqlite3.Connection, incident: Incident, finding: Finding, now_us: int) -> Incident:
        if _RANK[finding.severity] <= _RANK[incident.severity]:
            return incident
        before = sinks_told(connection, incident.id)
        worse = msgspec.structs.replace(incident, severity=finding.severity)
        rows.put(connection, worse)
        rows.add_event(connection, Event(incident.id, now_us, "worse", "", clean(finding.text)))
        if not _quiet(connection, worse, now_us):
            self._tell(connection, worse, "worse", now_us, finding.text, only=before)
        return worse

    def _recovers(self, connection: sqlite3.Connection, one: Judged, now_us: int) -> None:
        place = (one.finding.rule, one.finding.series, one.simulated)
        for signal in rows.open_signals(connection):
            if (signal.rule, signal.series, signal.simulated) == place:
                self._end(connection, signal, now_us, f"{one.finding.rule}: {one.finding.text}")

    def _end(self, connection: sqlite3.Connection, signal: Signal, now_us: int, text: str) -> None:
        rows.put_signal(connection, msgspec.structs.replace(signal, recovered_us=now_us))
        rows.add_event(connection, Event(signal.incident_id, now_us, "recovered", "", clean(text)))

    def _close(self, connection: sqlite3.Connection, now_us: int, changed: Changed) -> None:
        going_on = {signal.incident_id for signal in rows.open_signals(connection)}
        for incident in rows.unresolved(connection):
            if incident.id not in going_on:
                self.resolve(connection, incident, now_us, "", "every rule that fired shows recovery")
                changed.resolved.append(incident.id)

    def resolve(self, connection: sqlite3.Connection, incident: Incident, now_us: int, who: str, text: str) -> Incident:
        """End an incident. What its rules counted until now is not held against them again."""
        for signal in rows.open_signals(connection):
            if signal.incident_id == incident.id:
                rows.put_signal(connection, msgspec.structs.replace(signal, recovered_us=now_us))
        done = msgspec.structs.replace(incident, state="resolved", resolved_us=now_us)
        rows.put(connection, done)
        rows.add_event(connection, Event(incident.id, now_us, "resolved", who, clean(text)))
        self._tell(connection, done, "resolved", now_us, text, only=sinks_told(connection, incident.id), who=who)
        return done

    def acknowledge(self, connection: sqlite3.Connection, incident: Incident, now_us: int, who: str) -> Incident:
        """Keep that somebody looks after it."""
        if incident.state != "open":
            return incident
        taken = msgspec.structs.replace(incident, state="acknowledged", acknowledged_us=now_us)
        rows.put(connection, taken)
        rows.add_event(connection, Event(incident.id, now_us, "acknowledged", who, ""))
        only = sinks_told(connection, incident.id)
        self._tell(connection, taken, "acknowledged", now_us, "somebody looks after it", only=only, who=who)
        return taken

    def _tell_the_open(self, connection: sqlite3.Connection, now_us: int) -> None:
        """Tell every sink of every incident that it has not heard of: new ones, and those whose silence is over."""
        for incident in rows.unresolved(connection):
            if _quiet(connection, incident, now_us):
                continue
            first = next((e for e in rows.events_of(connection, incident.id) if e.kind == "opened"), None)
            self._tell(connection, incident, "opened", now_us, first.text if first else incident.title)
            self._refresh(connection, incident, now_us)

    def _refresh(self, connection: sqlite3.Connection, incident: Incident, now_us: int) -> None:
        """Post to Alertmanagers again: they take an alert for over that nobody repeats."""
        for name, sink in self.settings.sinks.items():
            last = last_told_us(connection, incident.id, name) if isinstance(sink, Alertmanager) else None
            if last is not None and now_us - last >= _REFRESH_US and wants(sink, incident, "refresh"):
                self._line_up(connection, name, incident, "refresh", now_us, incident.title)

    def _tell(  # noqa: PLR0913 - what happened, to what, when, in which words, to whom and by whom
        self,
        connection: sqlite3.Connection,
        incident: Incident,
        event: str,
        now_us: int,
        text: str,
        *,
        only: set[str] | None = None,
        who: str = "",
    ) -> None:
        for name, sink in self.settings.sinks.items():
            if wants(sink, incident, event) and (only is None or name in only):
                self._line_up(connection, name, incident, event, now_us, text, who)

    def _line_up(  # noqa: PLR0913, PLR0917 - as above
        self,
        connection: sqlite3.Connection,
        sink: str,
        incident: Incident,
        event: str,
        now_us: int,
        text: str,
        who: str = "",
    ) -> None:
        link = None if self.settings.link is None else f"{self.settings.link.rstrip('/')}/incidents/{incident.id}"
        first = _first_evidence(connection, incident.id)
        body = told(incident, event, now_us, text, who=clean(who, 100), link=link, **first)
        mark = "" if event in {"opened", "worse", "acknowledged", "resolved"} else f":{now_us // _REFRESH_US}"
        notice = Notice(
            f"{incident.id}:{event}{mark}:{sink}", sink, incident.id, event, msgspec.json.encode(body).decode()
        )
        enqueue(connection, notice, now_us)


def related(one: str, other: str) -> bool:
    """Return whether two subjects may be one cause: the same, all, or a model and its provider, or two models of one."""
    return ALL in {one, other} or provider_of(one) == provider_of(other)


def joined(one: str, other: str) -> str:
    """Return the subject of an incident that another one joins."""
    if one in {other, ALL}:
        return one
    return one if other == ALL else provider_of(one)


def silence(connection: sqlite3.Connection, incident: Incident, quiet: Silence, now_us: int) -> None:
    """Keep quiet about an incident's cause; what is said by then is that it still goes on, if it does."""
    rows.add_silence(connection, quiet)
    text = f"until {iso(quiet.until_us)}" + (f": {quiet.reason}" if quiet.reason else "")
    rows.add_event(connection, Event(incident.id, now_us, "silenced", quiet.who, text))


def write_note(connection: sqlite3.Connection, incident: Incident, note: str, now_us: int, who: str) -> Incident:
    """Write the post-mortem; an earlier one is replaced, and the timeline says so."""
    noted = msgspec.structs.replace(incident, note=note)
    rows.put(connection, noted)
    kind: EventKind = "note"
    rows.add_event(connection, Event(incident.id, now_us, kind, who, "post-mortem written"))
    return noted


def known(reader: IncidentReader, incident_id: str) -> Incident:
    """Return an incident.

    Raises:
        NotFound: there is none, or several begin so.
    """
    found = reader.one(incident_id)
    if found is None:
        raise NotFound(
            f"there is no incident {incident_id!r}; `pointsman incidents list` shows their ids", param="incident"
        )
    return found


def _quiet(connection: sqlite3.Connection, incident: Incident, now_us: int) -> bool:
    return any(
        quiet.family == incident.family
        and quiet.simulated == incident.simulated
        and related(quiet.subject, incident.subject)
        for quiet in rows.silences(connection, now_us)
    )


def _title(finding: Finding, subject: str) -> str:
    where = "" if subject == ALL else f" at {clean(subject, 100)}"
    return f"{_FAMILIES.get(finding.family, finding.family)}{where}: {clean(finding.rule, 64)}"


def _because(finding: Finding, cause: Cause) -> str:
    part = f"; {cause.affected} of the newest {cause.of} turns" if cause.of else ""
    of = f" of {clean(finding.series, 64)}" if finding.series not in {"", cause.subject} else ""
    return clean(f"{finding.rule}{of}: {finding.text}{part}")


def _first_evidence(connection: sqlite3.Connection, incident_id: str) -> dict[str, object]:
    signals = rows.signals_of(connection, incident_id)
    if not signals:
        return {}
    evidence = msgspec.json.decode(signals[0].evidence)
    return {
        "rule": signals[0].rule,
        "affected": evidence.get("affected") or None,
        "of": evidence.get("of") or None,
        "turns": rows.count_turns(connection, incident_id),
    }
