"""Made-up traffic of a support desk, for benchmarks, tests and demonstrations. Every turn says that it is simulated.

Days have a rhythm (quiet nights, weekends at half), conversations grow turn by turn and find their prefix in the cache while
it is warm, models differ in speed and price, some replies fail, a third of the conversations has an outcome. The same plan and
seed give the same traffic. It is written in the store's own form, so what reads the store cannot tell.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.prices import Rates
from pointsman.domain.decision import DecidedTier, Decision, Reason
from pointsman.domain.record import CheckRecord, Handoff, Status, StepRecord, TurnRecord
from pointsman.domain.turn import Channel
from pointsman.domain.usage import Usage
from pointsman.store.connection import open_writer
from pointsman.store.landing import Landing

_DAY_US: Final = 86_400_000_000
_CACHE_US: Final = 300_000_000
_INTENTS: Final = (
    ("order_status", 24, "direct"),
    ("refund", 14, "tools"),
    ("cancel_order", 9, "tools"),
    ("change_address", 8, "tools"),
    ("product_question", 15, "direct"),
    ("invoice", 8, "tools"),
    ("complaint", 7, "plan"),
    ("warranty", 5, "plan"),
    ("delivery_delay", 7, "direct"),
    ("account_locked", 3, "plan"),
)
_SMALL, _MID, _FLAGSHIP = "anthropic/claude-haiku-4-5", "anthropic/claude-sonnet-4-6", "anthropic/claude-opus-4-8"
_MEAN_TURNS: Final = 4.1
_PREFIX: Final = {"desk": 2600, "billing": 3400, "returns": 2100}


class Mishap(msgspec.Struct, frozen=True):
    """A provider's bad hours: calls of ``model`` fail with ``errors`` more, and first tokens take ``slower`` times as long."""

    model: str
    since_us: int
    until_us: int
    errors: float = 0.0
    slower: float = 1.0


class Plan(msgspec.Struct, frozen=True):
    """How much traffic, and from when: about ``turns``, spread over ``days`` from ``start_us`` on, none later than that."""

    turns: int
    days: float
    start_us: int
    seed: int = 1
    mishaps: tuple[Mishap, ...] = ()
    bodies: bool = True


class Ended(msgspec.Struct, frozen=True):
    """How a conversation ended, as a ticket system would report it."""

    conversation: str
    key: str
    resolved: bool
    escalated: bool
    csat: int | None
    handoff_usd: Decimal | None
    at_us: int


class Conversation(msgspec.Struct, frozen=True):
    """A whole conversation, its turns in order; ``ended`` None: nobody said how it ended."""

    turns: tuple[TurnRecord, ...]
    ended: Ended | None


class Traffic:
    """Makes the conversations of a plan, in the order of their beginning."""

    def __init__(self, plan: Plan, catalog: Catalog) -> None:
        self._plan = plan
        self._catalog = catalog
        self._chance = random.Random(plan.seed)  # noqa: S311 - made-up traffic, no secret
        self._rates: dict[tuple[str, int], Rates | None] = {}
        self._number = 0
        self._end_us = plan.start_us + int(plan.days * _DAY_US)

    def conversations(self) -> Iterator[Conversation]:
        """Yield conversations until the plan's turns are made."""
        left = self._plan.turns
        for start_us in self._starts():
            if start_us >= self._end_us:
                return
            made = self._conversation(start_us)
            yield made
            left -= len(made.turns)
            if left <= 0:
                return

    def _starts(self) -> Iterator[int]:
        """Yield beginnings in order: a Poisson process whose rate follows the hour and the day of the week (thinning)."""
        plan, chance = self._plan, self._chance
        hours = range(max(1, int(plan.days * 24)))
        busy = sum(_rhythm(plan.start_us + hour * 3_600_000_000) for hour in hours) / len(hours)
        mean_us = plan.days * _DAY_US / max(1.0, plan.turns / _MEAN_TURNS) * busy
        at = float(plan.start_us)
        while True:
            at += chance.expovariate(1 / mean_us)
            if chance.random() < _rhythm(int(at)):
                yield int(at)

    def _conversation(self, start_us: int) -> Conversation:
        chance = self._chance
        self._number += 1
        name = f"sim-{self._plan.seed}-{self._number}"
        intent, _, route = chance.choices(_INTENTS, [weight for _, weight, _ in _INTENTS])[0]
        talk = _Talk(name, intent, route, chance.choice(tuple(_PREFIX)), chance)
        count = min(40, 1 + int(chance.expovariate(1 / 3.6)))
        at_us, turns = start_us, []
        for n in range(count):
            turns.append(self._turn(talk, n, at_us))
            at_us += int((8 + chance.lognormvariate(3.6, 0.9)) * 1e6)
            if at_us >= self._end_us:
                return Conversation(tuple(turns), None)  # it goes on
        return Conversation(tuple(turns), self._ended(talk, turns, at_us) if chance.random() < 1 / 3 else None)

    def _turn(self, talk: _Talk, n: int, at_us: int) -> TurnRecord:
        chance = self._chance
        route = talk.route if n or talk.route == "plan" else "direct"
        tier, model = _choose(route, chance)
        words, output = talk.say(n, route)
        reply = self._call(talk, model, at_us, output, "reply")
        steps = [reply]
        if route == "plan" and n == 0:
            steps.insert(0, self._call(talk, _FLAGSHIP, at_us, 180, "plan"))
        if reply.status == "error" and chance.random() < 0.9:  # noqa: PLR2004 - most failures are made good elsewhere
            steps.append(self._call(talk, _MID, at_us, output, "reply", attempt=2))
        last = steps[-1]
        costs = [step.cost_usd for step in steps if step.status != "error"]
        cost = None if None in costs else sum((one for one in costs if one is not None), Decimal(0))
        usage = last.usage
        flagship = self._rate(_FLAGSHIP, at_us)
        record = TurnRecord(
            id=f"{talk.name}-{n}",
            conversation_id=talk.name,
            at_us=at_us,
            dialect="openai_chat",
            status=last.status,
            decision=self._decision(talk, n, route, tier, model),
            steps=tuple(steps),
            duration_ms=sum(step.duration_ms for step in steps),
            key_id=talk.key,
            channel=talk.channel,
            stream=True,
            http_status=200 if last.status != "error" else 502,
            error_code=last.error_code,
            ttft_ms=None if last.ttft_ms is None else last.ttft_ms + sum(step.duration_ms for step in steps[:-1]),
            gateway_us=round(chance.lognormvariate(6.2, 0.3), 1),
            usage=usage,
            cost_usd=cost,
            flagship_model=_FLAGSHIP,
            flagship_cost_usd=flagship.cost(usage) if usage and flagship else None,
            simulated=True,
            metadata={"user": talk.customer, "agent": talk.agent, "tenant": talk.tenant},
            handoffs=(Handoff("plan", _FLAGSHIP, model, msgspec.Raw(b"{}")),)
            if len(steps) > 1 and route == "plan"
            else (),
            checks=_checks(route, model, chance),
        )
        return self._with_bodies(record, talk, n, words) if self._plan.bodies else record

    def _decision(self, talk: _Talk, n: int, route: str, tier: DecidedTier, model: str) -> Decision:
        kind, name = ("rule", f"{talk.intent}_rule") if talk.route == route else ("default", "default_route")
        text = f"{talk.intent.replace('_', ' ')} is handled as {route}"
        confidence = round(min(0.99, max(0.05, self._chance.betavariate(9, 2))), 3)
        return Decision(
            f"{talk.name}-{n}",
            route,
            model,
            tier,
            "simulated",
            confidence,
            (Reason(kind, name, text),),
            intent=talk.intent,
        )

    def _call(  # noqa: PLR0913, PLR0917 - one call, by what it is for
        self, talk: _Talk, model: str, at_us: int, output: int, purpose: str, attempt: int = 1
    ) -> StepRecord:
        chance = self._chance
        slower, failing = 1.0, 0.006
        for mishap in self._plan.mishaps:
            if mishap.model == model and mishap.since_us <= at_us < mishap.until_us:
                slower, failing = slower * mishap.slower, failing + mishap.errors
        if chance.random() < failing:
            waited = round(chance.lognormvariate(7, 0.6), 1)
            return StepRecord(
                purpose, model, "error", waited, attempt, 503, "overloaded", "simulated: the provider is overloaded"
            )
        usage = talk.usage(model, at_us, output, purpose)
        rates = self._rate(model, at_us)
        first, speed = _PACE[model]
        ttft = chance.lognormvariate(math.log(first), 0.35) * slower
        status: Status = "cancelled" if chance.random() < 0.004 else "ok"  # noqa: PLR2004 - a few customers leave
        return StepRecord(
            purpose,
            model,
            status,
            round(ttft + output / (speed * chance.uniform(0.8, 1.2)) * 1000 * slower, 1),
            attempt,
            200,
            stop_reason="tool_use" if talk.route != "direct" and chance.random() < 0.4 else "end_turn",  # noqa: PLR2004
            usage=usage,
            cost_usd=rates.cost(usage) if rates else None,
            ttft_ms=round(ttft, 1),
            upstream_model=model.partition("/")[2],
            prompt=f"agent/{talk.agent}@{'a1b2c3' if at_us < self._plan.start_us + 3 * _DAY_US else 'd4e5f6'}",
        )

    def _rate(self, model: str, at_us: int) -> Rates | None:
        key = (model, at_us // _DAY_US)
        if key not in self._rates:
            self._rates[key] = self._catalog.rates(model, datetime.fromtimestamp(at_us / 1e6, UTC))
        return self._rates[key]

    def _with_bodies(self, record: TurnRecord, talk: _Talk, n: int, words: str) -> TurnRecord:
        talk.history.append(("message", msgspec.json.encode({"role": "user", "content": words})))
        request = (("system", msgspec.json.encode(f"You are the {talk.agent} agent of a shop.")), *talk.history)
        said = f"Simulated reply {n + 1} about {talk.intent.replace('_', ' ')}."
        talk.history.append(("message", msgspec.json.encode({"role": "assistant", "content": said})))
        stop = record.steps[-1].stop_reason or "end_turn"
        reply = {"parts": [{"type": "text", "text": said}], "stop_reason": stop, "model": record.steps[-1].model}
        return msgspec.structs.replace(
            record, request=request, reply=b"" if record.status == "error" else msgspec.json.encode(reply)
        )

    def _ended(self, talk: _Talk, turns: Sequence[TurnRecord], at_us: int) -> Ended:
        chance = self._chance
        failed = any(turn.status == "error" for turn in turns)
        escalated = chance.random() < (0.25 if failed else 0.09)
        resolved = not escalated and chance.random() < (0.62 if failed else 0.86)
        csat = chance.choices((1, 2, 3, 4, 5), (6, 6, 14, 34, 40) if resolved else (34, 26, 20, 14, 6))[0]
        cost = Decimal(chance.randrange(300, 900)) / 100 if escalated else None
        said = csat if chance.random() < 0.4 else None  # noqa: PLR2004 - most customers do not answer
        return Ended(talk.name, talk.key, resolved, escalated, said, cost, at_us)


class _Talk:
    """What stays the same within a conversation, and what its cache holds."""

    def __init__(self, name: str, intent: str, route: str, agent: str, chance: random.Random) -> None:
        self.name, self.intent, self.route, self.agent = name, intent, route, agent
        self.key = chance.choice(("key_web", "key_web", "key_app"))
        channels: tuple[Channel, ...] = ("chat", "chat", "chat", "email", "voice")
        self.channel: Channel = chance.choice(channels)
        self.customer = f"customer-{chance.randrange(1_000_000)}"
        self.tenant = chance.choice(("north", "south"))
        self.history: list[tuple[str, bytes]] = []
        self._chance = chance
        self._prompt = _PREFIX[agent]
        self._cached: dict[str, tuple[int, int]] = {}

    def say(self, n: int, route: str) -> tuple[str, int]:
        """Let the customer say something; return the words and the tokens of the answer to come."""
        self._prompt += self._chance.randrange(20, 160)
        output = int(self._chance.lognormvariate(4.6 if route == "direct" else 5.1, 0.5))
        return f"Simulated message {n + 1}: {self.intent.replace('_', ' ')} ({self.name})", max(5, output)

    def usage(self, model: str, at_us: int, output: int, purpose: str) -> Usage:
        """Return the tokens of a call: what this model read less than five minutes ago comes out of its cache."""
        held, seen_us = self._cached.get(model, (0, -_CACHE_US))
        warm = min(held, self._prompt) if at_us - seen_us < _CACHE_US else 0
        if not warm and self._chance.random() < 0.7:  # noqa: PLR2004 - others keep the system prompt warm
            warm = _PREFIX[self.agent]
        fresh = self._prompt - warm
        written = fresh if fresh > 64 else 0  # noqa: PLR2004 - a short end is not worth a cache entry
        self._cached[model] = (self._prompt, at_us)
        if purpose == "reply":
            self._prompt += output
        return Usage(fresh - written, output, warm, written, reasoning=output // 3 if model == _FLAGSHIP else 0)


_PACE: Final = {_SMALL: (320.0, 150.0), _MID: (620.0, 80.0), _FLAGSHIP: (1150.0, 55.0)}
_HOURS: Final = tuple(max(0.06, math.sin(math.pi * (hour - 5) / 18)) if 5 <= hour <= 23 else 0.06 for hour in range(24))  # noqa: PLR2004


def _rhythm(at_us: int) -> float:
    """Return how busy this hour is, 0 to 1: 1970-01-01 was a Thursday."""
    day = (at_us // _DAY_US + 3) % 7
    return _HOURS[at_us // 3_600_000_000 % 24] * (0.5 if day >= 5 else 1.0)  # noqa: PLR2004


def _choose(route: str, chance: random.Random) -> tuple[DecidedTier, str]:
    if route == "direct":
        return ("small", _SMALL) if chance.random() < 0.9 else ("mid", _MID)  # noqa: PLR2004
    if route == "tools":
        return ("mid", _MID) if chance.random() < 0.75 else ("small", _SMALL)  # noqa: PLR2004
    return ("flagship", _FLAGSHIP) if chance.random() < 0.6 else ("mid", _MID)  # noqa: PLR2004


def _checks(route: str, model: str, chance: random.Random) -> tuple[CheckRecord, ...]:
    if route == "direct" or chance.random() < 0.7:  # noqa: PLR2004
        return ()
    passed = chance.random() < 0.97  # noqa: PLR2004
    action = "released" if passed else chance.choice(("retried", "escalated"))
    return (CheckRecord("contract ticket@1", passed, model, action),)


def write_traffic(path: Path, plan: Plan, catalog: Catalog, *, batch: int = 2000) -> int:
    """Write a plan's turns and outcomes into the store at ``path``, which must exist; return how many turns.

    Turns are in the order of their beginning, as a gateway would commit them within a few minutes.

    Raises:
        StoreError: the store cannot be written.
    """
    landing = Landing(open_writer(path, "normal"))
    written = 0
    waiting: list[TurnRecord] = []
    ended: list[Ended] = []
    try:
        for conversation in Traffic(plan, catalog).conversations():
            waiting += conversation.turns
            ended += [conversation.ended] if conversation.ended is not None else []
            if len(waiting) >= batch:
                written += _commit(landing, waiting, ended)
        written += _commit(landing, waiting, ended)
    finally:
        landing.close()
    return written


def _commit(landing: Landing, waiting: list[TurnRecord], ended: list[Ended]) -> int:
    turns = sorted(waiting, key=lambda turn: turn.at_us)
    rows = [_outcome(one) for one in ended]
    landing.commit(turns, [lambda connection: connection.executemany(_PUT_OUTCOME, rows)])
    waiting.clear()
    ended.clear()
    return len(turns)


_PUT_OUTCOME: Final = "INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?, 0, ?, ?, 'simulated', ?)"


def _outcome(one: Ended) -> tuple[object, ...]:
    handoff = None if one.handoff_usd is None else int(one.handoff_usd * 1_000_000_000_000)
    return (one.conversation, one.key, one.resolved, one.escalated, one.csat, handoff, one.at_us)
