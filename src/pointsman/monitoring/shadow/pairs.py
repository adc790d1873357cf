"""A chosen turn made ready: what was asked, what the customer got, and whether it can be checked at all."""

from __future__ import annotations

import re

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError
from pointsman.evaluation.importers.cases_store import turn_of
from pointsman.monitoring.shadow.access import has_attachment
from pointsman.store.store import Store

_REPLY = msgspec.json.Decoder(Reply)
_LEFT_OUT = re.compile(rb"\[\d+ (?:bytes|characters of an attachment), not kept")
"""What redaction writes in place of what it could not look through (``execution.privacy.redaction``)."""


class NotCheckable(Exception):
    """A turn that cannot be answered a second time; the words say why."""


class Shipped(msgspec.Struct, frozen=True):
    """A turn and what the customer got. ``models`` are those that had a part in the reply, the one that wrote it last."""

    record: TurnRecord
    turn: Turn
    reply: Reply
    models: tuple[str, ...]


def shipped_of(store: Store, turn_id: str, *, redacted: bool) -> Shipped:
    """Read a turn. ``redacted``: personal data are taken out of what is written.

    Raises:
        NotCheckable: it is gone, was not kept, or redaction has left too little of it.
        StoreError: the store cannot be read.
    """
    record = store.turn(turn_id)
    if record is None:
        raise NotCheckable("the turn was deleted")
    if not record.reply:
        raise NotCheckable("its reply was not kept")
    try:
        turn = msgspec.structs.replace(turn_of(record), metadata=record.metadata)  # whose lists hold is read from there
        reply = _REPLY.decode(record.reply)
    except (PointsmanError, msgspec.MsgspecError, ValueError) as error:
        raise NotCheckable(f"it cannot be read back: {error}"[:300]) from error
    if redacted and has_attachment(turn):
        raise NotCheckable("it brings an attachment, which redaction does not keep")
    if redacted and _LEFT_OUT.search(msgspec.json.encode((turn.messages, reply.parts))):
        raise NotCheckable("redaction has left out a part of it that was too long to be searched")
    models = [step.model for step in record.steps if step.status == "ok"] or [record.decision.model]
    return Shipped(record, turn, reply, tuple(dict.fromkeys(models)))
