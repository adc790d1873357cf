"""What a sink is told of an incident: figures and names of models, never what a customer or a model said."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

from pointsman.routing.sections_sinks import Alertmanager, Email, PagerDuty, Slack, Webhook
from pointsman.store.incidents import Incident

SinkSection = Webhook | Slack | PagerDuty | Alertmanager | Email

_ODD: Final = re.compile(r"[^\w .,:;/+%()<>=$±@#'-]")
_LONGEST: Final = 600


class Told(msgspec.Struct, frozen=True):
    """The body of a notice; the same for every sink, which puts it into its own words. Times are ISO 8601, UTC."""

    event: str
    incident: str
    title: str
    severity: str
    state: str
    family: str
    subject: str
    simulated: bool
    text: str
    opened_at: str
    at: str
    resolved_at: str | None = None
    rule: str = ""
    who: str = ""
    affected: int | None = None
    of: int | None = None
    turns: int = 0
    link: str | None = None

    @property
    def headline(self) -> str:
        """The title with what is special about it."""
        return f"[simulated] {self.title}" if self.simulated else self.title


def clean(text: str, longest: int = _LONGEST) -> str:
    """Return text from outside (a tool's name, an intent) without what could be markup or a control sign anywhere."""
    return _ODD.sub("?", text)[:longest]


def iso(at_us: int) -> str:
    """Return a moment in UTC, to the second."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")


def told(incident: Incident, event: str, now_us: int, text: str, **more: object) -> Told:
    """Return what is said of an incident now."""
    return Told(
        event=event,
        incident=incident.id,
        title=incident.title,
        severity=incident.severity,
        state=incident.state,
        family=incident.family,
        subject=incident.subject,
        simulated=incident.simulated,
        text=clean(text),
        opened_at=iso(incident.opened_us),
        at=iso(now_us),
        resolved_at=None if incident.resolved_us is None else iso(incident.resolved_us),
        **more,  # type: ignore[arg-type]  # fields of Told, by name
    )


def wants(sink: SinkSection, incident: Incident, event: str) -> bool:
    """Return whether a sink is to hear of this."""
    if incident.simulated and not sink.simulated:
        return False
    return incident.severity in sink.severities and (event == "refresh" or event in sink.events)
