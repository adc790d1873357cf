"""What can be counted of a turn: one small function per measure, from a record to counts with their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from pointsman.domain.captured import CAPTURED, EXTERNAL
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.reply import Reply
from pointsman.monitoring.monitors.tallies import Source
from pointsman.store.money import to_pico
from pointsman.store.tallies import Tally

Labels = Mapping[str, str]
Counted = Iterator[tuple[Labels, Tally]]

_GOOD: Final = frozenset({"tool_calls", "conformance", "resolutions", "grades"})
_TABLES: Final = frozenset({"misroutes", "resolutions", "handoffs", "grades", "cost_per_resolution"})
_OF_MODELS: Final = frozenset({"model_calls", "tool_calls", "conformance"})
"""Measures of what models do. The others are of the gateway: its errors, speed, routes and money, which captured turns had no
part in; many of them would hide that it is down."""
_OURS: Final = 500
_LENGTHS: Final = ((500, "below 500 tokens"), (2000, "500 to 2,000 tokens"), (8000, "2,000 to 8,000 tokens"))
_LABEL: Final = 64
_REPLY: Final = msgspec.json.Decoder(Reply)

FAMILY: Final[Mapping[str, str]] = {
    "errors": "service",
    "model_calls": "service",
    "first_token": "service",
    "turns": "service",
    "tool_calls": "quality",
    "conformance": "quality",
    "misroutes": "quality",
    "resolutions": "quality",
    "handoffs": "quality",
    "grades": "quality",
    "escalations": "routing",
    "unknown_prices": "money",
    "spend": "money",
    "cost_per_resolution": "money",
}
"""What fires together and of the same model is one incident; a family is what may fire together."""

WORDS: Final[Mapping[str, str]] = {
    "errors": "turns that failed",
    "model_calls": "model calls that failed",
    "first_token": "first tokens that came late",
    "tool_calls": "tool calls that were valid",
    "conformance": "replies that kept their contract",
    "escalations": "turns that went to the flagship",
    "misroutes": "turns that went to too weak a model",
    "unknown_prices": "turns of unknown cost",
    "resolutions": "conversations that were resolved",
    "handoffs": "conversations that went to a person",
    "grades": "graded replies that passed",
    "turns": "turns",
    "spend": "dollars spent",
    "cost_per_resolution": "dollars per resolved conversation",
}
"""What a share is a share of, for people."""


def hits_are_good(measure: str) -> bool:
    """Return whether a high share of this measure is what one wishes for."""
    return measure in _GOOD


def from_tables(measure: str) -> bool:
    """Return whether a measure is read from tables that change after the turn, not counted from turns as they come."""
    return measure in _TABLES


def bad(measure: str, tally: Tally) -> float:
    """Return how many of those counted went wrong."""
    return tally.n - tally.hits if hits_are_good(measure) else tally.hits


def count(record: TurnRecord, source: Source) -> Iterator[tuple[str, Tally]]:
    """Return what a turn adds to a source: series and counts; nothing where the turn is not one of it."""
    for _, series, tally in count_each(record, grouped([source])):
        yield series, tally


Groups = Mapping[tuple[str, str], list[Source]]
"""Sources by measure and detail: what is counted once for all of them."""


def grouped(sources: Iterable[Source]) -> Groups:
    """Return sources that count the same thing together."""
    found: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        found.setdefault((source.measure, source.detail), []).append(source)
    return found


def count_each(record: TurnRecord, groups: Groups) -> Iterator[tuple[str, str, Tally]]:
    """Return what a turn adds to each of several sources: its key, the series and the counts."""
    labels = _labels(record)
    if record.dialect == CAPTURED:
        groups = {key: counting for key, sources in groups.items() if (counting := _of_captured(key[0], sources))}
    for (measure, detail), sources in groups.items():
        for found, tally in _MEASURES[measure](record, labels, detail):
            for source in sources:
                if not source.only or all(found.get(name) == value for name, value in source.only):
                    yield source.key, (found.get(source.per, "unknown") if source.per else ""), tally


def _of_captured(measure: str, sources: list[Source]) -> list[Source]:
    """Return which sources a captured turn counts in: how models do, whoever calls them; the rest where it is asked for."""
    if measure in _OF_MODELS:
        return sources
    return [source for source in sources if ("route", EXTERNAL) in source.only]


def wrong(record: TurnRecord, source: Source) -> bool:
    """Return whether a turn is one of those that went wrong, for the turns linked to an incident."""
    return any(bad(source.measure, tally) > 0 for _, tally in count(record, source))


def _labels(record: TurnRecord) -> Labels:
    decision = record.decision
    found = {"route": decision.route, "tier": decision.tier, "channel": record.channel, "model": answered_by(record)}
    if decision.intent:
        found["intent"] = decision.intent[:_LABEL]
    return found


def answered_by(record: TurnRecord) -> str:
    """Return the model that answered, or was tried last; the decided one where none was called."""
    replies = [step for step in record.steps if step.purpose == "reply"] or list(record.steps)
    return replies[-1].model if replies else record.decision.model


_HIT: Final = Tally(1, 1)
_MISS: Final = Tally(1, 0)


def _one(*, hit: bool) -> Tally:
    return _HIT if hit else _MISS


def _errors(record: TurnRecord, labels: Labels, _: str) -> Counted:
    """Return whether the turn failed by our or a provider's fault; the client's own mistakes and limits count as neither."""
    if record.status == "cancelled" or (record.status == "error" and record.http_status < _OURS):
        return
    yield labels, _one(hit=record.status != "ok")


def _model_calls(record: TurnRecord, labels: Labels, _: str) -> Counted:
    for step in record.steps:
        if step.status != "cancelled":
            yield {**labels, "model": step.model}, _one(hit=step.status != "ok")


def _first_token(record: TurnRecord, labels: Labels, over_ms: str) -> Counted:
    if record.ttft_ms is not None and record.status != "error":
        yield labels, _one(hit=record.ttft_ms > float(over_ms))


def _tool_calls(record: TurnRecord, labels: Labels, _: str) -> Counted:
    """Return each checked call, and each call of the reply that no contract checked: its arguments are an object, or not."""
    checked = set()
    for check in record.checks:
        kind, _, name = check.name.partition(" ")
        if kind == "arguments":
            tool = name.rpartition("@")[0]
            checked.add(tool)
            yield {**labels, "model": check.model, "tool": tool[:_LABEL]}, _one(hit=check.passed)
    for tool, arguments in _called(record.reply):
        if tool not in checked:
            yield {**labels, "tool": tool[:_LABEL]}, _one(hit=_is_object(arguments))


def _called(reply: bytes) -> list[tuple[str, str]]:
    try:
        return [(call.name, call.arguments) for call in _REPLY.decode(reply).tool_calls] if reply else []
    except msgspec.MsgspecError:
        return []  # the body was deleted or damaged: nothing is known of its calls


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(arguments or "{}"), dict)
    except (msgspec.DecodeError, UnicodeError):
        return False


def _conformance(record: TurnRecord, labels: Labels, _: str) -> Counted:
    for check in record.checks:
        if check.name.startswith(("contract ", "plan.schema")):
            yield {**labels, "model": check.model}, _one(hit=check.passed)


def _escalations(record: TurnRecord, labels: Labels, _: str) -> Counted:
    if record.steps:
        up = record.decision.tier == "flagship" or any(check.action == "escalated" for check in record.checks)
        yield labels, _one(hit=up)


def _unknown_prices(record: TurnRecord, labels: Labels, _: str) -> Counted:
    if record.status == "ok":
        yield labels, _one(hit=record.cost_usd is None)


def _turns(record: TurnRecord, labels: Labels, _: str) -> Counted:
    size = record.usage
    yield {**labels, "length": "unknown" if size is None else _length(size.prompt)}, _HIT


def _length(tokens: int) -> str:
    return next((name for most, name in _LENGTHS if tokens < most), "8,000 tokens and more")


def _spend(record: TurnRecord, labels: Labels, _: str) -> Counted:
    if record.cost_usd is None:
        yield labels, Tally(unknown=1)
        return
    usd = float(record.cost_usd)
    yield labels, Tally(1, 1, to_pico(record.cost_usd) or 0, usd * usd)


_MEASURES: Final[Mapping[str, Callable[[TurnRecord, Labels, str], Counted]]] = {
    "errors": _errors,
    "model_calls": _model_calls,
    "first_token": _first_token,
    "tool_calls": _tool_calls,
    "conformance": _conformance,
    "escalations": _escalations,
    "unknown_prices": _unknown_prices,
    "turns": _turns,
    "spend": _spend,
}


def served(record: TurnRecord) -> Iterator[tuple[StepRecord, str]]:
    """Return each call with the id by which the provider called the model that answered, where it said one."""
    for step in record.steps:
        if step.upstream_model and step.status == "ok":
            yield step, step.upstream_model[:200]
