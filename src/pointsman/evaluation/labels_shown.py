"""What a labeller sees of an item: the conversation, and one reply or two whose makers are not told."""

from __future__ import annotations

import msgspec

from pointsman.domain.message import Message
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import NotFound, PointsmanError
from pointsman.evaluation.importers.cases_store import turn_of
from pointsman.store import Store
from pointsman.store.labels import Item, Labels, shown_swapped


class Shown(msgspec.Struct, frozen=True):
    """An item's content. ``b`` is None where one reply is labelled. ``makers``: the models of a and b, to be told afterwards."""

    messages: tuple[Message, ...]
    a: Reply
    b: Reply | None = None
    makers: tuple[str, str] = ("", "")
    case: str = ""

    def in_order(self, item: str, labeller: str) -> tuple[Reply, Reply | None, bool]:
        """Return the replies in the order for this labeller, and whether b comes first."""
        if self.b is None:
            return self.a, None, False
        swapped = shown_swapped(item, labeller)
        return (self.b, self.a, True) if swapped else (self.a, self.b, False)


_SHOWN = msgspec.json.Decoder(Shown)
_REPLY = msgspec.json.Decoder(Reply)


def encode_shown(shown: Shown) -> bytes:
    """Return content as it is kept."""
    return msgspec.json.encode(shown)


def decode_shown(content: bytes) -> Shown:
    """Return kept content.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _SHOWN.decode(content)


def shown_of(store: Store, item: Item) -> Shown:
    """Return what is shown of an item: what was kept with it, or what its turn holds.

    Raises:
        NotFound: the turn, its bodies or the shadow reply are gone.
    """
    try:
        if item.content is not None:
            return decode_shown(item.content)
        return _from_turn(store, item)
    except (PointsmanError, msgspec.DecodeError) as error:
        raise NotFound(f"item {item.id}: {error}") from None


def _from_turn(store: Store, item: Item) -> Shown:
    record = store.turn(item.turn_id or "")
    if record is None or not record.reply:
        raise NotFound(f"turn {item.turn_id}, or its reply, is not in the store any more")
    turn: Turn = turn_of(record)
    a = _REPLY.decode(record.reply)
    model = record.steps[-1].model if record.steps else record.decision.model
    if item.kind == "reply":
        return Shown(turn.messages, a, makers=(model, ""), case=record.id)
    shadow = Labels(store).shadow_reply(record.id)
    if shadow is None:
        raise NotFound(f"the shadow reply of turn {record.id} is not in the store any more")
    return Shown(turn.messages, a, _REPLY.decode(shadow[1]), (model, shadow[0] or ""), record.id)
