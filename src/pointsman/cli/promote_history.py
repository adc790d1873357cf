"""What ``promote``, ``rollback`` and ``canary`` share: who did it, the history, a file that is written whole or not."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer
from rich.table import Table

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import at
from pointsman.store import open_store
from pointsman.store.location import parse_url
from pointsman.store.promotions import Promotion, Promotions

Actor = Annotated[str | None, typer.Option("--by", help="Who does it; default: your login.", envvar="POINTSMAN_ACTOR")]


def actor_of(by: str | None) -> str:
    """Return who is on record: the one named, else the login."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def show_history(store: str, *, json: bool) -> None:
    """Print what was promoted and rolled back, newest first."""
    found: list[Promotion] = []
    if parse_url(store).path.exists():
        with open_store(store, must_exist=True) as opened:
            found = Promotions(opened).history()
    if json:
        print_json({"promotions": [_plain(one) for one in found]})
        return
    forced = sum(one.forced for one in found)
    count = "nothing was promoted yet" if not found else f"{len(found)} changes, {forced} by force"
    out().print(plain(count, "bold"))
    table = Table(box=None, pad_edge=False)
    for heading in ("no.", "when", "action", "what", "evidence", "by", "why"):
        table.add_column(heading, overflow="fold")
    for one in found:
        what = "; ".join(f"{place}: {old or 'shipped'} -> {new or 'shipped'}" for place, old, new in one.changes)
        evidence = "none" if one.gate is None else f"{one.gate['answer']}, {one.gate['cases']:,} cases"
        evidence += ", simulated" if one.simulated else ""
        evidence = f"takes back {one.undoes}" if one.undoes is not None else evidence
        action = f"{one.action} by force" if one.forced else one.action
        table.add_row(str(one.seq), at(one.at_us), action, *map(plain, (what, evidence, one.actor, one.reason)))
    if found:
        show_stacked(table, keys=2)


def _plain(one: Promotion) -> dict[str, object]:
    return {
        "seq": one.seq,
        "at_us": one.at_us,
        "action": one.action,
        "kind": one.kind,
        "policy_file": one.policy_file,
        "before_version": one.before_version,
        "after_version": one.after_version,
        "changes": one.changes,
        "gate": one.gate,
        "forced": one.forced,
        "simulated": one.simulated,
        "undoes": one.undoes,
        "actor": one.actor,
        "reason": one.reason,
    }
