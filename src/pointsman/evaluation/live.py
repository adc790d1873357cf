"""Live and emulated models as sources of answers: pinned, one after the other politely, and within the spend cap."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import msgspec

from pointsman.catalog.prices import Rates
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Asker, Job, usual_cost
from pointsman.evaluation.cases import Case
from pointsman.evaluation.replaying import Pays
from pointsman.store.money import to_pico

_TRIES = 6
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_BUSY = frozenset({"rate_limit", "overloaded", "quota"})


class Pace:
    """Holds all calls to one provider back while it says that it is asked too much."""

    def __init__(self) -> None:
        self._until = 0.0

    async def wait(self) -> None:
        """Return when the provider may be asked again."""
        left = self._until - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)

    def busy(self, attempt: int) -> None:
        """Hold back: twice as long each time."""
        self._until = max(self._until, time.monotonic() + min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0**attempt))


class LiveModel:
    """One model of the catalogue.

    ``seed`` plus the number of a repeat is sent along, to the providers that take one: repeats differ, and can be repeated.
    ``only_priced``: it will not be asked, so it needs no key.
    """

    def __init__(  # noqa: PLR0913 - what a model is asked with, by name
        self,
        asker: Asker,
        model: str,
        pace: Pace,
        seed: int = 0,
        rates: Rates | None = None,
        *,
        only_priced: bool = False,
    ) -> None:
        self.name = model
        self.origin = asker.known_origin(model) if only_priced else asker.origin(model)
        # What an emulator said must never stand in for a model.
        self.settings = f"{self.origin} seed {seed}"
        self._asker = asker
        self._pace = pace
        self._seed = seed
        self._rates = rates

    async def answer(self, case: Case, turn: Turn, repeat: int, pays: Pays) -> Answer | None:
        """Ask the model; a provider that is too busy is asked again later, some times.

        Raises:
            UsageError: there is a spend cap, and what the call may cost is unknown.
        """
        job = Job(case.id, self.name, self._turn(turn, repeat), repeat=repeat)
        answer: Answer | None = None
        for attempt in range(_TRIES):
            await self._pace.wait()
            if not self._announced(job, pays):
                return None
            answer = await self._asker.ask(job)
            if answer is None or answer.error not in _BUSY:
                return answer
            self._pace.busy(attempt)
        return answer

    def _announced(self, job: Job, pays: Pays) -> bool:
        """Tell the run's file that a paid call is coming; False where the money does not reach for it."""
        worst = self._asker.worst(job)
        if worst is None:
            return True
        pico, purse = to_pico(worst) or 0, self._asker.purse
        if not purse.take(pico):
            return False
        purse.settle(pico, 0)  # the call itself takes it again; nothing comes between
        pays(worst)
        return True

    def _turn(self, turn: Turn, repeat: int) -> Turn:
        sampling = turn.sampling
        if sampling.seed is None:
            sampling = msgspec.structs.replace(sampling, seed=self._seed + repeat)
        return msgspec.structs.replace(turn, model=self.name, stream=True, include_usage=True, sampling=sampling)

    def price(self, turn: Turn, output_tokens: int) -> tuple[Decimal | None, Decimal | None]:
        """Return what one call costs with a reply of so many tokens, and what it costs at most; None: unknown."""
        job = Job("", self.name, self._turn(turn, 1))
        return usual_cost(
            turn, self._rates, min(output_tokens, turn.max_output_tokens or output_tokens)
        ), self._asker.worst(job)
