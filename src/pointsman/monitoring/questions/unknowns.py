"""What is not known: turns without a cost or a token count, the models to blame, and errors by their code."""

from __future__ import annotations

import msgspec

from pointsman.domain.figures import Rate
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import By, Slice


class Unpriced(msgspec.Struct, frozen=True):
    """A model some of whose answered calls have no cost: how many, of how many; and how many have no token count."""

    model: str
    unpriced: Rate
    uncounted: int


class Failure(msgspec.Struct, frozen=True):
    """An error code and how many turns ended with it."""

    code: str
    turns: int


class UnknownRow(msgspec.Struct, frozen=True):
    """One group: turns whose cost, whose tokens, whose intent and whose confidence are unknown. ``estimated`` counts as known."""

    by: dict[str, str | None]
    cost: Rate
    usage: Rate
    intent: Rate
    confidence: Rate


class Unknowns(msgspec.Struct, frozen=True):
    """The whole slice (None: no turn), its groups, the models that leave gaps, and the errors by code, most first."""

    total: UnknownRow | None
    rows: tuple[UnknownRow, ...]
    models: tuple[Unpriced, ...]
    failures: tuple[Failure, ...]


_COLUMNS = """
    count(cost) AS cost, count(input_uncached) AS usage, count(intent) AS intent, count(confidence) AS confidence
"""


def ask(board: Board, chosen: Slice, by: By = ()) -> Unknowns:
    """Return what is not known of the slice, whole and by ``by``."""
    whole = _rows(board, chosen, ())
    if not whole:
        return Unknowns(None, (), (), ())
    rows = tuple(_rows(board, chosen, by)) if by else ()
    where, values = chosen.where()
    models = board.rows(
        f"""
        SELECT step.model, count(*) AS calls, count(*) - count(step.cost) AS unpriced,
            count(*) - count(step.input_uncached) AS uncounted
        FROM step JOIN turn ON turn.seq = step.turn_seq
        WHERE {where} AND turn.cost IS NULL AND step.status <> 'error' GROUP BY step.model HAVING unpriced > 0 OR uncounted > 0
        ORDER BY unpriced DESC, step.model
        """,
        values,
    )
    failures = board.groups(
        "coalesce(turn.error_code, 'unnamed') AS code",
        msgspec.structs.replace(chosen, status=chosen.status or ("error", "broken")),
        (),
        group=("code",),
    )
    return Unknowns(
        whole[0],
        rows,
        tuple(Unpriced(row["model"], Rate(row["unpriced"], row["calls"]), row["uncounted"]) for row in models),
        tuple(Failure(row["code"], row["turns"]) for row in failures),
    )


def _rows(board: Board, chosen: Slice, by: By) -> list[UnknownRow]:
    return [
        UnknownRow(
            row["by"],
            *(Rate(row["turns"] - row[name], row["turns"]) for name in ("cost", "usage", "intent", "confidence")),
        )
        for row in board.groups(_COLUMNS, chosen, by)
    ]
