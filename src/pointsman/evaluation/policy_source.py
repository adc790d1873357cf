"""A whole policy as what answers in a replay: its rules, routes, plans and checks, with its prompts, turn by turn.

So a threshold, a rule or a prompt is put to the same gate as a model: ``policy:pointsman.yaml`` against ``policy:new.yaml``.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, ProviderError, UsageError
from pointsman.evaluation.answers import Answer, Origin
from pointsman.evaluation.bench_asking import Purse
from pointsman.evaluation.cases import Case
from pointsman.evaluation.replaying import Pays
from pointsman.execution.ask import Ask
from pointsman.execution.engine import Engine
from pointsman.execution.limits.worst_case import Measure
from pointsman.execution.running import Running
from pointsman.execution.work import MOST_HANDOFFS, MOST_REDOS
from pointsman.store.money import from_pico, to_pico

PREFIX = "policy:"
_MOST_CALLS = 1 + MOST_HANDOFFS + MOST_REDOS + 1
"""Calls one turn may pay for: the answer, two handoffs, the redone answers, and one that sorts the turn."""

Begin = Callable[[Ask], Awaitable[Running]]


def policy_name(version: str, prompts: Mapping[str, str]) -> str:
    """Return what a policy is called in a run: its version, and each prompt that is not the shipped one, as role@version."""
    return PREFIX + "+".join([version, *(f"{role}@{prompts[role]}" for role in sorted(prompts))])


def parts_of(name: str) -> tuple[str, dict[str, str]]:
    """Return the version of the policy and of its prompts by role: what ``policy_name`` put together.

    Raises:
        UsageError: it is not such a name.
    """
    version, *prompts = name.removeprefix(PREFIX).split("+")
    pairs = [tuple(one.split("@", 1)) for one in prompts]
    if not name.startswith(PREFIX) or any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - a role and a version
        raise UsageError(f"{name[:80]!r} names no policy of a run")
    return version, {pair[0]: pair[1] for pair in pairs}


class PolicySource:
    """Answers cases as the gateway would under one policy; ``begin`` starts a turn on a started router."""

    def __init__(self, name: str, begin: Begin, engine: Engine, purse: Purse) -> None:
        self.name = name
        self._begin = begin
        self._engine = engine
        self._purse = purse
        self._measure = Measure()
        simulated = {one.simulated for one in engine.dispatch.endpoints.values()}
        self.origin: Origin = "simulated" if simulated == {True} else "live"
        self.settings = f"{self.origin} policy"

    async def answer(self, case: Case, turn: Turn, repeat: int, pays: Pays) -> Answer | None:
        """Run the turn; None where the spend cap leaves no money for what it may cost at most.

        Raises:
            UsageError: there is a spend cap, and what a turn may cost is unknown.
        """
        worst = self._worst(turn)
        if self._purse.cap is not None:
            if worst is None:
                raise UsageError(f"{self.name}: a price is unknown, so --max-usd cannot be held; leave the cap out")
            if not self._purse.take(worst):
                return None
        pays(from_pico(worst) or Decimal(0))
        answer = await self._run(case, turn, repeat)
        if self._purse.cap is not None:
            self._purse.settle(worst or 0, to_pico(answer.cost_usd))
        return answer

    async def _run(self, case: Case, turn: Turn, repeat: int) -> Answer:
        base = Answer(case.id, self.name, repeat, self.origin)
        running: Running | None = None
        try:
            running = await self._begin(_ask(case, turn, repeat))
            await running.open()
            async for _ in running.stream():
                pass
            record = await running.commit()
        except PointsmanError as error:
            word = error.kind if isinstance(error, ProviderError) else error.code
            return _measured(msgspec.structs.replace(base, error=word), running.record if running else None)
        return _measured(msgspec.structs.replace(base, reply=running.reply), record)

    def price(self, turn: Turn, output_tokens: int) -> tuple[Decimal | None, Decimal | None]:  # noqa: ARG002 - as a model's
        """Return what a turn usually costs (unknown: it depends on its route) and what it costs at most; None: unknown."""
        return None, from_pico(self._worst(turn))

    def _worst(self, turn: Turn) -> int | None:
        catalog, now = self._engine.dispatch.catalog, datetime.now(UTC)
        dearest = 0
        for name in self._engine.routing.policy.models():
            model = catalog.get(name)
            worst = self._measure.quote(model, catalog.rates(model.id, now), turn, 1).worst
            if worst is None:
                return None
            dearest = max(dearest, worst)
        return dearest * _MOST_CALLS


def _measured(answer: Answer, record: TurnRecord | None) -> Answer:
    if record is None:
        return answer
    return msgspec.structs.replace(
        answer,
        usage=record.usage,
        cost_usd=record.cost_usd,
        ttft_ms=record.ttft_ms,
        latency_ms=record.duration_ms,
    )


def _ask(case: Case, turn: Turn, repeat: int) -> Ask:
    """A conversation of its own for each case and repeat: what one remembers must not reach another."""
    return Ask(
        turn=msgspec.structs.replace(turn, model="auto", stream=True, include_usage=True),
        dialect="library",
        conversation_id=f"replay-{case.id}-{repeat}",
        arrived_us=time.time_ns() // 1000,
        started_ns=time.perf_counter_ns(),
    )
