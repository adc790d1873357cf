"""``pointsman cost``: the monthly bill of a workload, with the formula's parts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from pointsman.catalog.book import Catalog
from pointsman.catalog.economics import Bill, Estimate, ModelBill, RoutedBill, estimate
from pointsman.catalog.presets import PRESETS, Remark, load_preset, remarks
from pointsman.catalog.workload import read_workload
from pointsman.cli.console import out, plain, print_json
from pointsman.cli.figures import UNKNOWN, count, dollars, for_json, moment, plain_number, show, usd, warn_if_stale
from pointsman.errors import UsageError


def command(
    workload: Annotated[
        Path | None, typer.Argument(help="A workload file (YAML); see --show for an example.", show_default=False)
    ] = None,
    preset: Annotated[str | None, typer.Option(help=f"A shipped workload: {', '.join(PRESETS)}.")] = None,
    at: Annotated[str | None, typer.Option(help="Prices of this day (YYYY-MM-DD).")] = None,
    catalog: Annotated[
        Path | None, typer.Option(help="Your own catalogue file on top.", envvar="POINTSMAN_CATALOG")
    ] = None,
    show_file: Annotated[
        bool, typer.Option("--show", help="Print the preset's file instead, to copy and change.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print only JSON.")] = False,
) -> None:
    """Work out the monthly bill of a workload: per model and per route, uncached and cached, with its parts.

    Dollars a month; a dash (null in JSON) means unknown. Exit codes: 0 done, 2 the input was wrong.
    """
    if (workload is None) == (preset is None):
        raise UsageError(f"Give either a workload file or --preset ({', '.join(PRESETS)})")
    if show_file:
        _show_file(preset)
        return
    book = Catalog.load(catalog)
    when = moment(at)
    warn_if_stale(book, when)
    known = load_preset(preset) if preset is not None else read_workload(workload or Path(), book)
    found = estimate(known, book, when)
    said = () if preset is None else remarks(preset, known, book, when)
    if json:
        print_json(for_json({**msgspec.to_builtins(found, builtin_types=(Decimal,)), "remarks": said}))
        return
    _print(found, said)


def _show_file(preset: str | None) -> None:
    from importlib.resources import files

    if preset is None:
        raise UsageError(f"--show goes with --preset ({', '.join(PRESETS)})")
    load_preset(preset)
    typer.echo(files("pointsman.catalog").joinpath(f"data/workloads/{preset}.yaml").read_text("utf-8"), nl=False)


def _print(found: Estimate, said: tuple[Remark, ...]) -> None:
    console = out()
    console.print(plain(_verdict(found), "bold"))
    console.print(
        plain(
            f"{count(found.calls)} calls a month, {count(found.input_tokens_per_call)} tokens in and "
            f"{count(found.output_tokens_per_call)} out per call, prices of {found.at}."
        )
    )
    if found.models:
        console.print()
        show(_models_table(found.models))
        bills = [bill.cached if bill.cached.usd is not None else bill.uncached for bill in found.models]
        show(_parts_table([("", bill) for bill in bills]))
    if found.routed is not None:
        console.print()
        show(_routes_table(found.routed, found.baseline))
        lines = found.routed.routes
        show(
            _parts_table(
                [(line.route, line.cached if line.cached.usd is not None else line.uncached) for line in lines]
            )
        )
    _print_notes(found, said)


def _verdict(found: Estimate) -> str:
    routed, baseline = found.routed, found.baseline
    if routed is not None and routed.uncached.usd is None:
        return f"{found.workload}: the routed bill is unknown, a price is missing."
    if routed is not None:
        both_known = routed.cached.usd is not None and (baseline is None or baseline.cached.usd is not None)
        kind = "" if both_known else " uncached"
        ours = routed.cached.usd if both_known else routed.uncached.usd
        text = f"{found.workload}: routed {usd(ours)} a month{kind}"
        base = None if baseline is None else baseline.cached.usd if both_known else baseline.uncached.usd
        if base and ours is not None and baseline is not None:
            change = (base - ours) / base * 100
            word = "less" if change >= 0 else "more"
            text += f", against {usd(base)} with everything on {baseline.model} ({abs(change):.1f} % {word})"
        return text + "."
    known = sorted((bill.cached.usd, bill.model) for bill in found.models if bill.cached.usd is not None)
    if not known:
        return f"{found.workload}: no cached bill is known, a price is missing."
    low, high = known[0], known[-1]
    if low == high:
        return f"{found.workload}: {usd(low[0])} a month on {low[1]}, cached."
    return f"{found.workload}: from {usd(low[0])} a month on {low[1]} to {usd(high[0])} on {high[1]}, cached."


def _models_table(bills: tuple[ModelBill, ...]) -> Table:
    table = Table(title="All calls on one model", title_justify="left", box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in ("uncached $/month", "cached $/month", "cache saves"):
        table.add_column(heading, justify="right", no_wrap=True)
    for bill in bills:
        table.add_row(plain(bill.model), usd(bill.uncached.usd), usd(bill.cached.usd), _saving(bill))
    return table


def _saving(bill: ModelBill) -> str:
    if not bill.uncached.usd or bill.cached.usd is None:
        return UNKNOWN
    return f"{(1 - bill.cached.usd / bill.uncached.usd) * 100:.1f} %"


def _routes_table(routed: RoutedBill, baseline: ModelBill | None) -> Table:
    table = Table(title="As routed, per month", title_justify="left", box=None, pad_edge=False)
    table.add_column("route", overflow="fold")
    table.add_column("models", overflow="fold")
    for heading in ("share", "calls", "uncached $", "cached $"):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in routed.routes:
        share = f"{plain_number(line.share * 100)} %"
        table.add_row(
            plain(line.route),
            plain(" +\n".join(line.models)),
            share,
            count(line.calls),
            dollars(line.uncached.usd),
            dollars(line.cached.usd),
        )
    table.add_section()
    table.add_row("all", "", "", "", dollars(routed.uncached.usd), dollars(routed.cached.usd), style="bold")
    if baseline is not None:
        table.add_row(
            "baseline", plain(baseline.model), "100 %", "", dollars(baseline.uncached.usd), dollars(baseline.cached.usd)
        )
    return table


def _parts_table(bills: list[tuple[str, Bill]]) -> Table:
    """Show the formula: tokens x dollars per million = dollars, for every part; the parts add up to the bill."""
    table = Table(title="Parts (tokens x $ per million)", title_justify="left", box=None, pad_edge=False)
    by_route = any(label for label, _ in bills)
    table.add_column("route" if by_route else "", overflow="fold")
    table.add_column("model", overflow="fold")
    table.add_column("kind", no_wrap=True)
    for heading in ("Mtokens/month", "$/Mtoken", "$/month"):
        table.add_column(heading, justify="right", no_wrap=True)
    for label, bill in bills:
        for index, part in enumerate(part for part in bill.parts if part.tokens):
            kind = part.kind.replace("_", " ") + (" (batch)" if part.processing == "batch" else "")
            millions = f"{part.tokens / 1_000_000:,.3f}"
            table.add_row(
                plain(label if index == 0 else ""),
                plain(part.model),
                kind,
                millions,
                plain_number(part.usd_per_mtok),
                usd(part.usd),
            )
    return table


def _print_notes(found: Estimate, said: tuple[Remark, ...]) -> None:
    lines = [note for bill in found.models for note in bill.notes]
    lines += list(found.routed.notes) if found.routed is not None else []
    lines += list(found.baseline.notes) if found.baseline is not None else []
    bills: list[Any] = [*found.models, *(found.routed.routes if found.routed is not None else ())]
    lines += [f"unknown: {bill.unknown}" for entry in bills for bill in (entry.uncached, entry.cached) if bill.unknown]
    lines += [remark.text for remark in said]
    if lines:
        console = out()
        console.print()
        for line in dict.fromkeys(lines):
            console.print(plain(f"* {line}"))
