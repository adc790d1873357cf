"""Catalogue: the models there are, what they can do, and what their tokens cost today."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from pointsman.catalog.book import retired, unreleased
from pointsman.catalog.models import Model
from pointsman.catalog.prices import MILLION, Rates
from pointsman.charts import numbers
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Shown, View

_COLUMNS: Final = (
    Column("model", "Model"),
    Column("tier", "Tier", "tier"),
    Column("context", "Context, tokens", "count"),
    Column("input", "In $", "price"),
    Column("cached", "Cached $", "price"),
    Column("written", "Written $", "price"),
    Column("output", "Out $", "price"),
    Column("batch", "Batch $, in / out"),
    Column("abilities", "Can"),
    Column("note", "Note"),
)


async def show(view: View) -> Shown:
    """Show the models of the policy, then all others."""
    return await view.ask(_show, view)


def _show(view: View) -> Shown:
    book, now = view.router.catalog, datetime.fromtimestamp(view.now_us / 1e6, UTC)
    wanted = view.query.get("find", "").strip().lower()[:100]
    named = view.router.policy.models()
    models = [model for model in book.models() if wanted in model.id.lower() or wanted in model.tier]
    own = [model for model in models if model.id in named]
    rest = [model for model in models if model.id not in named]
    tables = (
        Table(
            "policy", "Models of the policy", _COLUMNS, [_row(view, model, now) for model in own], empty="None matches."
        ),
        Table("others", "All others", _COLUMNS, [_row(view, model, now) for model in rest], empty="None matches."),
    )
    unpriced = sum(book.rates(model.id, now) is None for model in own)
    stale = book.staleness(now.date())
    return Shown(
        {"stale": stale, "wanted": wanted, "day": now.date().isoformat()}, _verdict(view, own, rest, unpriced), tables
    )


def _verdict(view: View, own: list[Model], rest: list[Model], unpriced: int) -> str:
    prices = "all with a known price" if not unpriced else f"{unpriced} of them without a known price"
    reviewed = view.router.catalog.reviewed.isoformat()
    return (
        f"The policy names {len(own)} of {numbers.count(len(own) + len(rest))} models, {prices}. "
        f"The catalogue was last reviewed on {reviewed}."
    )


def _row(view: View, model: Model, now: datetime) -> list[Any]:
    rates, batch = view.router.catalog.rates(model.id, now), view.router.catalog.rates(model.id, now, "batch")
    from_batch = (
        None if batch is None else f"{_plain(_per_million(batch, 'input'))} / {_plain(_per_million(batch, 'output'))}"
    )
    return [
        Cell(model.id, view.turns(model=model.id)),
        model.tier,
        model.context_window,
        *(_per_million(rates, kind) for kind in ("input", "cache_read", "cache_write", "output")),
        from_batch,
        ", ".join(_abilities(model)),
        _note(view, model, rates, now.date()),
    ]


def _per_million(rates: Rates | None, kind: str) -> Decimal | None:
    rate: Decimal | None = None if rates is None else getattr(rates, kind)
    return None if rate is None else rate * MILLION


def _plain(value: Decimal | None) -> str:
    return numbers.UNKNOWN if value is None else f"{value.normalize():f}"


def _abilities(model: Model) -> list[str]:
    words = ["tools"] if model.tools else []
    words += {"json_schema": ["schema"], "json_object": ["json"]}.get(model.structured_output, [])
    words += [one for one in model.modalities if one != "text"]
    return words + (["reasoning"] if model.reasoning.kind != "none" else [])


def _note(view: View, model: Model, rates: Rates | None, day: date) -> str:
    notes = []
    if retired(model, day):
        notes.append(f"retired {model.retires}")
    elif model.retires:
        notes.append(f"retires {model.retires}")
    if unreleased(model, day):
        notes.append(f"not out before {model.released}")
    if rates is not None and rates.long is not None:
        notes.append(f"dearer above {numbers.count(rates.long_above)} tokens")
    if model.provider in view.router.missing:
        notes.append("no key for its provider")
    if rates is None:
        notes.append("price unknown")
    return ", ".join(notes)
