"""Cost what-if: the calculator of ``pointsman cost`` as a page, filled from the store's own traffic or a preset."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from pointsman.catalog.economics import Bill, Estimate, ModelBill, RoutedBill, estimate
from pointsman.catalog.presets import PRESETS, Remark, load_preset, remarks
from pointsman.charts import numbers
from pointsman.charts.bars import Bar, bars, bars_table, waterfall
from pointsman.charts.svg import Tone
from pointsman.domain.decision import Tier
from pointsman.errors import CatalogError, PointsmanError, RequestError
from pointsman.server.dashboard import workload_form
from pointsman.server.dashboard.plots import Plot, plot
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View

_KINDS: Final[Mapping[str, str]] = {
    "input": "input, uncached",
    "cache_read": "cache reads",
    "cache_write": "cache writes",
    "output": "output",
}
_TIERS: Final[tuple[Tier, ...]] = ("small", "mid", "flagship")
_LABELS: Final[tuple[tuple[str, str], ...]] = (
    ("conversations", "Conversations a month"),
    ("turns", "Turns of a conversation"),
    ("system", "System prompt, tokens"),
    ("cached", "of it read from the cache, %"),
    ("context", "Rest of the prompt, tokens"),
    ("output", "Reply, tokens"),
    ("batch", "Can wait for the batch price, %"),
    ("writes", "Cache writes a month, or auto"),
)


class Filled(msgspec.Struct, frozen=True):
    """The fields of the form, where they are from, and what is wrong with them."""

    fields: dict[str, str]
    source: str
    problem: str = ""


async def show(view: View) -> Shown:
    """Show the form and the bill of what stands in it."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    filled, found, said = _worked_out(view)
    data: dict[str, Any] = {
        "labels": _LABELS,
        "form": filled.fields,
        "source": filled.source,
        "problem": filled.problem,
        "presets": {name: view.link(view.page.slug, preset=name) for name in PRESETS},
        "own": view.link(view.page.slug),
        "route_rows": range(1, workload_form.ROUTES + 1),
        "opened": _opened(filled.fields),
        "models": sorted(model.id for model in view.router.catalog.models()),
        "found": found,
        "notes": () if found is None else _notes(found, said),
        "charts": () if found is None else _charts(view, found),
    }
    tables = data["sheets"] = () if found is None else _tables(view, found)
    return Shown(data, "" if found is None else _verdict(found), tables)


def _worked_out(view: View) -> tuple[Filled, Estimate | None, tuple[Remark, ...]]:
    """Return what is in the form and its bill; no bill where the form is empty or wrong."""
    now = datetime.fromtimestamp(view.now_us / 1e6, UTC)
    catalog, preset = view.router.catalog, view.query.get("preset", "")
    fields, source = workload_form.given(view.query), ""
    try:
        if preset and not fields:
            known = load_preset(preset)
            found = estimate(known, catalog, now)
            return (
                Filled(workload_form.fields_of(known), f"preset {preset}"),
                found,
                remarks(preset, known, catalog, now),
            )
        source = "what was written" if fields else f"the traffic of {view.filter.words}"
        fields = fields or _traffic(view)
        if not fields:
            return Filled({}, "", ""), None, ()
        found = estimate(workload_form.workload_of(fields, catalog), catalog, now)
    except (RequestError, CatalogError) as error:
        return Filled(fields, source, str(error)), None, ()
    except PointsmanError as error:
        raise RequestError(str(error), param="preset") from None
    return Filled(fields, source), found, ()


def _traffic(view: View) -> dict[str, str]:
    known = frozenset(model.id for model in view.router.catalog.models())
    flagship = next((name for name in view.router.policy.tiers.models("flagship") if name in known), None)
    with view.asker.board() as board:
        return workload_form.traffic(board, view.slice, known, flagship)


def _opened(fields: Mapping[str, str]) -> int:
    """Return how many rows of routes are shown at first: those filled and one more."""
    filled = [row for row in range(1, workload_form.ROUTES + 1) if f"share{row}" in fields]
    return min(workload_form.ROUTES, max(filled, default=0) + 1)


def _cached_or_not(found: RoutedBill | ModelBill) -> Bill:
    return found.cached if found.cached.usd is not None else found.uncached


def _verdict(found: Estimate) -> str:
    month = f"{numbers.count(found.calls)} calls a month at the prices of {found.at}"
    routed, baseline = found.routed, found.baseline
    if routed is not None:
        both = routed.cached.usd is not None and (baseline is None or baseline.cached.usd is not None)
        ours = routed.cached.usd if both else routed.uncached.usd
        if ours is None:
            return f"{month}: the routed bill is unknown, a price is missing."
        text = f"{month}: routed {numbers.money(ours)}{'' if both else ' uncached'}"
        base = None if baseline is None else baseline.cached.usd if both else baseline.uncached.usd
        if base and baseline is not None:
            saved = (base - ours) / base
            word = "less" if saved >= 0 else "more"
            text += f", against {numbers.money(base)} with everything on {baseline.model} ({numbers.percent(abs(saved))} {word})"
        return text + "."
    known = sorted((bill.cached.usd, bill.model) for bill in found.models if bill.cached.usd is not None)
    if not known:
        return f"{month}: no bill is known, a price is missing."
    low, high = known[0], known[-1]
    if low == high:
        return f"{month}: {numbers.money(low[0])} on {low[1]}, cached."
    return f"{month}: from {numbers.money(low[0])} on {low[1]} to {numbers.money(high[0])} on {high[1]}, cached."


def _tables(view: View, found: Estimate) -> tuple[Table, ...]:
    return tuple(table for table in (_models(view, found), _routes(found), _parts(found)) if table.rows)


def _models(view: View, found: Estimate) -> Table:
    columns = (
        Column("model", "Everything on", "model"),
        Column("tier", "Tier", "tier"),
        Column("uncached_usd", "A month, uncached", "usd"),
        Column("cached_usd", "A month, cached", "usd"),
        Column("saved", "The cache saves", "share"),
    )
    baseline = () if found.baseline is None else (found.baseline,)
    bills = list({bill.model: bill for bill in (*found.models, *baseline)}.values())
    rows = [
        [bill.model, _tier(view, bill.model), _usd(bill.uncached), _usd(bill.cached), _saved(bill)] for bill in bills
    ]
    return Table("models", "All calls on one model", columns, rows)


def _usd(bill: Bill) -> Cell:
    return Cell(bill.usd, title=bill.unknown or "")


def _saved(bill: ModelBill) -> float | None:
    if not bill.uncached.usd or bill.cached.usd is None:
        return None
    return float(1 - bill.cached.usd / bill.uncached.usd)


def _tier(view: View, model: str) -> str | None:
    return next((name for name in _TIERS if model in view.router.policy.tiers.models(name)), None)


def _routes(found: Estimate) -> Table:
    columns = (
        Column("route", "Route"),
        Column("models", "Models"),
        Column("share", "Share", "share"),
        Column("calls", "Calls", "count"),
        Column("uncached_usd", "A month, uncached", "usd"),
        Column("cached_usd", "A month, cached", "usd"),
    )
    routed = found.routed
    if routed is None:
        return Table("routes", "As routed", columns, ())
    rows: list[list[Any]] = [
        [one.route, " + ".join(one.models), float(one.share), one.calls, _usd(one.uncached), _usd(one.cached)]
        for one in routed.routes
    ]
    rows.append(["all", "", None, found.calls, _usd(routed.uncached), _usd(routed.cached)])
    return Table("routes", "As routed", columns, rows)


def _parts(found: Estimate) -> Table:
    columns = (
        Column("of", "Of"),
        Column("model", "Model", "model"),
        Column("kind", "Kind"),
        Column("tokens", "Tokens a month", "count"),
        Column("usd_per_mtok", "$ per million", "price"),
        Column("usd", "A month", "usd"),
    )
    bills: list[tuple[str, Bill]] = [("one model", _cached_or_not(bill)) for bill in found.models]
    if found.routed is not None:
        lines = found.routed.routes
        bills = [(one.route, one.cached if one.cached.usd is not None else one.uncached) for one in lines]
    rows = [
        [name, part.model, _kind(part.kind, part.processing), part.tokens, part.usd_per_mtok, part.usd]
        for name, bill in bills
        for part in bill.parts
        if part.tokens
    ]
    return Table("parts", "Parts: tokens x dollars per million", columns, rows)


def _kind(kind: str, processing: str) -> str:
    return _KINDS.get(kind, kind.replace("_", " ")) + (" (batch)" if processing == "batch" else "")


def _charts(view: View, found: Estimate) -> tuple[Plot, ...]:
    if found.routed is None:
        items = [Bar(bill.model, _number(_cached_or_not(bill).usd), _tone(view, bill.model)) for bill in found.models]
        title = "A month on each model, cached where that is known"
        one = plot(
            title, lambda width: bars(items, title=title, unit="usd", width=width), bars_table(items, unit="usd")
        )
        return (one, *_by_kind(_cached_or_not(found.models[0]), f"What a month on {found.models[0].model} is made of"))
    routed = _cached_or_not(found.routed)
    lines = found.routed.routes
    steps = [
        Bar(one.route, _number(one.cached.usd if routed is found.routed.cached else one.uncached.usd)) for one in lines
    ]
    steps.append(Bar("as routed", _number(routed.usd), total=True))
    if found.baseline is not None:
        base = found.baseline.cached if routed is found.routed.cached else found.baseline.uncached
        name = f"all on {found.baseline.model.rpartition('/')[2]}"
        steps.append(Bar(name, _number(base.usd), _tone(view, found.baseline.model), total=True))
    return (*_falls(steps, "A month, route by route"), *_by_kind(routed, "What the routed month is made of"))


def _by_kind(bill: Bill, title: str) -> tuple[Plot, ...]:
    sums: dict[str, Decimal] = {}
    for part in bill.parts:
        name = _kind(part.kind, part.processing)
        sums[name] = sums.get(name, Decimal(0)) + part.usd
    steps = [Bar(name, float(value)) for name, value in sums.items() if value]
    return _falls([*steps, Bar("in all", _number(bill.usd), total=True)], title) if steps else ()


def _falls(steps: list[Bar], title: str) -> tuple[Plot, ...]:
    table = bars_table(steps, unit="usd")
    return (plot(title, lambda width: waterfall(steps, title=title, unit="usd", width=width), table),)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _tone(view: View, model: str) -> Tone:
    tier = _tier(view, model)
    return next((tone for tone in _TIERS if tone == tier), "ink")


def _notes(found: Estimate, said: tuple[Remark, ...]) -> tuple[str, ...]:
    bills: list[Any] = [
        *found.models,
        *((found.routed,) if found.routed else ()),
        *((found.baseline,) if found.baseline else ()),
    ]
    lines = [note for bill in bills for note in bill.notes]
    lines += [f"Unknown: {one.unknown}" for bill in bills for one in (bill.uncached, bill.cached) if one.unknown]
    return tuple(dict.fromkeys([*lines, *(remark.text for remark in said)]))
