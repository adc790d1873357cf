"""The workload of the cost page as fields of a form, and back: what a person wrote, a preset, or the store's own traffic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.catalog.workload import Call, Route, Workload, WorkloadError, decode_workload
from pointsman.errors import CatalogError, RequestError
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import Slice

ROUTES: Final = 6
"""Rows of routes in the form."""
_MOST_MODELS: Final = 12
_MONTH_S: Final = 30 * 86_400
_LONGEST: Final = 200

PLAIN: Final = (
    "conversations",
    "turns",
    "system",
    "cached",
    "ttl",
    "writes",
    "context",
    "output",
    "batch",
    "models",
    "baseline",
)
ROUTER: Final = ("router", "router_in", "router_out")
ROW: Final = ("name", "share", "model", "in", "out", "extra", "extra_out")
"""Fields of one route, each with its number behind it: ``share1``. ``extra`` is the model of one call made besides."""
NAMES: Final = (*PLAIN, *ROUTER, *(f"{name}{row}" for row in range(1, ROUTES + 1) for name in ROW))

Fields = dict[str, str]


def given(query: Mapping[str, str]) -> Fields:
    """Return the fields that the URL carries; none: the form was not sent."""
    return {name: query[name].strip()[:_LONGEST] for name in NAMES if query.get(name, "").strip()}


def workload_of(fields: Fields, catalog: Catalog) -> Workload:
    """Return the workload that the fields say.

    Raises:
        RequestError: one is wrong; says which, and what it should be.
    """
    writes = fields.get("writes", "auto")
    data: dict[str, Any] = {
        "name": "this workload",
        "conversations_per_month": _number(fields, "conversations", "conversations a month"),
        "turns_per_conversation": _number(fields, "turns", "turns of a conversation") or 1,
        "system_prompt": {
            "tokens": _whole(fields, "system", "the system prompt's tokens") or 0,
            "cached_share": _share(fields, "cached", "the share read from the cache") or Decimal(0),
            "cache_ttl": fields.get("ttl", "5m"),
            "cache_writes_per_month": int(writes) if writes.isdecimal() else writes,
        },
        "context_tokens": _whole(fields, "context", "the rest of the prompt") or 0,
        "output_tokens": _whole(fields, "output", "the reply's tokens"),
        "batch_share": _share(fields, "batch", "the share that can wait") or Decimal(0),
        "models": [one.strip() for one in fields.get("models", "").split(",") if one.strip()][:_MOST_MODELS],
        "routes": [route for row in range(1, ROUTES + 1) if (route := _route(fields, row))],
    }
    if "baseline" in fields:
        data["baseline"] = fields["baseline"]
    if "router" in fields:
        data["router"] = {
            "model": fields["router"],
            "input_tokens": _whole(fields, "router_in", "the router's tokens in") or 0,
            "output_tokens": _whole(fields, "router_out", "the router's tokens out") or 0,
        }
    return _checked(data, catalog)


def _checked(data: dict[str, Any], catalog: Catalog) -> Workload:
    told = {key: value for key, value in data.items() if value is not None}
    text = msgspec.json.encode(told).decode()
    try:
        workload = decode_workload(LocatedYaml("form", text, WorkloadError))
        calls = [call for route in workload.routes for call in (route, *route.extra_calls)]
        named = [*workload.models, *(call.model for call in calls)]
        named += [one for one in (workload.baseline, workload.router and workload.router.model) if one]
        for name in named:
            catalog.get(name)
    except CatalogError as error:
        raise RequestError(str(error)) from None
    except WorkloadError as error:
        raise RequestError(str(error).removeprefix("form:1: ").removeprefix("form: ")) from None
    return workload


def _route(fields: Fields, row: int) -> dict[str, Any] | None:
    """Return one route; a row without a share is none."""
    if f"share{row}" not in fields:
        return None
    name = fields.get(f"name{row}", f"route {row}")
    found: dict[str, Any] = {
        "name": name,
        "share": _share(fields, f"share{row}", f"the share of {name}"),
        "model": fields.get(f"model{row}", ""),
    }
    for key, field in (("input_tokens", "in"), ("output_tokens", "out")):
        tokens = _whole(fields, f"{field}{row}", f"the tokens {field} of {name}")
        if tokens is not None:
            found[key] = tokens
    if f"extra{row}" in fields:
        extra: dict[str, Any] = {"model": fields[f"extra{row}"]}
        tokens = _whole(fields, f"extra_out{row}", f"the tokens out of the extra call of {name}")
        found["extra_calls"] = [extra if tokens is None else {**extra, "output_tokens": tokens}]
    return found


def _number(fields: Fields, name: str, what: str) -> Decimal | None:
    if name not in fields:
        return None
    text = "".join(fields[name].split()).replace("\u202f", "").replace(",", "").rstrip("%")
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise RequestError(f"{what}: {fields[name][:40]!r} is not a number from 0 up", param=name)
    return value


def _whole(fields: Fields, name: str, what: str) -> int | None:
    value = _number(fields, name, what)
    if value is None:
        return None
    if value != value.to_integral_value() or value > 10**12:
        raise RequestError(f"{what}: {fields[name][:40]!r} is not a whole number of tokens", param=name)
    return int(value)


def _share(fields: Fields, name: str, what: str) -> Decimal | None:
    """Return a share of a field in percent."""
    value = _number(fields, name, what)
    if value is not None and value > 100:  # noqa: PLR2004 - percent
        raise RequestError(f"{what}: {fields[name][:40]!r} is more than 100 %", param=name)
    return None if value is None else (value / 100).normalize()


def fields_of(workload: Workload) -> Fields:
    """Return the fields that say a workload: of its routes the first six, with one extra call each."""
    system, router = workload.system_prompt, workload.router
    found = {
        "conversations": _plain(workload.conversations_per_month),
        "turns": _plain(workload.turns_per_conversation),
        "system": str(system.tokens),
        "cached": _percent(system.cached_share),
        "ttl": system.cache_ttl,
        "writes": str(system.cache_writes_per_month),
        "context": str(workload.context_tokens),
        "output": str(workload.output_tokens),
        "batch": _percent(workload.batch_share),
        "models": ", ".join(workload.models),
        "baseline": workload.baseline or "",
    }
    if router is not None:
        found |= {
            "router": router.model,
            "router_in": str(router.input_tokens),
            "router_out": str(router.output_tokens),
        }
    for row, route in enumerate(workload.routes[:ROUTES], 1):
        found |= _row(row, route)
    return {name: value for name, value in found.items() if value}


def _row(row: int, route: Route) -> Fields:
    extra: Call | None = route.extra_calls[0] if route.extra_calls else None
    return {
        f"name{row}": route.name,
        f"share{row}": _percent(route.share),
        f"model{row}": route.model,
        f"in{row}": _known(route.input_tokens),
        f"out{row}": _known(route.output_tokens),
        f"extra{row}": extra.model if extra else "",
        f"extra_out{row}": _known(extra.output_tokens) if extra else "",
    }


def _known(value: int | None) -> str:
    return "" if value is None else str(value)


def _percent(share: Decimal) -> str:
    return _plain(share * 100)


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_TRAFFIC: Final = """
    count(*) FILTER (input_uncached IS NOT NULL) AS told, count(DISTINCT conversation) AS conversations,
    min(at_us) AS first, max(at_us) AS last,
    avg(input_uncached + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)) AS prompt,
    avg(output_tokens) AS output, sum(coalesce(cache_read_tokens, 0)) AS cached,
    sum(input_uncached + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)) AS prompts
"""


def traffic(board: Board, chosen: Slice, known: frozenset[str], baseline: str | None) -> Fields:
    """Return the traffic of a slice, as a month of it would be; nothing where no turn says its tokens.

    The month is the time between the first and the last turn, at least a day, stretched to 30 days. Cached tokens are taken as
    the system prompt, since that is what a provider's cache holds.
    """
    whole = board.groups(_TRAFFIC, chosen, ())
    if not whole or not whole[0]["told"] or whole[0]["prompt"] is None:
        return {}
    row = whole[0]
    span_s = max(86_400.0, (row["last"] - row["first"]) / 1e6)
    conversations = max(1, row["conversations"] or 1)
    prompt = round(row["prompt"])
    cached = row["cached"] / row["prompts"] if row["prompts"] else 0.0
    system = math.ceil(prompt * cached)
    found = {
        "conversations": str(max(1, round(conversations * _MONTH_S / span_s))),
        "turns": f"{row['turns'] / conversations:.2f}".rstrip("0").rstrip("."),
        "system": str(system),
        "cached": "100" if system else "0",
        "context": str(max(0, prompt - system)),
        "output": str(round(row["output"] or 0)),
        "baseline": baseline or "",
    }
    groups = [one for one in board.groups(_TRAFFIC, chosen, ("route", "model")) if one["by"]["model"] in known]
    routes = _routes(groups[:ROUTES])
    if not routes:
        # Nothing was answered by a model of today's catalogue: the baseline is what a bill can be made for.
        found["models"] = found["baseline"]
    return {name: value for name, value in {**found, **routes}.items() if value}


def _routes(groups: list[Any]) -> Fields:
    """Return rows whose shares add up to 100 exactly: the largest takes what rounding leaves."""
    total = sum(one["turns"] for one in groups)
    found: Fields = {}
    rest = Decimal(100)
    for row, one in reversed(list(enumerate(groups, 1))):
        share = rest if row == 1 else Decimal(round(1000 * one["turns"] / total)) / 10
        rest -= share
        by = one["by"]
        found |= {
            f"name{row}": f"{by['route'] or 'unknown'} on {(by['model'] or '').rpartition('/')[2]}",
            f"share{row}": _plain(share),
            f"model{row}": by["model"] or "",
            f"in{row}": str(round(one["prompt"])) if one["prompt"] is not None else "",
            f"out{row}": str(round(one["output"])) if one["output"] is not None else "",
        }
    return found
