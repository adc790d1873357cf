"""Which turns: the list behind every number, newest first, page by page."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from pointsman.errors import RequestError
from pointsman.monitoring.asking.board import Board, Row, usd
from pointsman.monitoring.asking.slice import By, Slice


class Options(msgspec.Struct, frozen=True):
    """``limit`` turns, those after the place ``after`` that an earlier page ended with."""

    limit: Annotated[int, Meta(ge=1, le=10_000)] = 50
    after: str = ""


class Turn(msgspec.Struct, frozen=True):
    """A turn of the list; None is unknown. Times in Unix microseconds and milliseconds."""

    id: str
    conversation: str
    at_us: int
    status: str
    error_code: str | None
    model: str
    route: str
    tier: str
    intent: str | None
    agent: str | None
    channel: str
    reason: str | None
    confidence: float | None
    simulated: bool
    ttft_ms: float | None
    duration_ms: float
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None
    resolved: bool | None


class Turns(msgspec.Struct, frozen=True):
    """A page of the list. ``n`` is how many match on all pages; ``next`` the place to go on from, None on the last page."""

    n: int
    rows: tuple[Turn, ...]
    next: str | None


_COLUMNS = """
    turn.id, turn.conversation, turn.at_us, turn.status, turn.error_code, turn.model, turn.route, turn.tier, turn.intent,
    turn.agent, turn.channel, turn.reason, turn.confidence, turn.simulated, turn.ttft_ms, turn.duration_ms,
    turn.input_uncached + coalesce(turn.cache_read_tokens, 0) + coalesce(turn.cache_write_tokens, 0) AS input_tokens,
    turn.output_tokens, turn.cost, turn.seq
"""


def ask(board: Board, chosen: Slice, by: By = (), options: Options = Options()) -> Turns:  # noqa: B008 - frozen
    """Return a page of turns. ``by`` is not used: a list is not split.

    Raises:
        RequestError: ``after`` is no place of such a list.
    """
    del by
    where, values = chosen.where()
    n = board.rows(f"SELECT count(*) AS n FROM turn WHERE {where}", values)[0]["n"]
    place, at = _place(options.after)
    rows = board.rows(
        # The page is chosen by two narrow columns first; the wide ones are read for its rows only.
        f"SELECT {_COLUMNS}, outcome.resolved FROM turn LEFT JOIN outcome ON outcome.conv = turn.conv WHERE turn.seq IN"
        f" (SELECT seq FROM turn WHERE {where}{place} ORDER BY at_us DESC, seq DESC LIMIT {options.limit + 1})"
        " ORDER BY turn.at_us DESC, turn.seq DESC",
        [*values, *at],
    )
    shown = rows[: options.limit]
    more = f"{shown[-1]['at_us']}.{shown[-1]['seq']}" if len(rows) > options.limit else None
    return Turns(n, tuple(_turn(row) for row in shown), more)


def _place(after: str) -> tuple[str, list[int]]:
    if not after:
        return "", []
    at, _, seq = after.partition(".")
    if not (at.isascii() and at.isdigit() and seq.isascii() and seq.isdigit() and len(after) < 40):  # noqa: PLR2004
        raise RequestError("after: give the `next` of an earlier page", param="after")
    return " AND (turn.at_us, turn.seq) < (?, ?)", [int(at), int(seq)]


def _turn(row: Row) -> Turn:
    row = dict(row)
    row["cost_usd"] = usd(row.pop("cost"))
    del row["seq"]
    return Turn(**row)
