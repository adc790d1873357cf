"""Pairs out of shadow checks: the stronger model's reply set against the one that was shipped, where it was found better."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pointsman.domain.reply import Reply
from pointsman.store.shadow import Shadows
from pointsman.store.store import Store

_MOST = 1_000_000
_REPLY = msgspec.json.Decoder(Reply)


class ShadowPair(msgspec.Struct, frozen=True):
    """A better reply to a stored turn: whose it is, and who found it better (``shadow:judge``, ``shadow:rule``, ``:human``)."""

    turn_id: str
    reply: Reply
    model: str
    why: str
    simulated: bool


def shadow_pairs(store: Store) -> Iterator[ShadowPair]:
    """Yield the turns that needed a stronger model, oldest first; what a person said goes before what a judge found.

    Raises:
        StoreError: the store cannot be read.
    """
    shadows = Shadows(store)
    wanted = shadows.material_ids()
    for row in reversed(shadows.listed(state="judged", limit=_MOST)):
        if row.turn_id not in wanted or row.reply is None or row.model is None:
            continue
        try:
            reply = _REPLY.decode(row.reply)
        except msgspec.MsgspecError:
            continue
        by = row.decided_by if row.material and row.decided_by else "human"
        yield ShadowPair(row.turn_id, reply, row.model, f"shadow:{by}", row.simulated)
