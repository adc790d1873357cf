"""What the money is spent on: the waterfall from uncached input to retries, shadow checks and judges.

The parts of the turns add up to their stored cost to the last pico-dollar. Shadow checks and judges are beside the turns:
``total_usd`` has them, ``turns_usd`` has not.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from pointsman.domain.figures import Estimate, Rate
from pointsman.domain.intervals import Z_95
from pointsman.monitoring.asking.board import Board, Row, usd
from pointsman.monitoring.asking.slice import By, Slice
from pointsman.monitoring.columns.schema import PARTS
from pointsman.store.money import PICO


class Part(msgspec.Struct, frozen=True):
    """One step of the waterfall: a kind of cost, its dollars, and over how many turns it is known."""

    kind: str
    usd: Decimal | None
    n: int


class Spend(msgspec.Struct, frozen=True):
    """One group's money. None is unknown. ``parts`` are in the order of the waterfall and add up to ``total_usd`` exactly.

    ``known`` is the share of turns whose cost is known, which are those that are summed. ``per_turn`` is their mean.
    ``shadow_usd`` and ``judge_usd`` sum what is known of the checks of these turns. ``cache_hit`` counts prompt tokens that
    came out of a provider's cache, of all prompt tokens of turns whose provider says; its interval is of tokens, which come
    in runs, so read it as a lower bound of the doubt. ``simulated`` of the turns cost no real money.
    """

    by: dict[str, str | None]
    turns: int
    simulated: int
    known: Rate
    turns_usd: Decimal | None
    shadow_usd: Decimal | None
    judge_usd: Decimal | None
    total_usd: Decimal | None
    per_turn: Estimate
    cache_hit: Rate
    parts: tuple[Part, ...]


class Cost(msgspec.Struct, frozen=True):
    """The whole slice (None: no turn) and its groups, the largest first."""

    total: Spend | None
    rows: tuple[Spend, ...]


_OF_ANSWER = frozenset(PARTS[:5])
_SUMS = ", ".join(f"sum(cost_{name}) AS cost_{name}" for name in PARTS)
_COLUMNS = f"""
    {_SUMS}, count(cost) AS cost_known, sum(cost) AS cost, avg(cost) AS mean, stddev_samp(cost) AS deviation,
    count(*) FILTER (simulated) AS simulated, count(cache_read_tokens) AS cache_known,
    coalesce(sum(cache_read_tokens), 0) AS cached,
    coalesce(sum(input_uncached + cache_read_tokens + coalesce(cache_write_tokens, 0)), 0) AS prompt
"""
_BESIDE = "sum(shadow.cost) AS shadow, sum(shadow.judge_cost) AS judge, count(shadow.cost) AS shadows"
_JOINED = "JOIN shadow ON shadow.turn_id = turn.id"
_GRADES = "sum(grade.cost) AS judge, count(grade.cost) AS judged"
_GRADED = "JOIN grade ON grade.turn_id = turn.id AND grade.source = 'judge'"


def ask(board: Board, chosen: Slice, by: By = ()) -> Cost:
    """Return the waterfall of the slice, whole and by ``by``."""
    whole = _spends(board, chosen, ())
    if not whole:
        return Cost(None, ())
    return Cost(whole[0], tuple(_spends(board, chosen, by)) if by else ())


def _spends(board: Board, chosen: Slice, by: By) -> list[Spend]:
    shadows = _found(board, "shadow", _BESIDE, chosen, by, _JOINED)
    grades = _found(board, "grade", _GRADES, chosen, by, _GRADED)
    return [
        _spend(row, shadows.get(tuple(row["by"].values())), grades.get(tuple(row["by"].values())))
        for row in board.groups(_COLUMNS, chosen, by)
    ]


def _found(  # noqa: PLR0913, PLR0917 - one query, by its pieces
    board: Board, table: str, columns: str, chosen: Slice, by: By, joined: str
) -> dict[tuple[str | None, ...], Row]:
    if not board.rows(f"SELECT 1 FROM {table} LIMIT 1"):
        return {}
    return {tuple(row["by"].values()): row for row in board.groups(columns, chosen, by, joined=joined)}


def _spend(row: Row, shadow: Row | None, grade: Row | None) -> Spend:
    n, known = row["turns"], row["cost_known"]
    shadows = shadow["shadow"] if shadow else None
    judged = [found["judge"] for found in (shadow, grade) if found and found["judge"] is not None]
    judge = sum(judged) if judged else None
    counted = [value for value in (row["cost"], shadows, judge) if value is not None]
    parts = [Part(name, _part(row, name), known) for name in PARTS]
    parts.append(Part("shadow", usd(shadows), shadow["shadows"] if shadow else 0))
    parts.append(Part("judge", usd(judge), (shadow["shadows"] if shadow else 0) + (grade["judged"] if grade else 0)))
    return Spend(
        row["by"],
        n,
        row["simulated"],
        Rate(known, n),
        usd(row["cost"]),
        usd(shadows),
        usd(judge),
        usd(sum(counted)) if counted else None,
        _mean(row),
        Rate(int(row["cached"]), int(row["prompt"]), n - row["cache_known"]),
        tuple(parts),
    )


def _part(row: Row, name: str) -> Decimal | None:
    """Return a part's dollars. A kind of token that got nothing is unknown, not zero, where part of the cost is not split."""
    pico = row[f"cost_{name}"]
    return None if not pico and name in _OF_ANSWER and row["cost_unsplit"] else usd(pico)


def _mean(row: Row) -> Estimate:
    n = row["cost_known"]
    if not n:
        return Estimate(None, 0, "usd", why="no turn's cost is known")
    mean, scale = row["mean"] / float(PICO), float(PICO)
    if row["deviation"] is None:
        return Estimate(mean, n, "usd")
    half = Z_95 * row["deviation"] / scale / n**0.5
    return Estimate(mean, n, "usd", max(0.0, mean - half), mean + half)
