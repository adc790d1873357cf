"""Nights on which pinned cases were answered."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import msgspec

from pointsman.store.money import from_pico, to_pico
from pointsman.store.sql import load_queries
from pointsman.store.store import Store


class Night(msgspec.Struct, frozen=True):
    """One run of a model over pinned cases. ``n`` were graded, ``passed`` of them passed.

    ``served`` counts the ids under which the provider answered; ``cases`` is the case file's version; ``cost_usd`` None: unknown.
    """

    at_us: int
    model: str
    cases: str
    simulated: bool
    n: int
    passed: int
    failed: tuple[str, ...]
    served: dict[str, int]
    cost_usd: Decimal | None
    error_text: str | None = None


def keep(connection: sqlite3.Connection, night: Night) -> None:
    """Keep a night; for a ``Store.write`` job."""
    texts = [msgspec.json.encode(one).decode() for one in (night.failed, night.served, {})]
    row = (night.at_us, night.model, night.cases, night.simulated, night.n, night.passed, *texts)
    connection.execute(load_queries("canaries")["keep"], (*row, to_pico(night.cost_usd), night.error_text))


def nights(store: Store, model: str | None = None, limit: int = 60) -> list[Night]:
    """Return the newest nights, the oldest of them first; of one model, or of all."""
    with store.reading() as connection:
        rows = connection.execute(load_queries("canaries")["nights"], {"model": model, "limit": limit}).fetchall()
    return [
        Night(
            row[0],
            row[1],
            row[2],
            bool(row[3]),
            row[4],
            row[5],
            msgspec.json.decode(row[6], type=tuple[str, ...]),
            msgspec.json.decode(row[7], type=dict[str, int]),
            from_pico(row[8]),
            row[9],
        )
        for row in reversed(rows)
    ]
