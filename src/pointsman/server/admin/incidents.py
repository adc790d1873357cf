"""``/v1/incidents``: what goes wrong, and what operators do about it."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta

from pointsman.errors import Forbidden, RequestError
from pointsman.monitoring.incidents import known
from pointsman.monitoring.incidents_acting import Acting
from pointsman.monitoring.incidents_notices import iso
from pointsman.server.admin.routes import AdminAnswer, AdminCall
from pointsman.server.gateway.body import fields, typed
from pointsman.store.incidents import Incident, IncidentReader, Silence
from pointsman.store.outbox import deliveries

_STATES: Final = frozenset({"open", "acknowledged", "resolved", "unresolved", "all"})
_MOST: Final = 500


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(max_length=500)] = ""
    minutes: Annotated[int, Meta(ge=1, le=43_200)] = 60
    text: Annotated[str, Meta(min_length=1, max_length=20_000)] | None = None


_BODY: Final = msgspec.json.Decoder(_Body)


async def list_incidents(call: AdminCall, /) -> AdminAnswer:
    """Return incidents, the newest first; ``?state=`` open, acknowledged, resolved, unresolved (default) or all."""
    _operators_only(call)
    state = (parse_qs(call.query).get("state") or ["unresolved"])[-1]
    if state not in _STATES:
        raise RequestError(f"state: one of {', '.join(sorted(_STATES))}", param="state")
    reader = IncidentReader(call.router.store)
    found = reader.all(state=None if state == "all" else state, limit=_MOST)
    silences = [_silence(one) for one in reader.silences(_now_us())]
    return _answer({"object": "list", "data": [incident_json(one) for one in found], "silences": silences})


async def show_incident(call: AdminCall, /) -> AdminAnswer:
    """Return one incident with its evidence, timeline, turns and deliveries."""
    _operators_only(call)
    reader = IncidentReader(call.router.store)
    one = known(reader, call.args["incident"])
    timeline = [{**msgspec.structs.asdict(event), "at": iso(event.at_us)} for event in reader.timeline(one.id)]
    for event in timeline:
        del event["at_us"], event["incident_id"]
    signals = [
        {
            "rule": signal.rule,
            "series": signal.series,
            "first_at": iso(signal.first_us),
            "last_at": iso(signal.last_us),
            "recovered_at": None if signal.recovered_us is None else iso(signal.recovered_us),
            "evidence": msgspec.Raw(signal.evidence.encode()),
        }
        for signal in reader.signals(one.id)
    ]
    sent = [
        {
            "sink": delivery.sink,
            "event": delivery.event,
            "attempts": delivery.attempts,
            "delivered_at": None if delivery.delivered_us is None else iso(delivery.delivered_us),
            "error": delivery.error_text,
        }
        for delivery in deliveries(call.router.store, one.id)
    ]
    more = {"signals": signals, "timeline": timeline, "turns": reader.turns(one.id), "deliveries": sent}
    return _answer({**incident_json(one), **more})


async def acknowledge_incident(call: AdminCall, /) -> AdminAnswer:
    """Keep that somebody looks after it."""
    _body(call)
    one = await asyncio.to_thread(_acting(call).acknowledge, call.args["incident"], _who(call))
    return _answer(incident_json(one))


async def resolve_incident(call: AdminCall, /) -> AdminAnswer:
    """End it; ``reason`` goes into the timeline."""
    why = _body(call).reason or "resolved by hand"
    one = await asyncio.to_thread(_acting(call).resolve, call.args["incident"], _who(call), why)
    return _answer(incident_json(one))


async def silence_incident(call: AdminCall, /) -> AdminAnswer:
    """Tell nobody of its cause for ``minutes`` (default 60)."""
    body = _body(call)
    incident, seconds = call.args["incident"], body.minutes * 60
    until = await asyncio.to_thread(_acting(call).silence, incident, _who(call), seconds, body.reason)
    return _answer({"incident": incident, "silent_until": iso(until)})


async def note_incident(call: AdminCall, /) -> AdminAnswer:
    """Write the post-mortem: ``text``."""
    body = _body(call)
    if body.text is None:
        raise RequestError("text: the post-mortem is required", param="text")
    one = await asyncio.to_thread(_acting(call).note, call.args["incident"], _who(call), body.text)
    return _answer(incident_json(one))


def incident_json(one: Incident) -> dict[str, Any]:
    """Return an incident as clients read it."""
    return {
        "id": one.id,
        "title": one.title,
        "state": one.state,
        "severity": one.severity,
        "family": one.family,
        "subject": one.subject,
        "simulated": one.simulated,
        "opened_at": iso(one.opened_us),
        "acknowledged_at": None if one.acknowledged_us is None else iso(one.acknowledged_us),
        "resolved_at": None if one.resolved_us is None else iso(one.resolved_us),
        "note": one.note,
    }


def _silence(one: Silence) -> dict[str, Any]:
    said = msgspec.structs.asdict(one)
    said["until"] = iso(said.pop("until_us"))
    return said


def _body(call: AdminCall) -> _Body:
    _operators_only(call)
    if not call.body.strip():
        return _Body()
    fields(call.body)
    return typed(_BODY, call.body)


def _acting(call: AdminCall) -> Acting:
    return Acting(call.router.store, call.router.policy.monitors, _now_us())


def _operators_only(call: AdminCall) -> None:
    if call.key is not None and not call.key.operator:
        raise Forbidden("incidents are for operator keys: `pointsman keys create NAME --operator`")


def _who(call: AdminCall) -> str:
    return "operator" if call.key is None else call.key.name


def _now_us() -> int:
    return time.time_ns() // 1000


def _answer(value: object) -> AdminAnswer:
    return AdminAnswer(msgspec.json.encode(value))
