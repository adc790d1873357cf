"""``pointsman drift``: what changed slowly, in the provider's models, the customers' questions, and the rates."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.monitors import PolicyPath, Simulated
from pointsman.cli.policy_file import open_policy
from pointsman.cli.replay_view import counted
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, StoreUrl, at
from pointsman.errors import UsageError
from pointsman.monitoring.drift.mix import SOURCES, Mix, mixes
from pointsman.monitoring.drift.rates import FALSE_SHARE, RateChange, scan
from pointsman.monitoring.monitors.finding import percent
from pointsman.routing.sections_monitors import DriftSection
from pointsman.store import DEFAULT_URL, Store, open_store
from pointsman.store.canaries import Night, nights
from pointsman.store.tallies import Sighting, Tallies

app = typer.Typer(
    help="What changed slowly. Exit codes: 0 done, 1 something changed, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_MINUTE_US = 60_000_000
_DAYS = 28


class Report(msgspec.Struct, frozen=True):
    """All that drift knows of one store."""

    served: list[Sighting]
    nights: list[Night]
    mix: list[Mix]
    rates: list[RateChange]


@app.command()
def report(
    policy: PolicyPath = None, simulated: Simulated = False, json: AsJson = False, store: StoreUrl = DEFAULT_URL
) -> None:
    """Say what changed: served ids first, then pinned cases, rates and the mix of questions. Exit code 1 where something did."""
    section = open_policy(policy).monitors.drift
    now = time.time_ns() // 1000
    with open_store(store, must_exist=True) as opened:
        found = _report(opened, section, now, simulated=simulated)
    told = [one for one in found.rates if one.told]
    moved = [one for one in found.mix if one.psi is not None and one.psi > section.psi]
    several = _several(found.served)
    if json:
        print_json(found)
    else:
        said = [
            f"{counted(len(several), 'model')} served under more than one id",
            f"{counted(len(told), 'rate')} changed",
            f"{len(moved)} of {len(found.mix)} mixes moved",
        ]
        out().print(plain(", ".join(said) + ".", "bold"))
        _show(found, section)
    if told or moved:
        raise typer.Exit(1)


@app.command()
def canary(
    policy: PolicyPath = None,
    emulated: Annotated[
        bool, typer.Option("--emulated", help="Simulated models answer; no account is needed.")
    ] = False,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Answer the pinned cases of the policy now, as `serve` does each night. Exit code 1 where a model changed."""
    import asyncio

    from pointsman.monitoring.drift.canary import judged

    opened_policy = open_policy(policy)
    section = opened_policy.monitors.drift.canary
    if section is None:
        raise UsageError("the policy pins no cases: write monitors.drift.canary with cases and models")
    done = asyncio.run(_nights(policy, emulated, store))
    with open_store(store, must_exist=True) as opened:
        findings = [
            judged([n for n in nights(opened, one.model) if n.simulated == one.simulated], section.floor)
            for one in done
        ]
    if json:
        print_json({"nights": done, "findings": findings})
    else:
        for finding in findings:
            out().print(plain(f"{finding.series}: {finding.state}: {finding.text}"))
    if any(one.state == "firing" for one in findings):
        raise typer.Exit(1)


async def _nights(policy: Path | None, emulated: bool, store: str) -> list[Night]:
    from functools import partial

    from pointsman.cli.bench_setup import Where, open_router
    from pointsman.server.nightly import run_night
    from pointsman.store.canaries import keep

    section = open_policy(policy).monitors.drift.canary
    if section is None:
        return []
    with open_router(Where(policy, emulated), ",".join(section.models)) as router:
        async with router:
            done = [await run_night(router, section, model, time.time_ns() // 1000) for model in section.models]
    with open_store(store) as opened:
        for night in done:
            opened.write_sync(partial(keep, night=night))
    return done


def _report(store: Store, section: DriftSection, now_us: int, *, simulated: bool) -> Report:
    from pointsman.monitoring.monitors.backtest import counts_of
    from pointsman.monitoring.monitors.rate_rule import RateWatch
    from pointsman.monitoring.monitors.rulebook import shipped

    rules = [RateWatch(name, spec) for name, spec in shipped().rates.items()]
    start = now_us - max(_DAYS * 1440, section.window + section.baseline) * _MINUTE_US
    counts = counts_of(store, rules, start, now_us, simulated=simulated, also=SOURCES)
    sources = [rule.source for rule in rules if rule.source.measure != "misroutes"]
    return Report(
        Tallies(store).sightings(simulated),
        [one for one in nights(store) if one.simulated == simulated],
        mixes(counts, now_us // _MINUTE_US, section.window, section.baseline),
        scan(counts, sources, start // _MINUTE_US, now_us // _MINUTE_US),
    )


def _several(served: list[Sighting]) -> list[str]:
    models = [one.model for one in served]
    return sorted({model for model in models if models.count(model) > 1})


def _show(found: Report, section: DriftSection) -> None:
    _table(
        "Served models",
        ("model", "answers as", "first", "last", "calls"),
        [(one.model, one.served, at(one.first_us), at(one.last_us), f"{one.n:,}") for one in found.served],
        "none: `pointsman serve` keeps them as turns come",
    )
    _table(
        "Pinned cases",
        ("night", "model", "passed", "answers as"),
        [
            (
                at(one.at_us),
                one.model,
                f"{one.passed} of {one.n}" if one.n else one.error_text or "–",
                ", ".join(one.served),
            )
            for one in found.nights
        ],
        "none: write monitors.drift.canary, or run pointsman drift canary",
    )
    _table(
        f"Rates (at most {FALSE_SHARE:.0%} of the changes told are false)",
        ("what", "series", "since", "before", "after", "n", "p", "seen by"),
        [_rate(one) for one in found.rates if one.p is None or one.told],
        "no rate changed its level",
    )
    _table(
        f"Questions (moved above {section.psi:g})",
        ("mix of", "index", "n", "before", "most"),
        [_mix(one) for one in found.mix],
        "",
    )


def _rate(one: RateChange) -> tuple[str, ...]:
    if one.p is None or one.at is None:
        return (one.measure, one.series or "all", f"unknown: {one.why}", "–", "–", f"{one.n:,.0f}", "–", "")
    shares = (percent(one.before or 0), percent(one.after or 0))
    since = at(one.at * _MINUTE_US)
    return (one.measure, one.series or "all", since, *shares, f"{one.n:,.0f}", f"{one.p:.1e}", ", ".join(one.by))


def _mix(one: Mix) -> tuple[str, ...]:
    if one.psi is None:
        return (one.dimension, "–", f"{one.n:,}", f"{one.base_n:,}", one.why)
    most = f"{one.most}: {percent(one.before or 0)} to {percent(one.now or 0)}"
    return (one.dimension, f"{one.psi:.3f}", f"{one.n:,}", f"{one.base_n:,}", most)


def _table(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]], empty: str) -> None:
    out().print(plain(f"\n{title}", "bold"))
    if not rows:
        out().print(plain(empty, "dim"))
        return
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(
            heading, overflow="fold", justify="right" if heading in {"calls", "n", "p", "index"} else "left"
        )
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    show_stacked(table, keys=1)
