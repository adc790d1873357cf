"""``pointsman shadow``: how the router is checked, and one pass by hand."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsman.cli.console import note, out, plain, print_json
from pointsman.cli.store_options import AsJson, Since, StoreUrl, Until, since_us, until_us
from pointsman.errors import NotFound, UsageError
from pointsman.store import DEFAULT_URL, open_store

if TYPE_CHECKING:
    from pointsman.monitoring.shadow.service import Pass
    from pointsman.routing.policy import Policy

app = typer.Typer(
    help="Check the router: a stronger model answers some turns again. Exit codes: 0 done, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Policy file; default ./pointsman.yaml, else the built-in rubric.")
]
_PASSES = 1_000
_MONTH_US = 30 * 86_400_000_000


@app.command()
def status(
    since: Since = None,
    until: Until = None,
    policy: PolicyFile = None,
    store: StoreUrl = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Show how many turns were checked, the misroute rate of all traffic, and what it cost. By default the last 30 days."""
    from pointsman.cli.shadow_view import show_status, status_json
    from pointsman.monitoring.misroutes_of import misroute_rates
    from pointsman.monitoring.shadow.standing import standing

    chosen = _policy(policy)
    ends = until_us(until) or time.time_ns() // 1000
    begins = since_us(since)
    begins = ends - _MONTH_US if begins is None else begins
    with open_store(store, must_exist=True) as opened:
        now = standing(opened, chosen.shadow, datetime.now(UTC))
        rates = misroute_rates(opened, begins, ends)
    if json:
        print_json(status_json(now, rates))
    else:
        show_status(now, rates)


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do now, and end.")] = False,
    emulated: Annotated[bool, typer.Option("--emulated", help="Simulated models answer and judge.")] = False,
    policy: PolicyFile = None,
    store: StoreUrl = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Choose turns, have them answered again and judged. `pointsman serve` does so by itself, beside the turns.

    A store whose turns were never looked at is begun at its first turn.
    """
    chosen = _policy(policy)
    if chosen.shadow is None:
        raise UsageError("the policy has no section shadow: write shadow: {} to check against the flagship tier")
    if not once:
        raise UsageError("checks go on beside `pointsman serve`; here they are done --once")
    with open_store(store, must_exist=True, read_only=False):
        pass  # a store that is not there is no place to look for turns
    done = asyncio.run(_once(chosen, store, emulated=emulated))
    if json:
        print_json(
            {
                "looked_at": done.looked,
                "answered": done.answered,
                "sent_by_batch": done.sent,
                "heard_by_batch": done.heard,
                "judged": done.judged,
            }
        )
        return
    by_batch = f", {done.sent:,} sent and {done.heard:,} heard by batch" if done.sent or done.heard else ""
    line = f"{done.looked:,} turns looked at, {done.answered:,} answered again{by_batch}, {done.judged:,} judged."
    out().print(plain(line, "bold"))
    note("`pointsman shadow status` tells what came of it")


@app.command()
def show(
    turn_id: Annotated[str, typer.Argument(metavar="TURN", help="The turn's id, or its first letters.")],
    store: StoreUrl = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Show one check: both replies side by side, what differs, and what the judge said in both orders."""
    from pointsman.cli.shadow_view import pair_json, show_pair
    from pointsman.monitoring.shadow.standing import pair

    with open_store(store, must_exist=True) as opened:
        found = opened.ids_with_prefix(turn_id, 2)
        if len(found) > 1 and turn_id not in found:
            raise UsageError(f"several turns begin with {turn_id!r}; write more of the id")
        if not found:
            raise NotFound(f"there is no turn {turn_id!r}; 'pointsman shadow list' shows what was checked")
        one = pair(opened, turn_id if turn_id in found else found[0])
    if json:
        print_json(pair_json(one))
    else:
        show_pair(one)


@app.command("list")
def list_(
    misrouted: Annotated[bool, typer.Option("--misrouted", help="Only turns that needed the stronger model.")] = False,
    state: Annotated[str | None, typer.Option("--state", help="Only checks in this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many to show.")] = 20,
    store: StoreUrl = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """List checked turns, the newest first."""
    from pointsman.cli.shadow_view import row_json, show_rows
    from pointsman.store.shadow import Shadows
    from pointsman.store.shadow_rows import STATES

    if state is not None and state not in STATES:
        raise UsageError(f"--state {state!r} is none of: {', '.join(STATES)}")
    with open_store(store, must_exist=True) as opened:
        rows = Shadows(opened).listed(state=state, material=True if misrouted else None, limit=limit)
    if json:
        print_json({"checks": [row_json(row) for row in rows]})
    else:
        show_rows(rows)


async def _once(policy: Policy, store: str, *, emulated: bool) -> Pass:
    import contextlib

    from pointsman.app import build_router
    from pointsman.monitoring.shadow.service import Pass, ShadowChecks

    with contextlib.ExitStack() as stack:
        at = None
        if emulated:
            from pointsman.emulator.app import Emulator
            from pointsman.emulator.script import Script
            from pointsman.emulator.serving import serve_in_thread

            at = stack.enter_context(serve_in_thread(Emulator(Script(any_model=True)))).base_url
        router = build_router(policy, store=store, simulate_at=at)
        async with router:
            for warning in router.warnings(datetime.now(UTC).date()):
                note(warning)
            if policy.shadow is None:
                return Pass()
            checks = ShadowChecks(router, policy.shadow)
            await checks.begin(from_first=True)
            total, before = Pass(), None
            for _ in range(_PASSES):
                done = await checks.once(look=True)
                total = total + done
                counts = checks.counts()
                if counts == before:
                    break  # what still waits, waits for money, a batch or a model that is ill
                before = counts
            return total


def _policy(path: Path | None) -> Policy:
    from pointsman.cli.policy_file import open_policy

    return open_policy(path)
