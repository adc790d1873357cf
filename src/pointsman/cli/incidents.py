"""``pointsman incidents``: what went wrong, with its evidence, and what people do about it."""

from __future__ import annotations

import re
import time
from getpass import getuser
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.policy_file import open_policy
from pointsman.cli.replay_view import counted
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, Limit, StoreUrl, at
from pointsman.errors import UsageError
from pointsman.monitoring.incidents import known
from pointsman.monitoring.incidents_acting import Acting
from pointsman.store import DEFAULT_URL, Store, open_store
from pointsman.store.incidents import Incident, IncidentReader, Signal
from pointsman.store.outbox import deliveries

app = typer.Typer(
    help="List incidents; acknowledge, silence and resolve them. Exit codes: 0 done, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_LENGTH = re.compile(r"^(\d{1,4})(m|h|d)$")
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400}
_LISTED = 10
IncidentId = Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it.")]
PolicyPath = Annotated[
    Path | None, typer.Option("--policy", help="The policy whose sinks are told; default: ./pointsman.yaml.")
]
Who = Annotated[str | None, typer.Option("--who", help="Who does it; default: you.")]


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Limit = 50,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """List incidents that are not resolved."""
    with open_store(store, must_exist=True) as opened:
        found = IncidentReader(opened).all(state=None if every else "unresolved", limit=limit)
        waiting = deliveries(opened, waiting=True)
    if json:
        print_json({"incidents": found, "alerts_waiting": len(waiting)})
        return
    going_on = sum(one.state != "resolved" for one in found)
    text = f"{counted(going_on, 'incident')} not resolved." if going_on else "No incident goes on."
    out().print(plain(text, "bold"))
    if waiting:
        out().print(plain(f"{counted(len(waiting), 'alert')} not delivered yet: pointsman incidents deliveries"))
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "state", "severity", "opened", "resolved", "title"):
        table.add_column(heading, overflow="fold")
    for one in found:
        over = "" if one.resolved_us is None else at(one.resolved_us)
        table.add_row(plain(one.id), one.state, one.severity, at(one.opened_us), over, plain(_title(one)))
    if found:
        show_stacked(table, keys=1)


@app.command()
def show(incident: IncidentId, json: AsJson = False, store: StoreUrl = DEFAULT_URL) -> None:
    """Tell an incident: evidence, timeline, turns, deliveries."""
    with open_store(store, must_exist=True) as opened:
        reader = IncidentReader(opened)
        one = known(reader, incident)
        signals, events, turns = reader.signals(one.id), reader.timeline(one.id), reader.turns(one.id)
        sent = deliveries(opened, one.id)
    if json:
        print_json(
            {
                "incident": one,
                "signals": [_signal(signal) for signal in signals],
                "timeline": events,
                "turns": turns,
                "deliveries": sent,
            }
        )
        return
    console = out()
    console.print(plain(f"{_title(one)} ({one.severity}, {one.state})", "bold"))
    for event in events:
        by = f" by {event.who}" if event.who else ""
        console.print(plain(f"{at(event.at_us)}  {event.kind}{by}  {event.text}"))
    if turns:
        more = f" and {len(turns) - _LISTED} more" if len(turns) > _LISTED else ""
        console.print(plain(f"turns: {', '.join(turns[:_LISTED])}{more}"))
    for delivery in sent:
        state = "delivered" if delivery.delivered_us else f"waits after {counted(delivery.attempts, 'attempt')}"
        error = f": {delivery.error_text}" if delivery.error_text else ""
        console.print(plain(f"{delivery.sink}: {delivery.event} {state}{error}"))
    if one.note:
        console.print(plain(f"note: {one.note}"))


@app.command()
def ack(incident: IncidentId, who: Who = None, policy: PolicyPath = None, store: StoreUrl = DEFAULT_URL) -> None:
    """Say that somebody looks after it."""
    with open_store(store, must_exist=True, read_only=False) as opened:
        one = _acting(opened, policy).acknowledge(incident, who or getuser())
    out().print(plain(f"{one.id} is acknowledged."))


@app.command()
def resolve(
    incident: IncidentId,
    why: Annotated[str, typer.Option("--why", help="What ended it.")] = "resolved by hand",
    who: Who = None,
    policy: PolicyPath = None,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """End it. It opens again on new evidence only: what was counted until now is not held against it."""
    with open_store(store, must_exist=True, read_only=False) as opened:
        one = _acting(opened, policy).resolve(incident, who or getuser(), why)
    out().print(plain(f"{one.id} is resolved."))


@app.command()
def silence(
    incident: IncidentId,
    length: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")] = "1h",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    who: Who = None,
    policy: PolicyPath = None,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Tell nobody of its cause for a while. It goes on, and is told afterwards if it still does."""
    match = _LENGTH.match(length)
    if match is None or int(match[1]) == 0:
        raise UsageError(f"--for {length!r} is not a length of time: write 30m, 2h or 1d")
    with open_store(store, must_exist=True, read_only=False) as opened:
        seconds = int(match[1]) * _UNIT_S[match[2]]
        until = _acting(opened, policy).silence(incident, who or getuser(), seconds, reason)
    out().print(plain(f"Nobody is told of {incident} and its cause until {at(until)}."))


@app.command()
def note(
    incident: IncidentId,
    text: Annotated[str, typer.Argument(help="The post-mortem.")],
    who: Who = None,
    policy: PolicyPath = None,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Write its post-mortem; an earlier one is replaced."""
    with open_store(store, must_exist=True, read_only=False) as opened:
        one = _acting(opened, policy).note(incident, who or getuser(), text)
    out().print(plain(f"The note of {one.id} is written."))


@app.command("deliveries")
def deliveries_(
    every: Annotated[bool, typer.Option("--all", help="Delivered ones too.")] = False,
    limit: Limit = 50,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """List alerts that no receiver has taken yet."""
    with open_store(store, must_exist=True) as opened:
        found = deliveries(opened, waiting=not every, limit=limit)
    if json:
        print_json({"deliveries": found})
        return
    waiting = sum(one.delivered_us is None for one in found)
    out().print(
        plain(f"{counted(waiting, 'alert')} not delivered yet." if waiting else "Every alert is delivered.", "bold")
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("incident", "sink", "event", "attempts", "next or delivered", "error"):
        table.add_column(heading, overflow="fold")
    for one in found:
        when = at(one.delivered_us or one.next_us)
        tries = str(one.attempts)
        table.add_row(plain(one.incident_id), one.sink, one.event, tries, when, plain(one.error_text or ""))
    if found:
        show_stacked(table, keys=2)


def _acting(store: Store, policy: Path | None) -> Acting:
    return Acting(store, open_policy(policy).monitors, time.time_ns() // 1000)


def _title(one: Incident) -> str:
    return f"[simulated] {one.title}" if one.simulated else one.title


def _signal(signal: Signal) -> dict[str, Any]:
    return {**msgspec.structs.asdict(signal), "evidence": msgspec.Raw(signal.evidence.encode())}
