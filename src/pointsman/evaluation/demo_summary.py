"""Sums up a demo run from the records the gateway stored, never from what the demo itself expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from pointsman.domain.decision import Tier
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.evaluation.demo_run import Exchange
from pointsman.evaluation.route_summary import quantile

_TOLD = 200


class PlayedTurn(msgspec.Struct, frozen=True):
    """A customer turn as it went: the demo's exchanges, each with the record found in the store (None: none there)."""

    conversation: str
    channel: str
    said: str
    number: int
    exchanges: tuple[Exchange, ...]
    records: tuple[TurnRecord | None, ...]

    @property
    def stored(self) -> tuple[TurnRecord, ...]:
        """The records that were found."""
        return tuple(record for record in self.records if record is not None)

    @property
    def cost_usd(self) -> Decimal | None:
        """What the turn cost; None when the cost of one of its calls is unknown."""
        return added(record.cost_usd for record in self.stored) if len(self.stored) == len(self.exchanges) else None


class Group(msgspec.Struct, frozen=True):
    """One line of a table: ``turns`` that began this way, ``requests`` answered (calls made, for a model), and their cost."""

    name: str
    tier: Tier | None
    turns: int
    requests: int
    cost_usd: Decimal | None


class FallbackSeen(msgspec.Struct, frozen=True):
    """A request that another model answered than the one decided on, with what the failed calls said."""

    conversation: str
    turn: int
    decided: str
    answered: str
    failures: tuple[str, ...]


class Trouble(msgspec.Struct, frozen=True):
    """An exchange that went wrong: the gateway's error, or a reply that was not the JSON asked for."""

    conversation: str
    turn: int
    kind: str
    text: str


class DemoSummary(msgspec.Struct, frozen=True):
    """What the demo shows. ``simulated`` is True when every record says that its model was simulated."""

    conversations: int
    turns: int
    requests: int
    simulated: bool
    missing_records: int
    routes: tuple[Group, ...]
    models: tuple[Group, ...]
    fallbacks: tuple[FallbackSeen, ...]
    troubles: tuple[Trouble, ...]
    flagship: str | None
    cost_usd: Decimal | None
    flagship_cost_usd: Decimal | None
    decided_us_p50: float | None
    decided_us_p99: float | None

    @property
    def saved(self) -> float | None:
        """The share of the all-flagship bill that was saved; None where either bill is unknown."""
        if self.cost_usd is None or not self.flagship_cost_usd:
            return None
        return float(1 - self.cost_usd / self.flagship_cost_usd)


def summarise(played: list[PlayedTurn], tiers: Mapping[str, Tier]) -> DemoSummary:
    """Sum up all turns; ``tiers`` by model id."""
    records = [record for turn in played for record in turn.stored]
    times = sorted(record.decision.decided_us for record in records)
    exchanges = sum(len(turn.exchanges) for turn in played)
    return DemoSummary(
        conversations=len({turn.conversation for turn in played}),
        turns=len(played),
        requests=exchanges,
        simulated=bool(records) and all(record.simulated for record in records),
        missing_records=exchanges - len(records),
        routes=_by_route(played),
        models=_by_model(played, tiers),
        fallbacks=tuple(seen for turn in played for seen in _fallbacks(turn)),
        troubles=tuple(trouble for turn in played for trouble in _troubles(turn)),
        flagship=next((record.flagship_model for record in records if record.flagship_model), None),
        cost_usd=added(record.cost_usd for record in records),
        flagship_cost_usd=added(record.flagship_cost_usd for record in records),
        decided_us_p50=quantile(times, 0.5),
        decided_us_p99=quantile(times, 0.99),
    )


def answered_by(record: TurnRecord) -> str:
    """Return the model that was called last: the one that answered, where one did."""
    return record.steps[-1].model if record.steps else record.decision.model


def added(costs: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum; None when one of them is unknown."""
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def _by_route(played: list[PlayedTurn]) -> tuple[Group, ...]:
    firsts = Counter(turn.stored[0].decision.route for turn in played if turn.stored)
    groups: dict[str, list[TurnRecord]] = {}
    for turn in played:
        for record in turn.stored:
            groups.setdefault(record.decision.route, []).append(record)
    return _groups(groups, firsts, tiers={})


def _by_model(played: list[PlayedTurn], tiers: Mapping[str, Tier]) -> tuple[Group, ...]:
    """Sum up calls, not turns: on the way of one turn a planner and a worker each cost their own."""
    answered = Counter(answered_by(turn.stored[0]) for turn in played if turn.stored)
    calls: dict[str, list[StepRecord]] = {}
    for turn in played:
        for step in (step for record in turn.stored for step in record.steps):
            calls.setdefault(step.model, []).append(step)
    found = [
        Group(
            name, tiers.get(name), answered[name], len(steps), added(step.cost_usd for step in steps if _billed(step))
        )
        for name, steps in calls.items()
    ]
    return tuple(sorted(found, key=lambda group: (-group.requests, group.name)))


def _billed(step: StepRecord) -> bool:
    return step.status != "error"


def _groups(groups: dict[str, list[TurnRecord]], firsts: Counter[str], tiers: Mapping[str, Tier]) -> tuple[Group, ...]:
    found = [
        Group(name, tiers.get(name), firsts[name], len(records), added(record.cost_usd for record in records))
        for name, records in groups.items()
    ]
    return tuple(sorted(found, key=lambda group: (-group.requests, group.name)))


def _fallbacks(turn: PlayedTurn) -> Iterable[FallbackSeen]:
    for record in turn.stored:
        failures = [step for step in record.steps if step.status == "error"]
        if failures and answered_by(record) != record.decision.model:
            said = tuple(f"{step.model}: {step.http_status or '–'} {step.error_code or 'error'}" for step in failures)
            yield FallbackSeen(turn.conversation, turn.number, record.decision.model, answered_by(record), said)


def _troubles(turn: PlayedTurn) -> Iterable[Trouble]:
    for exchange in turn.exchanges:
        if exchange.error is not None:
            yield Trouble(turn.conversation, turn.number, "error", f"{exchange.http_status}: {exchange.error}")
        elif exchange.rejected is not None:
            yield Trouble(turn.conversation, turn.number, "rejected", exchange.rejected)
    for record in turn.stored:
        for check in record.checks:
            if check.action in {"retried", "escalated"} and not check.passed:
                yield Trouble(turn.conversation, turn.number, "rejected", f"{check.name}: {check.text[:_TOLD]}")
