"""``pointsman runs``: what agents did, call by call and dollar by dollar."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from pointsman.cli.console import TIER_STYLE, out, plain, print_json
from pointsman.cli.figures import UNKNOWN, count, dollars, for_json, usd
from pointsman.cli.replay_view import short
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, Limit, StoreUrl, at
from pointsman.cli.turn_view import ms
from pointsman.errors import NotFound
from pointsman.store import DEFAULT_URL, Store, open_store
from pointsman.store.agent_runs import AgentRuns, CallRow, RunRow, StepCost

_OFFERED = 5
_STATE_STYLE = {"done": "green", "waiting_for_approval": "yellow", "running": "yellow"}


class RunSum(msgspec.Struct, frozen=True):
    """A run added up; None where the cost of one step is unknown. ``saved`` is the share saved against all-flagship."""

    model_steps: int
    tool_calls: int
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: Decimal | None
    flagship_model: str | None
    flagship_cost_usd: Decimal | None
    flagship_tokens: int | None
    saved: float | None


def command(
    run_id: Annotated[str | None, typer.Argument(metavar="RUN_ID", help="One run in full; left out: a list.")] = None,
    limit: Limit = 20,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """List the runs of agents, or tell one in full: steps, tool calls, tokens and cost, also against all-flagship.

    Exit codes: 0 done, 2 the input was wrong or there is no such run.
    """
    with open_store(store, must_exist=True) as opened:
        runs = AgentRuns(opened)
        if run_id is None:
            _list(runs, limit, json=json)
            return
        run = find(runs, run_id, opened)
        costs, calls = runs.costs(run.id), runs.calls(run.id)
    if json:
        print_json(_json(run, costs, calls))
        return
    _show(out(), run, costs, calls)


def find(runs: AgentRuns, run_id: str, store: Store) -> RunRow:
    """Return the run with this id, or the only one whose id begins so.

    Raises:
        NotFound: there is none, or more than one.
    """
    ids = runs.ids_with_prefix(run_id, _OFFERED + 1) if run_id else []
    run = runs.run(run_id if run_id in ids else ids[0]) if len(ids) == 1 or run_id in ids else None
    if run is not None:
        return run
    if not ids:
        raise NotFound(f"there is no run {run_id!r} in {store.path}. `pointsman runs` lists the newest.")
    raise NotFound(f"more than one run begins with {run_id!r}: {', '.join(ids[:_OFFERED])}. Write more of it.")


def sum_up(costs: list[StepCost], calls: list[CallRow]) -> RunSum:
    """Add the steps of a run up.

    The flagship figure is what the tokens of the kept steps would have cost on the flagship: a draft that the synthesis
    replaced would not have been written there.
    """
    kept = [cost for cost in costs if cost.phase != "draft"]
    cost = _sum([cost.cost_usd for cost in costs])
    flagship = _sum([cost.flagship_cost_usd for cost in kept])
    return RunSum(
        model_steps=len(costs),
        tool_calls=len(calls),
        tokens_in=_whole([cost.tokens_in for cost in costs]),
        tokens_out=_whole([cost.tokens_out for cost in costs]),
        cost_usd=cost,
        flagship_model=costs[0].flagship_model if costs else None,
        flagship_cost_usd=flagship,
        flagship_tokens=_whole(
            [(cost.tokens_in or 0) + (cost.tokens_out or 0) for cost in costs if cost.tier == "flagship"]
        ),
        saved=float(1 - cost / flagship) if cost is not None and flagship else None,
    )


def _sum(values: list[Decimal | None]) -> Decimal | None:
    return None if None in values else sum((value for value in values if value is not None), Decimal(0))


def _whole(values: list[int | None]) -> int | None:
    return None if None in values else sum(value for value in values if value is not None)


def _list(runs: AgentRuns, limit: int, *, json: bool) -> None:
    rows = runs.newest(limit)
    if json:
        print_json({"runs": [_head(row) for row in rows]})
        return
    if not rows:
        out().print(plain("No agent has run yet. `pointsman chat AGENT` starts one.", "bold"))
        return
    out().print(
        plain("The newest run of an agent." if len(rows) == 1 else f"The newest {len(rows)} runs of agents.", "bold")
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "when", "agent", "state"):
        table.add_column(heading, overflow="fold")
    for heading in ("steps", "calls", "cost $"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("conversation", overflow="fold")
    for row in rows:
        total = sum_up(runs.costs(row.id), runs.calls(row.id))
        figures = (count(total.model_steps), count(total.tool_calls), dollars(total.cost_usd))
        state = plain(row.state, _STATE_STYLE.get(row.state, "red"))
        table.add_row(
            plain(row.id), at(row.started_at_us), plain(row.agent), state, *figures, plain(row.conversation_id)
        )
    show_stacked(table, keys=1)


def _show(console: Console, run: RunRow, costs: list[StepCost], calls: list[CallRow]) -> None:
    total = sum_up(costs, calls)
    console.print(plain(_verdict(run, total), "bold"))
    reason = f": {run.error_code}: {run.error_text}" if run.error_code or run.error_text else ""
    console.print(
        plain(f"run {run.id}  "),
        plain(run.state, _STATE_STYLE.get(run.state, "red")),
        plain(f" ({run.ended_by or 'under way'}{reason})  {at(run.started_at_us)}  conversation {run.conversation_id}"),
    )
    if costs:
        console.print(plain("\nSteps", "bold"))
        show_stacked(_steps(costs, calls, total), keys=1)
    if calls:
        console.print(plain("\nTool calls", "bold"))
        show_stacked(_calls(calls), keys=1)


def _verdict(run: RunRow, total: RunSum) -> str:
    did = f"{_many(total.model_steps, 'model step')}, {_many(total.tool_calls, 'tool call')}"
    text = f"{run.agent}: {did}, {usd(total.cost_usd)}"
    if total.flagship_cost_usd is not None and total.flagship_model is not None:
        text += f"; all on {short(total.flagship_model)}: {usd(total.flagship_cost_usd)}"
    if total.saved is None:
        return text
    return f"{text} (saved {total.saved:.0%})" if total.saved >= 0 else f"{text} (cost {-total.saved:.0%} more)"


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _steps(costs: list[StepCost], calls: list[CallRow], total: RunSum) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("step", justify="right", no_wrap=True)
    for heading in ("phase", "model", "turn"):
        table.add_column(heading, overflow="fold")
    for heading in ("calls", "in tok", "cached", "out tok", "total ms", "cost $", "on flagship $"):
        table.add_column(heading, justify="right", no_wrap=True)
    for cost in costs:
        table.add_row(
            str(cost.n),
            plain(cost.phase),
            plain(short(cost.model), TIER_STYLE.get(cost.tier, "")),
            plain(cost.turn_id),
            count(sum(call.step == cost.n for call in calls)),
            count(cost.tokens_in),
            count(cost.cached),
            count(cost.tokens_out),
            ms(cost.duration_ms),
            dollars(cost.cost_usd),
            dollars(cost.flagship_cost_usd) if cost.phase != "draft" else UNKNOWN,
        )
    sums = (count(total.tokens_in), "", count(total.tokens_out), "", dollars(total.cost_usd))
    table.add_row("all", "", "", "", count(total.tool_calls), *sums, dollars(total.flagship_cost_usd), style="bold")
    return table


def _calls(calls: list[CallRow]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("step", justify="right", no_wrap=True)
    for heading in ("tool", "kind", "state", "arguments"):
        table.add_column(heading, overflow="fold")
    table.add_column("ms", justify="right", no_wrap=True)
    for call in calls:
        failed = call.result is not None and call.result.is_error
        table.add_row(
            str(call.step),
            plain(call.tool),
            "write" if call.writes else "read",
            plain(call.state + (", error" if failed and call.state == "done" else ""), "red" if failed else ""),
            plain(call.arguments if len(call.arguments) <= 100 else call.arguments[:99] + "…"),  # noqa: PLR2004 - one line
            _took(call),
        )
    return table


def _took(call: CallRow) -> str:
    # Of a call nobody heard the end of, the time until that was noticed says nothing.
    if call.started_at_us is None or call.ended_at_us is None or call.state == "unknown":
        return UNKNOWN
    return ms((call.ended_at_us - call.started_at_us) / 1000)


def _head(run: RunRow) -> dict[str, Any]:
    names = ("id", "agent", "state", "ended_by", "error_code", "error_text", "conversation_id", "key_id")
    return {name: getattr(run, name) for name in (*names, "started_at_us", "updated_at_us", "expires_at_us")}


def _json(run: RunRow, costs: list[StepCost], calls: list[CallRow]) -> dict[str, Any]:
    return {
        **_head(run),
        "reply": None if run.reply is None else run.reply.text,
        "total": for_json(sum_up(costs, calls)),
        "steps": [for_json(cost) for cost in costs],
        "calls": calls,
    }
