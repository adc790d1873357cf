"""Prices over time, as a list of rates with the day each begins, and their compact form on disk.

A schedule is compiled from the price data of ``genai_prices`` once (``compile_model``); a step whose rates are None says
that nothing is known from that day on. The compact form writes dollars per million tokens, as price pages do.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from pointsman.catalog.prices import MILLION, Rates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, PriceVariant

Processing = Literal["standard", "batch"]

_KEYS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
}
_BATCH = {"processing": "batch"}


class PerMillion(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Dollars per million tokens, as price pages and the user's own file write them."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    long_above: int | None = None
    long: PerMillion | None = None

    def per_token(self) -> Rates:
        """Return the same prices per token."""
        return Rates(
            self.input / MILLION,
            self.output / MILLION,
            _per_token(self.cache_read),
            _per_token(self.cache_write),
            _per_token(self.cache_write_1h),
            self.long_above,
            None if self.long is None else self.long.per_token(),
        )


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """From ``start`` (None: since ever) these prices hold, until the next step; ``rates`` None means unknown."""

    start: date | None = None
    rates: PerMillion | None = None


class Schedule(msgspec.Struct, frozen=True):
    """All prices of one model over time."""

    standard: tuple[Step, ...] = ()
    batch: tuple[Step, ...] = ()

    def at(self, day: date, processing: Processing = "standard") -> Rates | None:
        """Return the rates that hold on ``day`` (UTC), or None when none is known."""
        steps = self.standard if processing == "standard" else self.batch
        for step in reversed(steps):
            if step.start is None or step.start <= day:
                return None if step.rates is None else step.rates.per_token()
        return None


def compile_model(model: ModelInfo) -> Schedule:
    """Return the schedule of one model of ``genai_prices``.

    A price that changes with the hour of the day, or that also bills each request, cannot be said per token and day:
    such a model's schedule is empty (price unknown).
    """
    conditions = [] if not isinstance(model.prices, list) else [price.constraint for price in model.prices]
    conditions += [variant.constraint for variant in model.price_variants or ()]
    starts: set[date] = set()
    for condition in conditions:
        if condition is not None:
            start = getattr(condition, "start_date", None)
            if start is None:
                return Schedule()
            starts.add(start)
    days = sorted(starts)
    before = days[0] - timedelta(days=1) if days else date(2000, 1, 1)
    marks: list[tuple[date | None, date]] = [(None, before), *((day, day) for day in days)]
    return Schedule(
        _steps([(start, _standard(model, day)) for start, day in marks]),
        _steps([(start, _batch(model, day)) for start, day in marks]),
    )


def _steps(marks: list[tuple[date | None, PerMillion | None]]) -> tuple[Step, ...]:
    """Join neighbours with equal prices; a schedule that begins unknown begins with its first known step."""
    steps: list[Step] = []
    for start, rates in marks:
        if not steps and rates is None:
            continue
        if not steps or steps[-1].rates != rates:
            steps.append(Step(start, rates))
    return tuple(steps)


def _standard(model: ModelInfo, day: date) -> PerMillion | None:
    return _per_million(model.get_prices(_noon(day)))


def _batch(model: ModelInfo, day: date) -> PerMillion | None:
    """Return batch prices only where the data has a batch variant, in force on ``day``, for both input and output.

    Without one ``get_prices`` silently answers with the standard price. A rate that a variant leaves out (cached reads
    of GPT-4o and Gemini) stays at its standard price: the source says so in its comments on these models.
    """
    active = [v for v in model.price_variants or () if v.when == _BATCH and _in_force(v, day)]
    if not any(v.prices.input_mtok is not None and v.prices.output_mtok is not None for v in active):
        return None
    return _per_million(model.get_prices(_noon(day), _BATCH))


def _in_force(variant: PriceVariant, day: date) -> bool:
    return variant.constraint is None or variant.constraint.active(_noon(day))


def _per_million(price: ModelPrice) -> PerMillion | None:
    values = {ours: getattr(price, theirs) for ours, theirs in _KEYS.items()}
    if values["input"] is None or values["output"] is None or price.requests_kcount is not None:
        return None
    thresholds = {tier.start for value in values.values() for tier in getattr(value, "tiers", ())}
    return _tiered(values, sorted(thresholds))


def _tiered(values: dict[str, object], thresholds: list[int], floor: int = 0) -> PerMillion:
    """Return prices for prompts above ``floor`` tokens, with the next dearer tier chained behind them."""
    at = {name: _price_above(value, floor) for name, value in values.items()}
    long = _tiered(values, thresholds[1:], thresholds[0]) if thresholds else None
    return msgspec.convert(at | {"long_above": thresholds[0] if thresholds else None, "long": long}, PerMillion)


def _price_above(value: object, floor: int) -> Decimal | None:
    """Return the price that holds just above ``floor`` prompt tokens; ``value`` is a price or tiered prices."""
    if value is None or isinstance(value, Decimal):
        return value
    price: Decimal = value.base  # type: ignore[attr-defined]  # TieredPrices, not imported: the import costs 0.4 s
    for tier in value.tiers:  # type: ignore[attr-defined]
        if floor >= tier.start and floor > 0:
            price = tier.price
    return price


def _per_token(price: Decimal | None) -> Decimal | None:
    return None if price is None else price / MILLION


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
