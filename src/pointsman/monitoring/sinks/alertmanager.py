"""Alertmanager's API v2: alerts that end by themselves unless they are posted again, which the incident book does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from pointsman.monitoring.incidents_notices import Told
from pointsman.monitoring.sinks.request import Post

_HOLDS: Final = timedelta(hours=1)


def request(told: Told, key: str, url: str) -> Post:
    """Return the request for a notice.

    The severity is a label, which is what routes go by. Labels name the alert: one that has become worse is another alert, so
    the one before is ended in the same request.
    """
    alerts = [_alert(told, key, told.severity, ends=told.resolved_at)]
    if told.event == "worse":
        alerts.append(_alert(told, key, "ticket", ends=told.at))
    place = url.rstrip("/")
    place = place if place.endswith("/api/v2/alerts") else f"{place}/api/v2/alerts"
    return Post(place, msgspec.json.encode(alerts), {"Content-Type": "application/json", "User-Agent": "pointsman"})


def _alert(told: Told, key: str, severity: str, ends: str | None) -> dict[str, Any]:
    holds = (datetime.fromisoformat(told.at) + _HOLDS).isoformat().replace("+00:00", "Z")
    return {
        "labels": {
            "alertname": "PointsmanIncident",
            "incident": told.incident,
            "severity": severity,
            "family": told.family,
            "subject": told.subject,
            "simulated": "true" if told.simulated else "false",
        },
        "annotations": {"summary": told.headline, "description": told.text, "key": key},
        "startsAt": told.opened_at,
        "endsAt": ends or holds,
        "generatorURL": told.link or "",
    }
