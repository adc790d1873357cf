"""How shadow checks stand, and single ones with both replies beside each other: for the command line and the pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from pointsman.domain.reply import Reply
from pointsman.errors import NotFound, PointsmanError, StoreError
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import Slice
from pointsman.monitoring.shadow.purse import Purse, purse_of
from pointsman.routing.sections_shadow import ShadowBudget, ShadowSection
from pointsman.store.cursors import read_cursor
from pointsman.store.shadow import CURSOR, Shadows
from pointsman.store.shadow_rows import ShadowRow
from pointsman.store.store import Store

_REPLY = msgspec.json.Decoder(Reply)
_LOOKED_AT = 100


class Standing(msgspec.Struct, frozen=True):
    """How shadow checks stand. ``behind``: stored turns that the sampler has not looked at; None: it has never run.

    ``states`` counts checks by state and why they were chosen. ``on``: the policy asks for checks.
    """

    on: bool
    behind: int | None
    states: dict[tuple[str, str], int]
    purse: Purse
    section: ShadowSection | None = None

    def count(self, state: str) -> int:
        """Return how many checks are in a state."""
        return sum(n for (name, _), n in self.states.items() if name == state)

    @property
    def chosen(self) -> int:
        """How many turns were chosen in all."""
        return sum(self.states.values())


class Pair(msgspec.Struct, frozen=True):
    """A check with what the customer was told and what the stronger model said. None: not kept, or not there (yet)."""

    row: ShadowRow
    asked: str | None
    shipped: Reply | None
    shadow: Reply | None
    shipped_model: str | None
    route: str | None
    intent: str | None
    conversation_id: str | None
    at_us: int | None
    detail: dict[str, Any]


def standing(store: Store, section: ShadowSection | None, now: datetime, board: Board | None = None) -> Standing:
    """Return how the checks of a store stand under a policy's section; with a board they are counted from the columns, fast.

    Raises:
        StoreError: the store cannot be read.
    """
    shadows = Shadows(store)
    budget = ShadowBudget() if section is None else section.budget
    place = read_cursor(store, CURSOR)
    behind = None if place is None else shadows.behind(place)
    states = shadows.states() if board is None else _states(board)
    return Standing(section is not None, behind, states, purse_of(shadows, budget, now, simulated=None), section)


def _states(board: Board) -> dict[tuple[str, str], int]:
    rows = board.rows("SELECT state, why, count(*) AS n FROM shadow GROUP BY ALL ORDER BY ALL")
    return {(row["state"], row["why"]): row["n"] for row in rows}


def pair(store: Store, turn_id: str) -> Pair:
    """Return one check with both replies.

    Raises:
        NotFound: the turn was not chosen.
        StoreError: the store cannot be read.
    """
    row = Shadows(store).row(turn_id)
    if row is None:
        raise NotFound(f"turn {turn_id!r} was not chosen for a shadow check")
    return _pair(store, row)


def disagreements(
    store: Store, board: Board, chosen: Slice, cost_of: Callable[[str | None], Decimal], limit: int
) -> list[Pair]:
    """Return turns of the slice that a stronger model would have answered materially better.

    Of the newest hundred those that cost most by ``cost_of`` an intent, the newest first among equals.

    Raises:
        StoreError: the store or its columns cannot be read.
    """
    where, values = chosen.where()
    rows = board.rows(
        "SELECT shadow.turn_id, turn.intent FROM shadow JOIN turn ON turn.seq = shadow.turn_seq"
        f" WHERE shadow.state = 'judged' AND shadow.material AND {where} ORDER BY shadow.turn_seq DESC LIMIT {_LOOKED_AT}",
        values,
    )
    rows.sort(key=lambda row: cost_of(row["intent"]), reverse=True)
    shadows = Shadows(store)
    found = (shadows.row(row["turn_id"]) for row in rows[:limit])
    return [_pair(store, row) for row in found if row is not None]


def _pair(store: Store, row: ShadowRow) -> Pair:
    from pointsman.evaluation.importers.cases_store import turn_of

    shadow = None if row.reply is None else _decoded(row.reply)
    detail = msgspec.json.decode(row.detail, type=dict[str, Any])
    try:
        record = store.turn(row.turn_id)
    except StoreError:
        record = None  # a body is damaged: what is left is shown
    if record is None:
        return Pair(row, None, None, shadow, None, None, None, None, None, detail)
    try:
        said = [message for message in turn_of(record).messages if message.role == "user"]
        asked = "".join(getattr(part, "text", "") for part in said[-1].parts) if said else None
    except (PointsmanError, msgspec.MsgspecError, ValueError, TypeError, KeyError):
        asked = None
    answering = [step.model for step in record.steps if step.status == "ok"] or [record.decision.model]
    return Pair(
        row=row,
        asked=asked,
        shipped=_decoded(record.reply) if record.reply else None,
        shadow=shadow,
        shipped_model=answering[-1],
        route=record.decision.route,
        intent=record.decision.intent,
        conversation_id=record.conversation_id,
        at_us=record.at_us,
        detail=detail,
    )


def _decoded(raw: bytes) -> Reply | None:
    try:
        return _REPLY.decode(raw)
    except msgspec.MsgspecError:
        return None
