"""Which turns stand for those that call tools: a random sample of the slice, the same one each time."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import By, Slice


class Options(msgspec.Struct, frozen=True):
    """At most ``limit`` turns."""

    limit: Annotated[int, Meta(ge=1, le=2_000)] = 300


class Sample(msgspec.Struct, frozen=True):
    """Ids of the sample, and how many turns of the slice call tools: the sample stands for them."""

    of: int
    ids: tuple[str, ...]


def ask(board: Board, chosen: Slice, by: By = (), options: Options = Options()) -> Sample:  # noqa: B008 - frozen
    """Return a sample of the turns whose answer calls tools. ``by`` is not used: ids are not grouped."""
    del by
    where, values = chosen.where()
    of = board.rows(f"SELECT count(*) AS n FROM turn WHERE {where} AND tool_calls", values)[0]["n"]
    rows = board.rows(
        # The order of a hash is an order by chance, and always the same one.
        f"SELECT id FROM turn WHERE {where} AND tool_calls ORDER BY hash(seq), seq LIMIT {options.limit}",
        values,
    )
    return Sample(of, tuple(row["id"] for row in rows))
