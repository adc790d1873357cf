"""The catalogue: which models there are, what they can do, and what their tokens cost on a day."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pointsman.catalog.models import Model
from pointsman.catalog.overrides import Overrides, read_overrides
from pointsman.catalog.pricebook import PriceBook
from pointsman.catalog.prices import FREE, Rates
from pointsman.catalog.schedule import Schedule
from pointsman.catalog.shipped import Shipped, read_shipped
from pointsman.domain.decision import TIERS, Tier
from pointsman.errors import CatalogError

STALE_MONTHS = 6
# A date that providers append to a model's name: -2026-03-05, -20260305, @20260305.
_DATED = re.compile(r"[-@](20\d{2})-?(\d{2})-?(\d{2})$")


class Catalog:
    """All models the user may name. Build it with ``load`` once and hand it down."""

    def __init__(self, shipped: Shipped, overrides: Overrides, prices: PriceBook) -> None:
        """Join the shipped catalogue with the user's own entries, which win."""
        self._prices = prices
        self._own = overrides.prices
        self._reviewed = shipped.reviewed
        self._models = {model.id: model for model in shipped.models} | {model.id: model for model in overrides.models}
        self._names = _names(self._models, shipped.aliases | overrides.aliases)
        self._lineups: dict[str, dict[Tier, str]] = {p: dict(tiers) for p, tiers in shipped.lineups.items()}
        for provider, tiers in overrides.lineups.items():
            self._lineups.setdefault(provider, {}).update(tiers)
        for model in overrides.models:
            self._lineups.setdefault(model.provider, {}).setdefault(model.tier, model.id)
        self._rates: dict[tuple[str, date, str], Rates | None] = {}
        self._days: dict[date, Mapping[str, Rates | None]] = {}

    @classmethod
    def load(cls, overrides: Path | None = None) -> Catalog:
        """Open the shipped catalogue, with the user's own file on top.

        Raises:
            CatalogError: the file is wrong; names file, line and field.
        """
        shipped = read_shipped()
        own = Overrides() if overrides is None else read_overrides(overrides, shipped)
        return cls(shipped, own, PriceBook.load())

    @property
    def reviewed(self) -> date:
        """The day the shipped catalogue was last reviewed."""
        return date.fromisoformat(self._reviewed)

    def models(self) -> tuple[Model, ...]:
        """Return all models, those of the shipped file first."""
        return tuple(self._models.values())

    def get(self, model_id: str) -> Model:
        """Return the model with this id, alias or unambiguous name.

        Raises:
            CatalogError: there is none; the message offers near names.
        """
        model = self.find(model_id)
        if model is not None:
            return model
        near = difflib.get_close_matches(model_id.lower(), [*self._models, *self._names], n=6, cutoff=0.5)
        ids = list(dict.fromkeys(self._names.get(name, name) for name in near))[:3]
        hint = f"did you mean {', '.join(ids)}?" if ids else "`pointsman models` lists what there is."
        raise CatalogError(f"No model {model_id[:200]!r} in the catalogue: {hint}")

    def find(self, name: str) -> Model | None:
        """Return the model that ``name`` means, or None.

        Tried in turn: the id itself, an alias, the bare name where only one provider has it, then the same without a
        ``models/`` prefix and without a date at the end (gpt-5.4-2026-03-05).
        """
        model = self._models.get(name)
        if model is not None:
            return model
        key = name.strip().lower()
        key = "/".join(part for part in key.split("/") if part != "models") if "models/" in key else key
        found = self._names.get(key) or self._names.get(_DATED.sub("", key))
        return None if found is None else self._models[found]

    def rates(self, model_id: str, at: datetime, processing: Literal["standard", "batch"] = "standard") -> Rates | None:
        """Return what the model's tokens cost at that moment; None when unknown. A naive ``at`` is UTC.

        ``batch`` without a batch price on record is unknown, never the standard price.

        Raises:
            CatalogError: no such model.
        """
        key = (model_id, _day(at), processing)
        try:
            return self._rates[key]
        except KeyError:
            rates = self._rates[key] = self._look_up(self.get(model_id), key[1], processing)
            return rates

    def rates_on(self, at: datetime) -> Mapping[str, Rates | None]:
        """Return the standard rates of all models on the day of ``at``, by model id: for pricing many models at once."""
        day = _day(at)
        found = self._days.get(day)
        if found is None:
            found = {model.id: self.rates(model.id, at) for model in self._models.values()}
            # Two days are kept: a turn may begin on one and be priced on the next.
            self._days = {**dict([*self._days.items()][-1:]), day: found}
        return found

    def lineup(self, provider: str, on: date | None = None) -> dict[Tier, Model]:
        """Return the provider's model of each tier, smallest first; a tier it does not serve is left out.

        With ``on``, models retired by that day, or not yet released, are left out too.
        """
        chosen = self._lineups.get(provider, {})
        found = {tier: self._models[chosen[tier]] for tier in TIERS if tier in chosen}
        return {tier: model for tier, model in found.items() if on is None or _serves(model, on)}

    def staleness(self, now: date) -> str | None:
        """Return a sentence of warning when the catalogue is older than six months on ``now``, else None."""
        oldest = min(self._reviewed, self._prices.compiled or self._reviewed)
        due = _add_months(date.fromisoformat(oldest), STALE_MONTHS)
        if now <= due:
            return None
        return (
            f"The model catalogue was last reviewed on {oldest}, more than {STALE_MONTHS} months ago: prices, limits and "
            "retirements may have changed. Upgrade pointsman and genai-prices, or correct models in your own file."
        )

    def _look_up(self, model: Model, day: date, processing: Literal["standard", "batch"]) -> Rates | None:
        own: Schedule | None = self._own.get(model.id)
        if own is not None:
            return own.at(day, processing)
        if unreleased(model, day):
            return None  # the price source dates changes only, so its first price reaches back before the model
        if model.free:
            return FREE
        if model.price_ref is None:
            return None
        return self._prices.schedule(*model.price_ref).at(day, processing)


def retired(model: Model, on: date) -> bool:
    """Return whether the provider has withdrawn the model by the day ``on``."""
    return model.retires is not None and date.fromisoformat(model.retires) <= on


def unreleased(model: Model, on: date) -> bool:
    """Return whether the model is known to have come out only after the day ``on``."""
    return model.released is not None and on < date.fromisoformat(model.released)


def _day(at: datetime) -> date:
    return at.date() if at.tzinfo is None or at.tzinfo is UTC else at.astimezone(UTC).date()


def _serves(model: Model, on: date) -> bool:
    return not retired(model, on) and not unreleased(model, on)


def _names(models: dict[str, Model], aliases: dict[str, str]) -> dict[str, str]:
    """Return lower-cased names -> id: ids, aliases with and without provider, and wire names that only one model has."""
    names = {model_id.lower(): model_id for model_id in models}
    for alias, model_id in aliases.items():
        names.setdefault(alias.lower(), model_id)
    bare: dict[str, set[str]] = {}
    for name, model_id in names.copy().items():
        bare.setdefault(name.partition("/")[2], set()).add(model_id)
    for model in models.values():
        bare.setdefault(model.name.lower(), set()).add(model.id)
    for name, ids in bare.items():
        if name and len(ids) == 1:
            names.setdefault(name, next(iter(ids)))
    return names


def _add_months(day: date, months: int) -> date:
    """Return the same day so many months later; the 31st becomes the last day of a shorter month."""
    year, month = divmod(day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(day.year + year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError  # every month has a 28th
