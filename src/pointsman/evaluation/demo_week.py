"""A week of simulated traffic, made of the demo's own turns: what was recorded once happens again, at other hours and speeds.

Decisions, prompts, plans and bodies are the recorded ones; times, speeds, token counts and small troubles are drawn. For two and
a half hours of the week one provider sends tool calls whose arguments are cut off, under another name of the same model: the
thing monitors are for. Every turn says that it is simulated.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.prices import Rates
from pointsman.domain.message import ToolCall
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.usage import Usage
from pointsman.execution.records import asked_for, counterfactual, estimated_prompt

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
DAYS: Final = 7
_ID: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PACE: Final = {"small": (380.0, 140.0), "mid": (620.0, 90.0), "flagship": (850.0, 170.0)}
"""First token in ms (median) and tokens a second, by tier: made up."""
_TROUBLE: Final = 0.004
_RARE: Final = 0.02
"""How often a recorded conversation in which something went wrong comes, against one in which nothing did."""
_CUT_OFF: Final = 0.3


class Regression(msgspec.Struct, frozen=True):
    """One provider's bad hours: a share of the tool calls of ``model`` comes cut off, and it calls itself ``upstream``."""

    model: str
    since_us: int
    until_us: int
    upstream: str

    def holds(self, model: str, at_us: int) -> bool:
        """Tell whether a call of ``model`` at this time is one of those."""
        return model == self.model and self.since_us <= at_us < self.until_us


class Ended(msgspec.Struct, frozen=True):
    """How a conversation ended, as a ticket system would report it."""

    conversation: str
    at_us: int
    resolved: bool
    escalated: bool


class Week:
    """Makes the week before ``end_us`` (Unix microseconds). The same records, end and seed give the same week."""

    def __init__(
        self, records: Sequence[TurnRecord], end_us: int, *, turns: int, catalog: Catalog, seed: int = 7
    ) -> None:
        self._talks = _conversations(records)
        self._weights = [_RARE if any(map(_troubled, talk)) else 1.0 for talk in self._talks]
        self._end = end_us
        self._turns = turns
        self._catalog = catalog
        self._known: dict[str, Rates | None] = {}
        self._chance = random.Random(seed)  # noqa: S311 - made-up traffic, no secret
        self._n = 0
        self.regression = _regression(records, end_us)

    def conversations(self) -> Iterator[tuple[list[TurnRecord], Ended | None]]:
        """Yield conversations in the order of their beginning, with how they ended where somebody said so."""
        mean = sum(map(len, self._talks)) / len(self._talks)
        for start_us in self._starts(max(1, round(self._turns / mean))):
            yield self._conversation(self._chance.choices(self._talks, self._weights)[0], start_us)

    def _rates(self, model: str) -> Rates | None:
        if model not in self._known:
            self._known[model] = self._catalog.rates(model, datetime.fromtimestamp(self._end / 1e6, UTC))
        return self._known[model]

    def _starts(self, count: int) -> list[int]:
        """Return beginnings in order, as busy as the hours of a support desk are."""
        begin = self._end - DAYS * DAY_US
        found: list[int] = []
        while len(found) < count:
            at = begin + self._chance.randrange(DAYS * DAY_US - HOUR_US // 4)
            if self._chance.random() < _busy(at):
                found.append(at)
        return sorted(found)

    def _conversation(self, talk: list[TurnRecord], start_us: int) -> tuple[list[TurnRecord], Ended | None]:
        self._n += 1
        name = f"{talk[0].conversation_id}-{self._n}"
        made: list[TurnRecord] = []
        at = start_us
        for record in talk:
            made.append(self._turn(record, name, at))
            # A tool's result comes back at once; a customer reads and writes.
            wait_s = self._chance.uniform(0.3, 2) if b'"tool_call"' in record.reply else self._chance.uniform(15, 90)
            at += int((made[-1].duration_ms / 1000 + wait_s) * 1e6)
        if self._chance.random() < 0.45:  # noqa: PLR2004 - most desks hear of fewer than half
            return made, None
        hurt = sum(record.status != "ok" for record in made) + sum(self._hurt(record) for record in made)
        escalated = self._chance.random() < (0.45 if hurt else 0.08)
        resolved = not escalated and self._chance.random() < (0.55 if hurt else 0.9)
        return made, Ended(name, min(at, self._end), resolved, escalated)

    def _hurt(self, record: TurnRecord) -> bool:
        return any(step.upstream_model == self.regression.upstream for step in record.steps)

    def _turn(self, record: TurnRecord, conversation: str, at_us: int) -> TurnRecord:
        turn_id = _turn_id(at_us, self._chance)
        steps = tuple(self._step(step, at_us) for step in record.steps)
        failed = record.status == "ok" and self._chance.random() < _TROUBLE
        if failed:
            steps = (*steps[:-1], _refused(steps[-1]))
        usage = _total(steps)
        flagship = record.flagship_model
        rates = None if flagship is None else self._rates(flagship)
        streamed = record.ttft_ms is not None and steps[-1].ttft_ms is not None
        before = sum(step.duration_ms for step in steps[:-1])
        return msgspec.structs.replace(
            record,
            id=turn_id,
            conversation_id=conversation,
            at_us=at_us,
            decision=msgspec.structs.replace(record.decision, id=turn_id),
            steps=steps,
            status="error" if failed else record.status,
            http_status=503 if failed else record.http_status,
            error_code="provider_unavailable" if failed else record.error_code,
            duration_ms=round(sum(step.duration_ms for step in steps) + 2, 3),
            ttft_ms=round(before + (steps[-1].ttft_ms or 0), 3) if streamed else None,
            prepared_ms=None if record.prepared_ms is None else round(before, 3),
            usage=usage,
            cost_usd=_sum([step.cost_usd for step in steps if step.status != "error"]),
            flagship_cost_usd=counterfactual(asked_for(steps, estimated_prompt(record.decision)), rates),
            reply=b"" if failed else self._reply(record.reply, steps, at_us),
            simulated=True,
        )

    def _step(self, step: StepRecord, at_us: int) -> StepRecord:
        if step.status != "ok" or step.usage is None:
            return step
        usage = msgspec.structs.replace(
            step.usage,
            input_uncached=_about(step.usage.input_uncached, self._chance),
            output=_about(step.usage.output, self._chance),
        )
        first, speed = _PACE[self._catalog.get(step.model).tier]
        first *= math.exp(self._chance.gauss(0, 0.35))
        rates = self._rates(step.model)
        upstream = self.regression.upstream if self.regression.holds(step.model, at_us) else step.upstream_model
        return msgspec.structs.replace(
            step,
            usage=usage,
            cost_usd=None if rates is None else rates.cost(usage),
            duration_ms=round(first + usage.output / speed * 1000 * math.exp(self._chance.gauss(0, 0.2)), 3),
            ttft_ms=None if step.ttft_ms is None else round(first, 3),
            upstream_model=upstream,
        )

    def _reply(self, reply: bytes, steps: tuple[StepRecord, ...], at_us: int) -> bytes:
        if not reply or not self.regression.holds(steps[-1].model, at_us) or self._chance.random() > _CUT_OFF:
            return reply
        decoded = msgspec.json.decode(reply, type=Reply)
        parts = tuple(_cut(part) if isinstance(part, ToolCall) else part for part in decoded.parts)
        return msgspec.json.encode(msgspec.structs.replace(decoded, parts=parts))


def _conversations(records: Sequence[TurnRecord]) -> list[list[TurnRecord]]:
    found: dict[str, list[TurnRecord]] = {}
    for record in sorted(records, key=lambda one: one.at_us):
        if record.steps:
            found.setdefault(record.conversation_id, []).append(record)
    return list(found.values())


def _troubled(record: TurnRecord) -> bool:
    failed = any(step.status != "ok" for step in record.steps) or any(not check.passed for check in record.checks)
    return failed or record.status != "ok"


def _regression(records: Sequence[TurnRecord], end_us: int) -> Regression:
    """Two days before the end, in the busy hours, of the model that calls tools most."""
    calls: dict[str, int] = {}
    for record in records:
        if b'"tool_call"' in record.reply and record.steps:
            calls[record.steps[-1].model] = calls.get(record.steps[-1].model, 0) + 1
    model = max(sorted(calls), key=lambda name: calls[name], default="")
    day = (end_us - 2 * DAY_US) // DAY_US * DAY_US
    since = day + 13 * HOUR_US
    return Regression(model, since, since + 5 * HOUR_US // 2, f"{model.partition('/')[2]}-0042")


def _busy(at_us: int) -> float:
    """Return how busy this hour is, 0 to 1: a desk with quiet nights and weekends at half. 1970-01-01 was a Thursday."""
    hour, weekend = at_us // HOUR_US % 24, (at_us // DAY_US + 3) % 7 >= 5  # noqa: PLR2004 - Saturday
    return max(0.08, math.sin(math.pi * (hour - 5) / 18) if hour >= 5 else 0.0) * (0.5 if weekend else 1.0)  # noqa: PLR2004


def _turn_id(at_us: int, chance: random.Random) -> str:
    """Return an id that sorts by time, as the router makes them."""
    number = (at_us // 1000) << 35 | chance.getrandbits(35)
    return "".join(_ID[number >> shift & 31] for shift in range(75, -1, -5))


def _about(tokens: int, chance: random.Random) -> int:
    return max(1, round(tokens * chance.uniform(0.85, 1.2)))


def _refused(step: StepRecord) -> StepRecord:
    return msgspec.structs.replace(
        step,
        status="error",
        http_status=503,
        error_code="overloaded",
        error_text="The service is overloaded. (simulated)",
        usage=None,
        cost_usd=None,
        ttft_ms=None,
        stop_reason=None,
    )


def _cut(call: ToolCall) -> ToolCall:
    return msgspec.structs.replace(call, arguments=call.arguments[: max(1, len(call.arguments) * 2 // 3)])


def _total(steps: tuple[StepRecord, ...]) -> Usage | None:
    total: Usage | None = None
    for step in steps:
        if step.usage is not None:
            total = step.usage if total is None else total + step.usage
    return total


def _sum(costs: Sequence[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total
