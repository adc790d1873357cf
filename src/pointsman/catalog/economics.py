"""What a month of traffic costs, with the formula's parts.

A bill is a sum of parts, each ``tokens x dollars per token``; every total is the exact sum of its parts. Two bills are
made of the same traffic: *uncached*, where every prompt token is fresh input, and *cached*, where the share of the
system prompt that comes out of the provider's prompt cache is billed as cache reads and its writes as cache writes.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal, localcontext

import msgspec

from pointsman.catalog.book import Catalog, unreleased
from pointsman.catalog.models import Model
from pointsman.catalog.prices import MILLION, Rates
from pointsman.catalog.schedule import Processing
from pointsman.catalog.workload import Call, Route, SystemPrompt, Workload

DAYS_PER_MONTH = 30
SECONDS_PER_MONTH = DAYS_PER_MONTH * 86_400
_DIGITS = 100  # more than any product of the longest inputs: sums are exact
_TTL_S = {"5m": 300, "1h": 3600}
ZERO = Decimal(0)


class Part(msgspec.Struct, frozen=True):
    """``tokens`` a month on ``model`` at ``usd_per_mtok`` dollars per million are ``usd`` dollars."""

    model: str
    kind: str
    tokens: Decimal
    usd_per_mtok: Decimal
    usd: Decimal
    processing: Processing = "standard"


class Bill(msgspec.Struct, frozen=True):
    """A monthly sum and its parts. ``usd`` None means unknown, and ``unknown`` says which rate is missing."""

    usd: Decimal | None
    parts: tuple[Part, ...] = ()
    unknown: str | None = None


class ModelBill(msgspec.Struct, frozen=True):
    """The whole workload on one model. ``notes`` say what to mind before believing it."""

    model: str
    uncached: Bill
    cached: Bill
    notes: tuple[str, ...] = ()


class RouteBill(msgspec.Struct, frozen=True):
    """One route's calls a month, on the model of its own call and of its extra calls."""

    route: str
    models: tuple[str, ...]
    share: Decimal
    calls: Decimal
    uncached: Bill
    cached: Bill


class RoutedBill(msgspec.Struct, frozen=True):
    """The workload as routed, with the router's own calls as a line of its own (named ``router``)."""

    routes: tuple[RouteBill, ...]
    uncached: Bill
    cached: Bill
    notes: tuple[str, ...] = ()


class Estimate(msgspec.Struct, frozen=True):
    """What a workload costs a month. ``baseline`` is all calls on one model, to compare the routed bill with."""

    workload: str
    at: str
    calls: Decimal
    input_tokens_per_call: int
    output_tokens_per_call: int
    models: tuple[ModelBill, ...]
    routed: RoutedBill | None
    baseline: ModelBill | None


class _Leg(msgspec.Struct, frozen=True):
    """So many equal calls to one model: prompt and output tokens per call, and what the cache holds of the prompt."""

    calls: Decimal
    prompt: int
    output: int
    read: Decimal = ZERO
    written: Decimal = ZERO
    ttl: str = "5m"


def estimate(workload: Workload, catalog: Catalog, at: datetime) -> Estimate:
    """Return the monthly bills of ``workload`` at the prices of the moment ``at``.

    Raises:
        CatalogError: the workload names a model that is not in the catalogue.
    """
    with localcontext(prec=_DIGITS):
        return Estimate(
            workload.name,
            at.date().isoformat(),
            workload.calls,
            workload.input_tokens,
            workload.output_tokens,
            tuple(_on_one_model(workload, catalog, catalog.get(name), at) for name in workload.models),
            _routed(workload, catalog, at) if workload.routes else None,
            None if workload.baseline is None else _on_one_model(workload, catalog, catalog.get(workload.baseline), at),
        )


def cold_starts(calls_per_month: Decimal, ttl_s: int) -> int:
    """Return how often a prompt prefix must be written when calls come evenly spread at random over the month.

    A cache entry lives ``ttl_s`` seconds and each read renews it, so it is lost in every gap that is longer. With
    Poisson arrivals at rate r the share of such gaps is exp(-r x ttl). Real traffic sleeps at night: expect more.
    """
    rate = float(calls_per_month) / SECONDS_PER_MONTH
    return max(1, round(float(calls_per_month) * math.exp(-rate * ttl_s)))


def _on_one_model(workload: Workload, catalog: Catalog, model: Model, at: datetime) -> ModelBill:
    call = Call(model=model.id)
    uncached, cached = _bills(catalog, model, _leg(workload, workload.calls, call), at, workload.batch_share)
    return ModelBill(model.id, uncached, cached, tuple(_notes(workload, call, model, at)))


def _routed(workload: Workload, catalog: Catalog, at: datetime) -> RoutedBill:
    lines = [_route(workload, route, catalog, at) for route in workload.routes]
    if workload.router is not None:
        router = workload.router
        model = catalog.get(router.model)
        leg = _Leg(workload.calls, router.input_tokens, router.output_tokens)
        # The decision comes before the call it decides on, so it cannot wait for a batch.
        bill, _ = _bills(catalog, model, leg, at, ZERO)
        lines.append(RouteBill("router", (model.id,), Decimal(1), workload.calls, bill, bill))
    calls: list[Call] = [call for route in workload.routes for call in (*route.extra_calls, route)]
    notes = [note for call in calls for note in _notes(workload, call, catalog.get(call.model), at)]
    return RoutedBill(
        tuple(lines),
        _sum([line.uncached for line in lines]),
        _sum([line.cached for line in lines]),
        tuple(dict.fromkeys(notes)),
    )


def _route(workload: Workload, route: Route, catalog: Catalog, at: datetime) -> RouteBill:
    calls = workload.calls * route.share
    batch = workload.batch_share if route.batch_share is None else route.batch_share
    uncached: list[Bill] = []
    cached: list[Bill] = []
    models: list[str] = []
    for call in (*route.extra_calls, route):
        model = catalog.get(call.model)
        plain, with_cache = _bills(catalog, model, _leg(workload, calls, call), at, batch)
        models.append(model.id)
        uncached.append(plain)
        cached.append(with_cache)
    return RouteBill(route.name, tuple(dict.fromkeys(models)), route.share, calls, _sum(uncached), _sum(cached))


def _leg(workload: Workload, calls: Decimal, call: Call) -> _Leg:
    """Fill in what the call leaves out; tokens are conserved: prompt = fresh + read + written."""
    prompt = workload.input_tokens if call.input_tokens is None else call.input_tokens
    output = workload.output_tokens if call.output_tokens is None else call.output_tokens
    system = workload.system_prompt
    if call.cached_tokens is not None:
        return _Leg(calls, prompt, output, calls * call.cached_tokens, ZERO, system.cache_ttl)
    prefix = min(system.tokens, prompt)
    if not prefix or not system.cached_share or not calls:
        return _Leg(calls, prompt, output)
    written = Decimal(prefix) * min(_writes(system, calls), calls)
    read = min(calls * prefix * system.cached_share, calls * prefix - written)
    return _Leg(calls, prompt, output, read, written, system.cache_ttl)


def _writes(system: SystemPrompt, calls: Decimal) -> Decimal:
    if system.cache_writes_per_month == "auto":
        return Decimal(cold_starts(calls, _TTL_S[system.cache_ttl]))
    return Decimal(system.cache_writes_per_month)


def _bills(catalog: Catalog, model: Model, leg: _Leg, at: datetime, batch: Decimal) -> tuple[Bill, Bill]:
    """Return the uncached and the cached bill of a leg, part of it at batch prices."""
    uncached: list[Bill] = []
    cached: list[Bill] = []
    shares: list[tuple[Processing, Decimal]] = [("standard", 1 - batch), ("batch", batch)]
    for processing, share in shares:
        if not share:
            continue
        rates = catalog.rates(model.id, at, processing)
        if rates is None:
            missing = Bill(None, (), f"no {processing} price for {model.id} on {at.date()}")
            uncached.append(missing)
            cached.append(missing)
            continue
        fitting = rates.for_prompt(leg.prompt)
        uncached.append(_uncached(leg, model, fitting, share, processing))
        cached.append(_cached(leg, model, fitting, share, processing))
    return _sum(uncached), _sum(cached)


def _uncached(leg: _Leg, model: Model, rates: Rates, share: Decimal, processing: Processing) -> Bill:
    calls = leg.calls * share
    parts = (
        _part(model, "input", calls * leg.prompt, rates.input, processing),
        _part(model, "output", calls * leg.output, rates.output, processing),
    )
    return Bill(parts[0].usd + parts[1].usd, parts)


def _cached(leg: _Leg, model: Model, rates: Rates, share: Decimal, processing: Processing) -> Bill:
    if not leg.read and not leg.written:
        return _uncached(leg, model, rates, share, processing)
    write = rates.cache_write if leg.ttl == "5m" else rates.cache_write_1h
    if write is None and model.cache.mode == "automatic":
        write = rates.input  # these providers cache by themselves and bill the first pass as ordinary input
    if rates.cache_read is None or (leg.written and write is None):
        return Bill(None, (), f"no prompt-cache price for {model.id}")
    fresh = leg.calls * leg.prompt - leg.read - leg.written
    kind = "cache_write" if leg.ttl == "5m" else "cache_write_1h"
    parts = [
        _part(model, "input", fresh * share, rates.input, processing),
        _part(model, "cache_read", leg.read * share, rates.cache_read, processing),
        _part(model, kind, leg.written * share, write or ZERO, processing),
        _part(model, "output", leg.calls * leg.output * share, rates.output, processing),
    ]
    return Bill(sum((part.usd for part in parts), ZERO), tuple(part for part in parts if part.tokens))


def _part(model: Model, kind: str, tokens: Decimal, rate: Decimal, processing: Processing) -> Part:
    return Part(model.id, kind, tokens, rate * MILLION, tokens * rate, processing)


def _sum(bills: list[Bill]) -> Bill:
    """Add bills up; one unknown makes the sum unknown."""
    unknown = [bill.unknown for bill in bills if bill.unknown is not None]
    if unknown:
        return Bill(None, (), "; ".join(dict.fromkeys(unknown)))
    parts = tuple(part for bill in bills for part in bill.parts)
    return Bill(sum((bill.usd for bill in bills if bill.usd is not None), ZERO), parts)


def _notes(workload: Workload, call: Call, model: Model, at: datetime) -> list[str]:
    """Return what stands between the bill of these calls and a real one."""
    prompt = workload.input_tokens if call.input_tokens is None else call.input_tokens
    output = workload.output_tokens if call.output_tokens is None else call.output_tokens
    prefix = min(workload.system_prompt.tokens, prompt)
    cached = bool(workload.system_prompt.cached_share and prefix)
    notes: list[str] = []
    if cached and model.cache.minimum is not None and prefix < model.cache.minimum:
        notes.append(
            f"{model.id} caches no prefix below {model.cache.minimum:,} tokens; the system prompt has {prefix:,}, so expect "
            "the uncached bill unless tools or examples lengthen the prefix"
        )
    if model.retires is not None:
        gone = model.retires <= at.date().isoformat()
        notes.append(f"{model.id} {'was retired' if gone else 'retires'} on {model.retires}")
    if unreleased(model, at.date()):
        notes.append(f"{model.id} came out only on {model.released}: it had no price on {at.date()}")
    if model.free:
        notes.append(f"{model.id} runs on your own machine: no provider's bill, but the machine is not counted here")
    if model.context_window is not None and prompt + output > model.context_window:
        notes.append(
            f"a call needs {prompt + output:,} tokens, more than the {model.context_window:,} {model.id} takes"
        )
    return notes
