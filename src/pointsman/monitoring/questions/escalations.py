"""How often work goes up: to a stronger model inside a turn, or to a person at the end of the conversation."""

from __future__ import annotations

import msgspec

from pointsman.domain.figures import Rate
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import By, Slice


class Cause(msgspec.Struct, frozen=True):
    """What sent turns up: the kind of check, and how many turns it did."""

    check: str
    turns: int


class Escalated(msgspec.Struct, frozen=True):
    """One group. ``to_model`` are turns that a check sent to a stronger model.

    ``to_people`` are turns of conversations that a person took over, ``unknown`` in it those of which nobody said.
    """

    by: dict[str, str | None]
    turns: int
    to_model: Rate
    to_people: Rate


class Escalations(msgspec.Struct, frozen=True):
    """The whole slice (None: no turn), its groups, what sent turns up, and hand-overs between models by kind."""

    total: Escalated | None
    rows: tuple[Escalated, ...]
    causes: tuple[Cause, ...]
    handoffs: dict[str, int]


_COLUMNS = """
    count(*) FILTER (turn.escalated) AS up, count(*) FILTER (outcome.escalated) AS people, count(outcome.escalated) AS said
"""
_OUTCOMES = "LEFT JOIN outcome ON outcome.conv = turn.conv"
_CAUSES = "JOIN checked ON checked.turn_seq = turn.seq AND checked.action = 'escalated'"


def ask(board: Board, chosen: Slice, by: By = ()) -> Escalations:
    """Return how often routed turns of the slice went up, whole and by ``by``."""
    chosen = chosen.routed()
    whole = _rows(board, chosen, ())
    if not whole:
        return Escalations(None, (), (), {})
    rows = tuple(_rows(board, chosen, by)) if by else ()
    causes = board.groups("checked.kind AS kind", chosen, (), joined=_CAUSES, group=("kind",))
    handoffs = board.groups(
        "handoff.kind AS kind", chosen, (), joined="JOIN handoff ON handoff.turn_seq = turn.seq", group=("kind",)
    )
    return Escalations(
        whole[0],
        rows,
        tuple(Cause(row["kind"], row["turns"]) for row in causes),
        {row["kind"]: row["turns"] for row in handoffs},
    )


def _rows(board: Board, chosen: Slice, by: By) -> list[Escalated]:
    return [
        Escalated(
            row["by"],
            row["turns"],
            Rate(row["up"], row["turns"]),
            Rate(row["people"], row["said"], row["turns"] - row["said"]),
        )
        for row in board.groups(_COLUMNS, chosen, by, joined=_OUTCOMES)
    ]
