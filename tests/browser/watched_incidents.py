"""Incidents, served ids and nights in the stores that the pages are opened with."""

from __future__ import annotations

import sqlite3
import time
from decimal import Decimal

from pointsman.monitoring.incidents import IncidentBook, Judged, Settings
from pointsman.monitoring.incidents_cause import Cause
from pointsman.monitoring.monitors.finding import Finding
from pointsman.routing.sections_sinks import Webhook
from pointsman.store import Store
from pointsman.store.canaries import Night, keep
from pointsman.store.tallies import Cell, Sighting, Tallies, Tally

_MINUTE_US = 60_000_000
_HOSTILE = '<img src=x onerror=alert(1)>"><script>alert(2)</script>'


def seed(store: Store) -> None:
    """One incident that goes on and one that is over, two ids of a model, three nights."""
    _seed(store, "openai/gpt-5-mini", "tools")


def seed_hostile(store: Store) -> None:
    """The same, with names from outside that would like to be markup."""
    _seed(store, f"openai/{_HOSTILE}", _HOSTILE)


def _seed(store: Store, model: str, word: str) -> None:
    now = time.time_ns() // 1000
    turns = tuple(row.id for row in store.turns(limit=5))
    sink = Webhook.model_validate({"url": "http://127.0.0.1:9/", "secret_env": "NOBODY_SETS_THIS"})
    book = IncidentBook(Settings(3600 * 1_000_000, {"ops": sink}))
    firing = Finding(
        rule="tool-call-success",
        kind="rate",
        measure="tool_calls",
        family="quality",
        severity="page",
        series=model,
        state="firing",
        text=f"171 of 208 (82.2 %) tool calls of {word} that were valid in the last 15 min, below 95.0 % (p = 3.0e-11)",
        labels={"model": model},
        window=15,
        n=208,
        hits=171,
        share=0.822,
        bound=0.95,
        p=3.0e-11,
    )
    slow = {"rule": "first-token", "measure": "first_token", "family": "service", "text": f"{word} is slow"}

    key = '["tool_calls",[],"model",""]'
    places = Tallies(store).places([key, "served"])  # where the demo's own gateway has counted up to

    def write(connection: sqlite3.Connection) -> None:
        for fields, at in (({}, now - 40 * _MINUTE_US), (slow, now - 300 * _MINUTE_US)):
            one = Finding(**{**{name: getattr(firing, name) for name in firing.__struct_fields__}, **fields})
            book.apply(connection, [Judged(one, True, Cause(model, turns, 37, 208))], at)
        over = Finding(
            **{**{name: getattr(firing, name) for name in firing.__struct_fields__}, **slow, "state": "recovered"}
        )
        book.apply(connection, [Judged(over, True)], now - 200 * _MINUTE_US)
        minute = now // _MINUTE_US
        counted = {Cell(key, True, minute - 160 + n, model): Tally(14, 13 if n < 110 else 11) for n in range(150)}
        seen = [
            Sighting(model, True, name, now - days * 1440 * _MINUTE_US, now, 400)
            for name, days in (("mini-1", 9), (word, 2))
        ]
        Tallies(store).add(connection, places, counted, seen, max(place or 0 for place in places.values()))
        for days, passed in ((3, 48), (2, 49), (1, 37)):
            at = now - days * 1440 * _MINUTE_US
            keep(connection, Night(at, model, "v1", True, 50, passed, ("case-1",), {word: 50}, Decimal("0.02")))

    store.write_sync(write)
