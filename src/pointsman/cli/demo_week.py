"""Fills the demo's store with a simulated week, and lets monitors and shadow checks go through it as they would have."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pointsman.cli.console import err, plain
from pointsman.domain.record import TurnRecord
from pointsman.evaluation.demo_week import DAY_US, DAYS, HOUR_US, Ended, Week
from pointsman.routing.policy import Policy, load_policy
from pointsman.routing.templates import render
from pointsman.store import Store
from pointsman.store.connection import open_writer
from pointsman.store.landing import Landing
from pointsman.store.outcomes import OutcomeReport, Outcomes, Report

if TYPE_CHECKING:
    from pointsman.emulator.script import Script

_BATCH = 2000
_CALM_US, _CLOSE_US = HOUR_US, 5 * 60 * 1_000_000
_SLOW = ("cost-per-resolution", "misroutes")
"""Rules over tables that are only filled afterwards."""
_MORE = """
# What the demo's dashboard shows beside the rubric.
shadow: {everyone: 0.02, budget: {share: 1}}
economics: {prices: {reask_usd: 0.01, harm_usd: 0.03}}
"""


class Seeded(msgspec.Struct, frozen=True):
    """What the week holds: turns, conversations with an outcome, incidents by title, shadow checks, and cases replayed."""

    turns: int
    outcomes: int
    incidents: tuple[str, ...]
    shadows: int
    replayed: int = 0


def write_policy(path: Path) -> Policy:
    """Write the demo's policy: the built-in rubric with shadow checks, and what mistakes cost."""
    path.write_text(render("rubric") + _MORE, encoding="utf-8")
    return load_policy(path)


def seed(store: Store, policy: Policy, script: Script, *, turns: int) -> Seeded:
    """Make a week of the turns in the store, and look at it with monitors and shadow checks.

    ``script`` is what the simulated models say when they are asked again.
    """
    from pointsman.catalog.book import Catalog

    records = [record for row in store.turns(limit=1000) if (record := store.turn(row.id)) is not None]
    now_us = time.time_ns() // 1000
    week = Week(records, now_us - HOUR_US // 12, turns=turns, catalog=Catalog.load())
    made = list(week.conversations())
    _write(store, [record for talk, _ in made for record in talk])
    ended = [end for _, end in made if end is not None]
    _report(store, ended)
    _note(f"{sum(len(talk) for talk, _ in made):,} simulated turns of {DAYS} days; monitors go through them")
    incidents = _watch(store, policy, week, now_us)
    _note("the stronger model answers some again")
    shadows = asyncio.run(_shadow(store, policy, script)) if policy.shadow is not None else 0
    cases = asyncio.run(_replay(store, policy, now_us))
    _fold(store)
    return Seeded(sum(len(talk) for talk, _ in made), len(ended), incidents, shadows, cases)


def _write(store: Store, records: list[TurnRecord]) -> None:
    landing = Landing(open_writer(store.path, "normal"))
    try:
        for batch in _batches(sorted(records, key=lambda record: record.at_us)):
            landing.commit(batch)
    finally:
        landing.close()


def _batches(records: list[TurnRecord]) -> Iterator[list[TurnRecord]]:
    for start in range(0, len(records), _BATCH):
        yield records[start : start + _BATCH]


def _report(store: Store, ended: list[Ended]) -> None:
    outcomes = Outcomes(store)
    for end in ended:
        report = OutcomeReport(resolved=end.resolved, escalated=end.escalated, source="simulated")
        outcomes.report_sync(Report(end.conversation, report, end.at_us))


def _watch(store: Store, policy: Policy, week: Week, now_us: int) -> tuple[str, ...]:
    from pointsman.monitoring.monitors.engine import Engine
    from pointsman.store.incidents import IncidentReader

    section = policy.monitors.model_copy(update={"off": (*policy.monitors.off, *_SLOW)})
    engine = Engine(store, section)
    at, close = now_us - DAYS * DAY_US, (week.regression.since_us, week.regression.until_us + HOUR_US)
    while at < now_us:
        engine.evaluate(at)
        at += _CLOSE_US if close[0] <= at < close[1] else _CALM_US
    engine.evaluate(now_us)
    return tuple(
        f"{datetime.fromtimestamp(one.opened_us / 1e6, UTC):%a %H:%M} {one.title} ({one.state})"
        for one in IncidentReader(store).all()
    )


async def _shadow(store: Store, policy: Policy, script: Script) -> int:
    from pointsman.app import build_router
    from pointsman.emulator.app import Emulator
    from pointsman.emulator.serving import serve_in_thread
    from pointsman.monitoring.shadow.service import build

    with serve_in_thread(Emulator(script)) as emulator:
        async with build_router(
            policy, store=f"sqlite:///{store.path}?durability=normal", simulate_at=emulator.base_url
        ) as router:
            checks = build(router)
            if checks is None:
                return 0
            await checks.begin(from_first=True)
            judged = 0
            while any(msgspec.structs.astuple(done := await checks.once(look=True))):
                judged += done.judged
            return judged


async def _replay(store: Store, policy: Policy, now_us: int) -> int:
    """Leave a small run with flips where the page of replays looks for runs."""
    from pointsman.catalog.book import Catalog
    from pointsman.evaluation.demo_replay import MODELS, replay_week

    folder = policy.runs_path or store.path.parent / "runs"
    catalog, now = Catalog.load(), datetime.fromtimestamp(now_us / 1e6, UTC)
    prices = {model: catalog.rates(model, now) for model in MODELS}
    return await replay_week(store, folder, now_us - DAY_US // 2, prices)


def _fold(store: Store) -> None:
    """Fold the turns for the questions now, so that the first page is quick."""
    from pointsman.catalog.book import Catalog
    from pointsman.monitoring.fold import Fold

    Fold(store, Catalog.load()).run()


def _note(text: str) -> None:
    err().print(plain(f"{text} ...", "dim"))
