"""The picture of a checked policy: verdict, rules, routes, warnings."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from pointsman.cli.console import plain
from pointsman.routing.audit import Audit


def show(found: Audit, turns_from: str, console: Console) -> None:
    """Print the whole audit."""
    count = len(found.warnings)
    warned = "no warnings" if not count else "1 warning" if count == 1 else f"{count} warnings"
    console.print(
        plain(
            f"{found.source} is valid ({found.policy}): {len(found.rules)} rules, {len(found.routes)} routes, {warned}",
            "bold",
        )
    )
    refused = f", {found.refused} of them served by no model" if found.refused else ""
    console.print(plain(f"tried on {found.turns:,} customer turns of {turns_from}{refused}", "dim"))
    console.print()
    console.print(_rules(found))
    console.print(_routes(found))
    for warning in found.warnings:
        console.print(plain(f"warning: {warning}"))


def _rules(found: Audit) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, title="Rules (held, applied: on how many turns)", title_justify="left", pad_edge=False
    )
    table.add_column("rule", no_wrap=True)
    table.add_column("gives", no_wrap=True)
    table.add_column("held", justify="right")
    table.add_column("applied", justify="right")
    table.add_column("when", overflow="fold")
    for rule in found.rules:
        table.add_row(
            plain(rule.name),
            plain(f"{rule.kind} {rule.target}"),
            f"{rule.matched:,}",
            f"{rule.applied:,}",
            plain(rule.when),
        )
    return table


def _routes(found: Audit) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Routes", title_justify="left", pad_edge=False)
    table.add_column("route", no_wrap=True)
    table.add_column("turns", justify="right")
    table.add_column("reached by", overflow="fold")
    longest = max((len(model) for route in found.routes for model in route.models), default=0)
    table.add_column("models", overflow="fold", min_width=longest + 1)
    for route in found.routes:
        table.add_row(
            plain(route.name),
            f"{route.turns:,}",
            plain(", ".join(route.reached_by) or "nothing"),
            plain(", ".join(route.models)),
        )
    return table
