"""``/v1/conversations/{id}/outcome`` and ``/v1/turns/{id}/feedback``: how it ended, told by ticket systems and people."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from pointsman.errors import RequestError
from pointsman.server.admin.routes import AdminAnswer, AdminCall
from pointsman.server.gateway.body import bad, fields, typed
from pointsman.store.outcome_body import Moment, OutcomeBody, iso, moment, redacted_body, report_of
from pointsman.store.outcomes import Feedback, Outcome, Outcomes, Sender

_SHORT: Final = 100
_LONG: Final = 4000

_Name = Annotated[str, Meta(min_length=1, max_length=_SHORT)]


class _FeedbackBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    at: Moment | None = None
    source: _Name | None = None
    thumb: Literal["up", "down"] | None = None
    rating: Annotated[int, Meta(ge=1, le=5)] | None = None
    label: _Name | None = None
    comment: Annotated[str, Meta(min_length=1, max_length=_LONG)] | None = None
    route: _Name | None = None
    intent: _Name | None = None


_OUTCOME: Final = msgspec.json.Decoder(OutcomeBody)
_FEEDBACK: Final = msgspec.json.Decoder(_FeedbackBody)


async def report_outcome(call: AdminCall, /) -> AdminAnswer:
    """Keep what is said of a conversation; fields that are not named stay as they were."""
    fields(call.body)
    body = typed(_OUTCOME, call.body)
    if call.router.redactor is not None:
        body = redacted_body(body, call.router.redactor.text)
    report = report_of(call.router.stored_name(call.args["conversation"]), body)
    outcome = await Outcomes(call.router.store).report(report, Sender(call.key_id))
    return AdminAnswer(msgspec.json.encode(outcome_json(outcome)))


async def show_outcome(call: AdminCall, /) -> AdminAnswer:
    """Return what is known of a conversation; null where nothing was said."""
    conversation = call.router.stored_name(call.args["conversation"])
    found = Outcomes(call.router.store).outcome(conversation, Sender(call.key_id))
    found = found or Outcome(conversation, call.key_id, None, None, None, None, None, None, 0)
    return AdminAnswer(msgspec.json.encode(outcome_json(found)))


async def give_feedback(call: AdminCall, /) -> AdminAnswer:
    """Keep what someone says of one turn."""
    fields(call.body)
    body = typed(_FEEDBACK, call.body)
    said = {name: getattr(body, name) for name in ("source", "thumb", "rating", "label", "comment", "route", "intent")}
    if all(value is None for name, value in said.items() if name != "source"):
        names = ", ".join(name for name in said if name != "source")
        raise RequestError(f"the body says nothing of the turn; name one or more of {names}")
    redactor = call.router.redactor
    given = body.id
    if redactor is not None:
        said = {name: redactor.value(value) for name, value in said.items()}
        given = None if given is None else redactor.text(given)
    routes = call.router.policy.routes
    if body.route is not None and body.route not in routes:
        raise bad("route", f"the policy has no route {body.route!r}; it has {', '.join(routes)}")
    feedback = Feedback(given, moment(body.at), **said)
    outcomes = Outcomes(call.router.store)
    new = await outcomes.give(call.args["turn"], feedback, Sender(call.key_id))
    return AdminAnswer(msgspec.json.encode({"turn": call.args["turn"], "new": new}), 201 if new else 200)


async def show_feedback(call: AdminCall, /) -> AdminAnswer:
    """Return all feedback on one turn, oldest first."""
    found = Outcomes(call.router.store).feedback(call.args["turn"], Sender(call.key_id))
    listed = [{**msgspec.structs.asdict(one), "at": iso(one.at_us)} for one in found]
    for one in listed:
        del one["at_us"]
    return AdminAnswer(msgspec.json.encode({"turn": call.args["turn"], "feedback": listed}))


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as clients read it."""
    cost = outcome.handoff_cost_usd
    return {
        "conversation": outcome.conversation_id,
        "resolved": outcome.resolved,
        "escalated": outcome.escalated,
        "reopened": outcome.reopened,
        "csat": outcome.csat,
        "handoff_cost_usd": None if cost is None else msgspec.Raw(format(cost.normalize(), "f").encode()),
        "source": outcome.source,
        "at": iso(outcome.at_us) if outcome.at_us else None,
    }
