"""PagerDuty's Events API v2: one alert per incident, by its deduplication key."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pointsman.monitoring.incidents_notices import Told
from pointsman.monitoring.sinks.request import Post

_ACTION: Final = {"opened": "trigger", "worse": "trigger", "acknowledged": "acknowledge", "resolved": "resolve"}
_SEVERITY: Final = {"page": "critical", "ticket": "warning"}
_SUMMARY: Final = 1024


def request(told: Told, key: str, url: str, routing_key: str) -> Post:
    """Return the request for a notice."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": _ACTION.get(told.event, "trigger"),
        "dedup_key": told.incident,
    }
    if event["event_action"] == "trigger":
        event["payload"] = {
            "summary": f"{told.headline}: {told.text}"[:_SUMMARY],
            "source": told.subject,
            "severity": _SEVERITY[told.severity],
            "timestamp": told.opened_at,
            "component": told.subject,
            "group": told.family,
            "class": told.rule,
            "custom_details": {
                "evidence": told.text,
                "simulated": told.simulated,
                "affected_turns": told.affected,
                "of_newest_turns": told.of,
                "key": key,
            },
        }
        event["client"] = "Pointsman"
        if told.link:
            event["client_url"] = told.link
            event["links"] = [{"href": told.link, "text": "Incident"}]
    headers = {"Content-Type": "application/json", "User-Agent": "pointsman", "Idempotency-Key": key}
    return Post(url, msgspec.json.encode(event), headers)
