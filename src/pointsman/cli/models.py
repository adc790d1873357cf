"""``pointsman models``: the catalogue with abilities and prices."""

from __future__ import annotations

import difflib
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from pointsman.catalog.book import Catalog, retired, unreleased
from pointsman.catalog.models import Model
from pointsman.catalog.prices import MILLION, Rates
from pointsman.cli.console import TIER_STYLE, out, print_json
from pointsman.cli.figures import UNKNOWN, for_json, moment, plain_number, show, size, warn_if_stale, width
from pointsman.domain.decision import TIERS
from pointsman.errors import UsageError

_PRICES = ("tier", "in", "cached", "write", "out", "batch\nin/out")
_ABILITIES = ("context", "effective", "abilities")
_NEAR = 0.7  # likeness from which a name is taken for a slip of the pen: opneai is one, nope is not
_WIDE = 130  # columns; below that prices and abilities get a table each
_RATE_NAMES = ("input", "cache_read", "cache_write", "cache_write_1h", "output")


def command(
    provider: Annotated[str | None, typer.Option(help="Only this provider's models.")] = None,
    tier: Annotated[str | None, typer.Option(help="Only this tier: small, mid or flagship.")] = None,
    at: Annotated[str | None, typer.Option(help="Prices and retirements of this day (YYYY-MM-DD).")] = None,
    catalog: Annotated[
        Path | None, typer.Option(help="Your own catalogue file on top.", envvar="POINTSMAN_CATALOG")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print only JSON, with every field's source.")] = False,
) -> None:
    """List the models of the catalogue with abilities and prices in US dollars per million tokens.

    A dash (null in JSON) means unknown. Exit codes: 0 done, 2 the input was wrong.
    """
    book = Catalog.load(catalog)
    when = moment(at)
    models = _chosen(book, provider, tier)
    warning = warn_if_stale(book, when)
    if json:
        entries = [_entry(book, model, when) for model in models]
        print_json({"at": when.date().isoformat(), "reviewed": book.reviewed, "warning": warning, "models": entries})
        return
    providers = len({model.provider for model in models})
    gone = sum(retired(model, when.date()) for model in models)
    out().print(
        Text(
            f"{len(models)} models of {providers} provider{'' if providers == 1 else 's'}, {gone} of them retired. "
            f"US dollars per million tokens on {when.date()}; {UNKNOWN} is unknown."
        )
    )
    if width() >= _WIDE:
        show(_table(book, models, when, (*_PRICES, *_ABILITIES)))
        return
    show(_table(book, models, when, _PRICES))
    out().print()
    show(_table(book, models, when, _ABILITIES))


def _chosen(book: Catalog, provider: str | None, tier: str | None) -> list[Model]:
    providers = list(dict.fromkeys(model.provider for model in book.models()))
    if provider is not None and provider not in providers:
        near = difflib.get_close_matches(provider.lower(), providers, n=1, cutoff=_NEAR)
        hint = f"did you mean {near[0]}? There are" if near else "there are"
        raise UsageError(f"--provider {provider[:100]!r} is not in the catalogue; {hint}: {', '.join(providers)}")
    if tier is not None and tier not in TIERS:
        raise UsageError(f"--tier {tier[:100]!r} is not a tier; there are: {', '.join(TIERS)}")
    return [
        model
        for model in book.models()
        if (provider is None or model.provider == provider) and (tier is None or model.tier == tier)
    ]


def _table(book: Catalog, models: list[Model], when: datetime, columns: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold", min_width=20)
    for heading in columns:
        if heading == "abilities":
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="left" if heading == "tier" else "right", no_wrap=True)
    for model in models:
        cells = _cells(book, model, when)
        name = Text(model.id, style="dim" if retired(model, when.date()) else "")
        table.add_row(name, *(cells[heading] for heading in columns))
    if "in" in columns:
        table.caption = "+ dearer above a prompt length (see --json)"
        table.caption_justify = "left"
    return table


def _cells(book: Catalog, model: Model, when: datetime) -> dict[str, Text | str]:
    rates = book.rates(model.id, when)
    batch = book.rates(model.id, when, "batch")
    long = "+" if rates is not None and rates.long is not None else ""
    return {
        "tier": Text(model.tier, style=TIER_STYLE[model.tier]),
        "context": size(model.context_window),
        "effective": size(model.effective_context),
        "in": _price(rates, "input") + long,
        "cached": _price(rates, "cache_read"),
        "write": _price(rates, "cache_write"),
        "out": _price(rates, "output"),
        "batch\nin/out": UNKNOWN if batch is None else f"{_price(batch, 'input')}/{_price(batch, 'output')}",
        "abilities": _abilities(model, when.date()),
    }


def _price(rates: Rates | None, kind: str) -> str:
    per_token: Decimal | None = None if rates is None else getattr(rates, kind)
    return UNKNOWN if per_token is None else plain_number(per_token * MILLION)


def _abilities(model: Model, day: date) -> Text:
    words = [
        word
        for word, has in (("tools", model.tools), ("demo", model.demo), ("on-prem", model.hosting == "on_prem"))
        if has
    ]
    words += [
        {"json_schema": "schema", "json_object": "json"}[kind] for kind in [model.structured_output] if kind != "none"
    ]
    words += [modality for modality in model.modalities if modality != "text"]
    if model.reasoning.kind != "none":
        words.append("reasons" if model.reasoning.default_on else "can reason")
    if model.responses_only:
        words.append("Responses API only: no turn can be sent to it")
    text = Text(" ".join(words[:1]) + "".join(f", {word}" for word in words[1:]))
    if unreleased(model, day):
        text.append(f"; not out before {model.released}", style="bold")
    if retired(model, day):
        text.append(f"; RETIRED {model.retires}", style="bold")
    elif model.retires is not None:
        text.append(f"; retires {model.retires}")
    return text


def _entry(book: Catalog, model: Model, when: datetime) -> dict[str, Any]:
    entry: dict[str, Any] = msgspec.to_builtins(model)
    entry.pop("price_ref")
    prices = {processing: _per_million(book.rates(model.id, when, processing)) for processing in ("standard", "batch")}
    return {**entry, "retired": retired(model, when.date()), "usd_per_mtok": for_json(prices)}


def _per_million(rates: Rates | None) -> dict[str, Any] | None:
    if rates is None:
        return None
    prices: dict[str, Any] = {
        name: None if (rate := getattr(rates, name)) is None else rate * MILLION for name in _RATE_NAMES
    }
    if rates.long is not None:
        prices |= {"long_above_prompt_tokens": rates.long_above, "long": _per_million(rates.long)}
    return prices
