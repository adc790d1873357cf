"""Mail: plain text, one subject per incident, so that mail programs show it as one conversation."""

from __future__ import annotations

from pointsman.monitoring.incidents_notices import Told
from pointsman.monitoring.sinks.request import Mail
from pointsman.routing.sections_sinks import Email

_SUBJECT = 200


def request(told: Told, key: str, spec: Email, user: str | None, password: str | None) -> Mail:
    """Return the mail for a notice."""
    lines = [told.text, ""]
    lines += [f"{name}: {value}" for name, value in _facts(told) if value]
    return Mail(
        host=spec.host,
        port=spec.port,
        tls=spec.tls,
        sender=spec.sender,
        to=spec.to,
        subject=f"[{told.event}] {told.headline}"[:_SUBJECT],
        text="\n".join(lines) + "\n",
        key=key,
        user=user,
        password=password,
    )


def _facts(told: Told) -> list[tuple[str, str | None]]:
    affected = None if told.affected is None else f"{told.affected} of the newest {told.of} turns"
    return [
        ("Incident", told.incident),
        ("Severity", told.severity),
        ("About", told.subject),
        ("Affected", affected),
        ("Opened", told.opened_at),
        ("Resolved", told.resolved_at),
        ("By", told.who),
        ("Look", told.link),
    ]
