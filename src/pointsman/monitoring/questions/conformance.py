"""How often replies keep to their contract, and in which ways they fail to."""

from __future__ import annotations

import msgspec

from pointsman.domain.figures import Rate
from pointsman.monitoring.asking.board import Board, Row
from pointsman.monitoring.asking.slice import By, Slice


class Kind(msgspec.Struct, frozen=True):
    """A kind of violation, and in how many of the rejected or repaired replies it was found."""

    kind: str
    replies: Rate


class Contract(msgspec.Struct, frozen=True):
    """One group of one contract (``name@version``). ``conforming`` are checks that were passed as the reply came or repaired.

    ``repaired`` of them needed a repair; ``retried`` and ``escalated`` are what followed the others.
    """

    by: dict[str, str | None]
    contract: str
    conforming: Rate
    repaired: int
    retried: int
    escalated: int


class Conformance(msgspec.Struct, frozen=True):
    """All checks of contracts in the slice, per contract and group, and kinds of violation. ``total.n`` 0: none was checked."""

    total: Rate
    rows: tuple[Contract, ...]
    kinds: tuple[Kind, ...]


_COLUMNS = """
    checked.name AS contract, count(*) FILTER (checked.passed) AS passed,
    count(*) FILTER (checked.action = 'repaired') AS repaired,
    count(*) FILTER (checked.action = 'retried') AS retried, count(*) FILTER (checked.action = 'escalated') AS escalated
"""
_JOINED = "JOIN checked ON checked.turn_seq = turn.seq AND checked.kind = 'contract'"


def ask(board: Board, chosen: Slice, by: By = ()) -> Conformance:
    """Return how replies of the slice kept to their contracts, per contract and ``by``."""
    rows = tuple(
        Contract(
            row["by"],
            row["contract"].partition(" ")[2] or row["contract"],
            Rate(row["passed"], row["turns"]),
            row["repaired"],
            row["retried"],
            row["escalated"],
        )
        for row in _by_contract(board, chosen, by)
    )
    total = Rate(sum(row.conforming.hits for row in rows), sum(row.conforming.n for row in rows))
    return Conformance(total, rows, _kinds(board, chosen))


def _by_contract(board: Board, chosen: Slice, by: By) -> list[Row]:
    grouped = board.groups(_COLUMNS, chosen, by, joined=_JOINED, group=("contract",))
    return [row for row in grouped if row["contract"] is not None]


def _kinds(board: Board, chosen: Slice) -> tuple[Kind, ...]:
    where, values = chosen.where()
    rows = board.rows(
        f"""
        WITH r AS (SELECT rejection.kinds FROM rejection JOIN turn ON turn.id = rejection.turn_id WHERE {where})
        SELECT kind, count(*) AS n, (SELECT count(*) FROM r) AS whole FROM (SELECT unnest(list_distinct(kinds)) AS kind FROM r)
        GROUP BY kind ORDER BY n DESC, kind
        """,
        values,
    )
    return tuple(Kind(row["kind"], Rate(row["n"], row["whole"])) for row in rows)
