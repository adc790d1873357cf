"""What a call's cost is made of: its tokens by kind at the prices of its day, in whole pico-dollars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.prices import Rates
from pointsman.errors import CatalogError

_DAY_US: Final = 86_400_000_000
_EPOCH: Final = datetime(1970, 1, 1, 12, tzinfo=UTC)
_PICO: Final = Decimal(1_000_000_000_000)
_PROCESSINGS: Final[tuple[Literal["standard", "batch"], ...]] = ("standard", "batch")

Tokens = tuple[int, int, int | None, int | None, int | None, int | None]
"""Uncached input, output, cache read, cache write, the long-lived part of it, the reasoning part of the output."""
Split = tuple[int, int, int, int, int]
"""Uncached input, cache read, cache write, output without reasoning, reasoning: pico-dollars."""


class _Pico(msgspec.Struct, frozen=True):
    """Rates as whole pico-dollars a token; None where a rate is unknown or finer than that."""

    input: int | None
    output: int | None
    read: int | None
    write: int | None
    write_1h: int | None


class Splitter:
    """Splits costs by the catalogue's prices; keeps what it looked up. Used by one thread."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[tuple[str, int], tuple[Rates, ...]] = {}
        self._pico: dict[int, _Pico] = {}

    def split(self, model: str, at_us: int, tokens: Tokens, cost: int) -> Split | None:
        """Return the parts of ``cost``, which add up to it exactly; None where no price of that day gives this sum."""
        prompt = tokens[0] + (tokens[2] or 0) + (tokens[3] or 0)
        for rates in self._rates(model, at_us // _DAY_US):
            fitting = rates if rates.long is None else rates.for_prompt(prompt)
            found = _parts(self._in_pico(fitting), tokens)
            if found is not None and sum(found) == cost:
                return found
        return None

    def _rates(self, model: str, day: int) -> tuple[Rates, ...]:
        key = (model, day)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._look_up(model, _EPOCH + timedelta(days=day))
        return known

    def _look_up(self, model: str, at: datetime) -> tuple[Rates, ...]:
        try:
            found = [self._catalog.rates(model, at, processing) for processing in _PROCESSINGS]
        except CatalogError:
            return ()
        return tuple(rates for rates in found if rates is not None)

    def _in_pico(self, rates: Rates) -> _Pico:
        known = self._pico.get(id(rates))  # rates live as long as the catalogue that holds them
        if known is None:
            known = self._pico[id(rates)] = _Pico(
                _whole(rates.input),
                _whole(rates.output),
                _whole(rates.cache_read),
                _whole(rates.cache_write),
                _whole(rates.cache_write_1h),
            )
        return known


def _whole(rate: Decimal | None) -> int | None:
    if rate is None:
        return None
    pico = rate * _PICO
    return int(pico) if pico == int(pico) else None


def _parts(rates: _Pico, tokens: Tokens) -> Split | None:
    fresh, output, read, write, write_1h, reasoning = tokens
    if rates.input is None or rates.output is None:
        return None
    long_lived = write_1h or 0
    short = (write or 0) - long_lived
    if (read and rates.read is None) or (short and rates.write is None) or (long_lived and rates.write_1h is None):
        return None
    thought = min(reasoning or 0, output)
    return (
        rates.input * fresh,
        (rates.read or 0) * (read or 0),
        (rates.write or 0) * short + (rates.write_1h or 0) * long_lived,
        rates.output * (output - thought),
        rates.output * thought,
    )
