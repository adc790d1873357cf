"""Workloads that ship with Pointsman, and where widely published figures for them go wrong.

Remarks are worked out from the workload itself, by changing one thing and billing it again, never written as numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from importlib.resources import files

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.economics import Estimate, estimate
from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.catalog.workload import Workload, WorkloadError, decode_workload

ROUTER_REPLY_TOKENS = 64


class Remark(msgspec.Struct, frozen=True):
    """A sentence about the estimate; ``ours`` and ``published`` are dollars a month where it compares two figures."""

    text: str
    ours: Decimal | None = None
    published: str | None = None


def load_preset(name: str) -> Workload:
    """Return the workload of that name.

    Raises:
        WorkloadError: there is no such preset; the message lists them.
    """
    if name not in PRESETS:
        raise WorkloadError(f"No preset {name[:100]!r}; there are: {', '.join(PRESETS)}")
    text = files("pointsman.catalog").joinpath(f"data/workloads/{name}.yaml").read_text(encoding="utf-8")
    return decode_workload(LocatedYaml(f"{name}.yaml", text, WorkloadError))


def remarks(name: str, workload: Workload, catalog: Catalog, at: datetime) -> tuple[Remark, ...]:
    """Return what to know about the preset's figures at the prices of the moment ``at``; nothing where they are unknown."""
    found = estimate(workload, catalog, at)
    bills = [bill.cached for bill in (*found.models, found.routed, found.baseline) if bill is not None]
    return () if any(bill.usd is None for bill in bills) else PRESETS[name](workload, catalog, at)


def _reference_chat(workload: Workload, catalog: Catalog, at: datetime) -> tuple[Remark, ...]:
    bills = {bill.model: bill.cached.usd for bill in estimate(workload, catalog, at).models}
    published = {
        "anthropic/claude-haiku-4-5": "$1,812",
        "google/gemini-2.5-flash": "$802",
        "openai/gpt-5-mini": "$645",
    }
    found = []
    for model, figure in published.items():
        ours = bills.get(model)
        said = None if ours is None else f"${ours:,.0f}"
        agrees = said == figure
        text = (
            f"{model}: the published cached bill of {figure} agrees."
            if agrees
            else f"{model}: a cached bill of {figure} is widely published; it does not follow from its own inputs "
            f"(calls x (system x cached read + context x input + output x output)), which give {said}."
        )
        found.append(Remark(text, ours, figure))
    writes = workload.model_copy(
        update={"system_prompt": workload.system_prompt.model_copy(update={"cache_writes_per_month": "auto"})}
    )
    extra = _difference(estimate(writes, catalog, at), estimate(workload, catalog, at))
    found.append(
        Remark(
            "The published figures leave cache writes out, and so does this preset. Spread evenly over the month they add "
            f"{extra} on {workload.models[0]}; traffic that sleeps at night, or a prompt per tenant, adds more."
        )
    )
    return tuple(found)


def _deflection(workload: Workload, catalog: Catalog, at: datetime) -> tuple[Remark, ...]:
    low = _routed(estimate(workload, catalog, at))
    router = (
        None if workload.router is None else workload.router.model_copy(update={"output_tokens": ROUTER_REPLY_TOKENS})
    )
    high = _routed(estimate(workload.model_copy(update={"router": router}), catalog, at))
    routes = tuple(
        route.model_copy(update={"cached_tokens": workload.input_tokens}) if route.name == "plan" else route
        for route in workload.routes
    )
    cached = _routed(estimate(workload.model_copy(update={"routes": routes}), catalog, at))
    saved = None if low is None or cached is None else low - cached
    both = f"{_usd(low)} to {_usd(high)}"
    return (
        Remark(f"With {ROUTER_REPLY_TOKENS} tokens out per router call the routed bill is {_usd(high)}.", high),
        Remark(f"If every input token of the plan route were a cache read, it would be {_usd(saved)} less.", saved),
        Remark(
            f"A routed bill of about $2,000 is widely published for these inputs; the inputs give {both}.",
            low,
            "~$2,000",
        ),
        Remark(
            "About $1,500 is published for the same with a cached planner; even with all planner input cached the inputs "
            f"give {_usd(cached)}.",
            cached,
            "~$1,500",
        ),
        Remark(
            "The published $231.25 for the summarize route does not state how long a summary is: 350 tokens, written by the "
            "small model and read by the flagship, is the equal split that gives it."
        ),
    )


def _million_messages(workload: Workload, catalog: Catalog, at: datetime) -> tuple[Remark, ...]:
    found = estimate(workload, catalog, at)
    routed, baseline = _routed(found), None if found.baseline is None else found.baseline.uncached.usd
    if routed is None or not baseline:
        return ()
    saved = (1 - routed / baseline) * 100
    return (
        Remark(
            f"Routing 80 % to the small model saves {saved:.1f} %, not 80 %: the 20 % left on {workload.baseline} are "
            f"{baseline * Decimal('0.2') / routed * 100:.1f} % of the bill."
        ),
    )


PRESETS: dict[str, Callable[[Workload, Catalog, datetime], tuple[Remark, ...]]] = {
    "reference-chat": _reference_chat,
    "deflection": _deflection,
    "million-messages": _million_messages,
}


def _routed(found: Estimate) -> Decimal | None:
    return None if found.routed is None else found.routed.cached.usd


def _difference(one: Estimate, other: Estimate) -> str:
    a, b = one.models[0].cached.usd, other.models[0].cached.usd
    return "an unknown amount" if a is None or b is None else _usd(a - b)


def _usd(value: Decimal | None) -> str:
    return "unknown" if value is None else f"${value:,.2f}" if abs(value) >= 1 else f"${value:.4f}"
