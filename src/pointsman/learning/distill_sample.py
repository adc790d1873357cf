"""A recorded turn on its way into a training set: what was asked, what was answered, and where it comes from."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from pointsman.domain.message import Message
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.importers.cases_store import turn_of
from pointsman.store.outcomes import Feedback, Outcome

_REPLY = msgspec.json.Decoder(Reply)


class Provenance(msgspec.Struct, frozen=True):
    """Where a line comes from. ``prompts`` are the versions of the prompts it was made with, ``policy`` that of the policy.

    ``conversation`` is a keyed hash: it joins the lines of one conversation and tells nothing else. ``at`` is the day in UTC,
    None where it is not known. For an answer out of a replay ``turn`` is its case, and the route ``replay``.
    """

    turn: str
    conversation: str
    model: str
    route: str
    policy: str
    prompts: tuple[str, ...]
    at: str | None
    licence: str
    consent: str


class Sample(msgspec.Struct, frozen=True):
    """A turn with its reply, what was reported of it, and how its answering call went. ``reply`` is None where it failed."""

    record: TurnRecord
    turn: Turn
    reply: Reply | None
    model: str
    feedback: tuple[Feedback, ...] = ()
    outcome: Outcome | None = None

    @property
    def said(self) -> Message:
        """The reply as a message of the conversation."""
        return Message("assistant", self.reply.parts if self.reply is not None else ())


class Unreadable(Exception):
    """The bodies of a turn were not kept, or cannot be read."""


def sample_of(record: TurnRecord, feedback: tuple[Feedback, ...], outcome: Outcome | None) -> Sample:
    """Return a record as a sample.

    Raises:
        Unreadable: the bodies were not kept, or cannot be read.
    """
    try:
        turn = turn_of(record)
        reply = _REPLY.decode(record.reply) if record.reply else None
    except Exception as error:
        raise Unreadable(str(error)) from error
    step = answering_step(record)
    return Sample(record, turn, reply, record.decision.model if step is None else step.model, feedback, outcome)


def answering_step(record: TurnRecord) -> StepRecord | None:
    """Return the call whose reply the customer got."""
    return next((step for step in reversed(record.steps) if step.purpose == "reply" and step.status == "ok"), None)


def provenance_of(sample: Sample, conversation: str, licence: str, consent: str) -> Provenance:
    """Return where a sample comes from."""
    record = sample.record
    return Provenance(
        turn=record.id,
        conversation=conversation,
        model=sample.model,
        route=record.decision.route,
        policy=record.decision.policy,
        prompts=tuple(dict.fromkeys(step.prompt for step in record.steps if step.prompt is not None)),
        at=datetime.fromtimestamp(record.at_us / 1e6, UTC).strftime("%Y-%m-%d"),
        licence=licence,
        consent=consent,
    )
