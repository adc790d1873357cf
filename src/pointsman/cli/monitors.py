"""``pointsman monitors``: the rules that watch, tried on what is stored."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.policy_file import open_policy
from pointsman.cli.replay_view import counted
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, Since, StoreUrl, Until, at
from pointsman.errors import UsageError
from pointsman.monitoring.monitors.finding import Finding, Rule, length
from pointsman.monitoring.monitors.rulebook import described, rules_of
from pointsman.routing.policy import Policy
from pointsman.store import DEFAULT_URL, open_store
from pointsman.store.period import parse_moment
from pointsman.store.tallies import first_us

app = typer.Typer(
    help="The rules that watch rates, spend and silence. Exit codes: 0 done, 1 a rule fires, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_MINUTE_US = 60_000_000
_STYLE = {"firing": "red", "recovered": "green", "fine": "green", "unknown": "dim"}
PolicyPath = Annotated[Path | None, typer.Option("--policy", help="The policy; default: ./pointsman.yaml.")]
Simulated = Annotated[bool, typer.Option("--simulated", help="Look at simulated turns; default: at real ones.")]


@app.command("list")
def list_(policy: PolicyPath = None, json: AsJson = False) -> None:
    """List the rules in force, the shipped ones and your own."""
    section = open_policy(policy).monitors
    rules = rules_of(section)
    listed = [described(rule) for rule in rules]
    if json:
        print_json({"enabled": section.enabled, "rules": listed, "sinks": sorted(section.sinks.all())})
        return
    sinks = section.sinks.all()
    told = f"told to {', '.join(sinks)}" if sinks else "told to nobody: the policy names no monitors.sinks"
    out().print(plain(f"{counted(len(rules), 'rule')} in force, {told}.", "bold"))
    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "kind", "of", "severity", "fires"):
        table.add_column(heading, overflow="fold")
    for one in listed:
        table.add_row(*(plain(one[name]) for name in ("rule", "kind", "of", "severity", "fires")))
    show_stacked(table, keys=1)


@app.command("test")
def try_(
    rule: Annotated[str, typer.Argument(help="The rule's name, as `pointsman monitors list` shows it.")],
    moment: Annotated[
        str | None, typer.Option("--at", help="When: 30m ago, or 2026-01-31T09:30; default: now.")
    ] = None,
    policy: PolicyPath = None,
    simulated: Simulated = False,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Say how a rule stood at a moment, with its evidence. Exit code 1 where it fires."""
    from pointsman.monitoring.monitors.backtest import counts_of
    from pointsman.monitoring.monitors.finding import NO_HISTORY

    chosen = _named(open_policy(policy), rule)
    now = time.time_ns() // 1000
    when = now if moment is None else parse_moment(moment, now, flag="--at")
    with open_store(store, must_exist=True) as opened:
        counts = counts_of(opened, [chosen], when, when, simulated=simulated)
        found = list(chosen.judge(counts, when // _MINUTE_US, lambda _: NO_HISTORY, ()))
    fires = [one for one in found if one.state == "firing"]
    if json:
        print_json({"at_us": when, "findings": found})
    else:
        verdict = f"{rule} fires for {_series(len(fires))}" if fires else f"{rule} does not fire"
        out().print(plain(f"{verdict} at {at(when)}.", "bold"))
        _show(found)
    if fires:
        raise typer.Exit(1)


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="Judge and deliver once; the only way outside `serve`.")] = False,
    policy: PolicyPath = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Judge every rule now, open and resolve incidents, and deliver what is due. Exit code 1 where a rule fires."""
    import asyncio

    from pointsman.monitoring.monitors.engine import Engine
    from pointsman.monitoring.sinks.delivery import Deliverer, unset

    if not once:
        raise UsageError("`pointsman serve` watches all the time; write --once to judge once.")
    section = open_policy(policy).monitors
    sinks = section.sinks.all()
    for name in unset(sinks, os.environ):
        err().print(plain(f"warning: the environment variable {name} is not set: its sink gets nothing."))
    with open_store(store, must_exist=True, read_only=False) as opened:
        done = Engine(opened, section).evaluate(time.time_ns() // 1000)
        deliverer = Deliverer(opened, sinks, os.environ, lambda: time.time_ns() // 1000)
        taken, failed = asyncio.run(deliverer.deliver())
    fires = [one for _, one in done.findings if one.state == "firing"]
    if json:
        findings = [{"simulated": simulated, "finding": one} for simulated, one in done.findings]
        print_json({"findings": findings, "changed": done.changed, "delivered": taken, "failed": failed})
    else:
        out().print(plain(_summary(len(fires), taken, failed), "bold"))
        _show([one for _, one in done.findings])
    if fires:
        raise typer.Exit(1)


@app.command()
def backtest(
    rule: Annotated[str | None, typer.Argument(help="Only this rule; default: all.")] = None,
    since: Since = None,
    until: Until = None,
    policy: PolicyPath = None,
    simulated: Simulated = False,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Say when rules would have fired over the stored turns. Nothing is written, nobody is told."""
    from pointsman.monitoring.monitors.backtest import counts_of, replayed, step_of

    opened_policy = open_policy(policy)
    rules = [_named(opened_policy, rule)] if rule else list(rules_of(opened_policy.monitors))
    now = time.time_ns() // 1000
    end = now if until is None else parse_moment(until, now, flag="--until")
    with open_store(store, must_exist=True) as opened:
        start = first_us(opened) if since is None else parse_moment(since, now)
        if start is None or start >= end:
            raise UsageError("there are no turns in that time: nothing to test on.")
        counts = counts_of(opened, rules, start, end, simulated=simulated)
        alarms = replayed(rules, counts, start // _MINUTE_US, end // _MINUTE_US)
    step = step_of((end - start) // _MINUTE_US)
    if json:
        print_json({"from_us": start, "to_us": end, "every_minutes": step, "alarms": alarms})
        return
    said = f"{counted(len(alarms), 'alarm')} from {at(start)} to {at(end)}, asked every {length(step)}."
    out().print(plain(said, "bold"))
    table = Table(box=None, pad_edge=False)
    for heading in ("fired", "recovered", "rule", "series", "evidence"):
        table.add_column(heading, overflow="fold")
    for one in alarms:
        over = "not by the end" if one.until is None else at(one.until * _MINUTE_US)
        table.add_row(at(one.at * _MINUTE_US), over, plain(one.rule), plain(one.series or "all"), plain(one.text))
    if alarms:
        show_stacked(table, keys=1)


@app.command()
def prometheus(policy: PolicyPath = None) -> None:
    """Print the rules as a rule file for Prometheus. What it cannot hold is named on stderr."""
    from pointsman.monitoring.rules_prometheus import as_yaml, exported

    found = exported(rules_of(open_policy(policy).monitors))
    for name, reason in found.left_out:
        err().print(plain(f"left out: {name}: {reason}"))
    typer.echo(as_yaml(found.file), nl=False)


def _named(policy: Policy, name: str) -> Rule:
    rules = {rule.name: rule for rule in rules_of(policy.monitors)}
    if name not in rules:
        raise UsageError(f"there is no rule {name!r}; there are {', '.join(rules)}")
    return rules[name]


def _series(n: int) -> str:
    return f"{n:,} series"


def _summary(fires: int, taken: int, failed: int) -> str:
    said = f"{_series(fires)} firing, {counted(taken, 'alert')} delivered"
    return f"{said}, {failed} not taken and kept." if failed else f"{said}."


def _show(found: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "series", "state", "evidence"):
        table.add_column(heading, overflow="fold")
    for one in found:
        state = plain(one.state, _STYLE[one.state])
        table.add_row(plain(one.rule), plain(one.series or "all"), state, plain(one.text))
    if found:
        show_stacked(table, keys=1)
