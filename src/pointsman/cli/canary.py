"""``pointsman canary``: the trials of the policy, and how to end one or begin it again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.figures import usd
from pointsman.cli.policy_file import open_policy
from pointsman.cli.promote_history import Actor, actor_of
from pointsman.cli.replay_view import counted
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, StoreUrl, at
from pointsman.errors import UsageError
from pointsman.routing.canaries import trial_id
from pointsman.routing.policy import Policy
from pointsman.store import DEFAULT_URL, Store, TurnFilter, open_store
from pointsman.store.location import parse_url
from pointsman.store.promotions import Promotions, TrialChange

app = typer.Typer(
    help="List the trials of the policy, end one, begin it again. Exit codes: 0 done, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
PolicyFile = Annotated[Path | None, typer.Option("--policy", help="The policy; default ./pointsman.yaml.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The trial's name in the policy.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the history.")]
_WEEK_US = 7 * 24 * 3600 * 1_000_000


@app.command("list")
def list_(
    policy: PolicyFile = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """List the trials: whether they run, and the last week's turns of both models."""
    found = _rows(open_policy(policy), store)
    if json:
        print_json({"canaries": found})
        return
    running = sum(row["state"] == "running" for row in found)
    out().print(plain(f"{counted(len(found), 'trial')} in the policy, {running} running." if found else _NONE, "bold"))
    if not found:
        return
    table = Table(box=None, pad_edge=False)
    for heading, justify in (("canary", "left"), ("state", "left"), ("model", "left")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for heading in ("turns, 7 days", "failed", "p95 first ms", "USD / turn"):
        table.add_column(heading, justify="right")
    for row in found:
        for side, label in (("candidate", f"{row['share']:.3g} of conversations"), ("usual", "in whose place")):
            sums = row[side]
            first = (row["name"], row["state"]) if side == "candidate" else ("", "")
            table.add_row(*map(plain, (*first, f"{sums['model']} ({label})")), *_figures(sums))
        if row["ended_by"]:
            table.add_row("", "", plain(f"ended by {row['ended_by']}, {at(row['ended_at_us'])}: {row['why']}"))
    show_stacked(table, keys=1)


_NONE = "the policy has no canaries: section canaries in pointsman.yaml, see docs/how-to/promote-and-roll-back.md"


@app.command()
def stop(name: Name, policy: PolicyFile = None, why: Why = "", by: Actor = None, store: StoreUrl = DEFAULT_URL) -> None:
    """End a trial: within a second its conversations are answered by the usual model."""
    _change(name, "stop", policy, (actor_of(by), why), store)


@app.command()
def start(
    name: Name, policy: PolicyFile = None, why: Why = "", by: Actor = None, store: StoreUrl = DEFAULT_URL
) -> None:
    """Begin a trial again that was ended."""
    _change(name, "start", policy, (actor_of(by), why), store)


def _change(name: str, action: Literal["stop", "start"], path: Path | None, who: tuple[str, str], store: str) -> None:
    policy = open_policy(path)
    if name not in policy.canaries:
        known = ", ".join(policy.canaries) or "none"
        raise UsageError(f"the policy has no canary {name[:80]!r}; there are: {known}")
    canary = policy.canaries[name]
    with open_store(store, must_exist=True, read_only=False) as opened:
        if action == "start":
            from pointsman.monitoring.canary import begin_again

            changed = begin_again(opened, name, canary, who, time.time_ns() // 1000)
        else:
            changed = Promotions(opened).change_trial(trial_id(name, canary), action, who)
    state = "over" if action == "stop" else "running"
    out().print(plain(f"canary {name} is {state}" if changed else f"canary {name} was {state} already"))


def _rows(policy: Policy, url: str) -> list[dict[str, Any]]:
    if not parse_url(url).path.exists():
        return [_row(policy, name, {}, None) for name in policy.canaries]
    with open_store(url, must_exist=True) as store:
        trials = Promotions(store).trials()
        return [_row(policy, name, trials, store) for name in policy.canaries]


def _row(policy: Policy, name: str, trials: dict[str, TrialChange], store: Store | None) -> dict[str, Any]:
    canary = policy.canaries[name]
    change = trials.get(trial_id(name, canary))
    over = change is not None and change.action == "stop"
    return {
        "name": name,
        "state": "over" if over else "running",
        "share": canary.share,
        "ended_by": change.actor if over and change else None,
        "ended_at_us": change.at_us if over and change else None,
        "why": change.reason if over and change else None,
        "incident": change.incident if over and change else None,
        "candidate": _sums(store, canary.model),
        "usual": _sums(store, canary.replaces),
    }


def _sums(store: Store | None, model: str) -> dict[str, Any]:
    since = time.time_ns() // 1000 - _WEEK_US
    found = [] if store is None else store.report(filters=TurnFilter(model=model, since_us=since))
    row = found[0] if found and found[0].turns else None
    return {
        "model": model,
        "turns": row.turns if row else 0,
        "failed": row.errors if row else None,
        "ttft_p95_ms": row.ttft_p95_ms if row else None,
        "usd_per_turn": None if row is None or row.cost_usd is None else row.cost_usd / row.cost_known,
    }


def _figures(sums: dict[str, Any]) -> tuple[str, ...]:
    first = "–" if sums["ttft_p95_ms"] is None else f"{sums['ttft_p95_ms']:,.0f}"
    cost = "–" if sums["usd_per_turn"] is None else usd(sums["usd_per_turn"])
    failed = "–" if sums["failed"] is None else f"{sums['failed']:,}"
    return f"{sums['turns']:,}", failed, first, cost
