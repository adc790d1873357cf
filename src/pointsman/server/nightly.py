"""Answers the pinned cases of ``monitors.drift.canary`` once a night, with the gateway's own connections and budgets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from pointsman.app import Router
from pointsman.errors import PointsmanError
from pointsman.evaluation.bench_asking import Asker, Purse
from pointsman.evaluation.case_file import CaseIndex
from pointsman.evaluation.graders.registry import grader
from pointsman.evaluation.live import LiveModel, Pace
from pointsman.monitoring.drift.canary import Nightly, answered
from pointsman.routing.sections_monitors import CanarySection
from pointsman.store.canaries import Night, keep, nights

_log = logging.getLogger(__name__)
_LOOK_S: Final = 60.0


class NightlyCases:
    """Looks each minute whether it is time; a model that had its night is not asked again, however often we begin."""

    def __init__(
        self,
        router: Router,
        clock_us: Callable[[], int],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._router = router
        self._clock_us = clock_us
        self._pause = pause

    async def __call__(self) -> None:
        """Answer the cases each night until cancelled."""
        while True:
            await self.look()
            await self._pause(_LOOK_S)

    async def look(self) -> None:
        """Answer the cases of every model whose night has come; what goes wrong is logged and told by the night itself."""
        section = self._router.policy.monitors.drift.canary
        if section is None:
            return
        for model in section.models:
            last = nights(self._router.store, model, limit=1)
            if not Nightly.at(section.at).due(last[-1].at_us if last else None, self._clock_us()):
                continue
            try:
                night = await run_night(self._router, section, model, self._clock_us())
            except PointsmanError as error:
                _log.error("the pinned cases were not answered by %s: %s", model, error)
                night = Night(self._clock_us(), model, "", False, 0, 0, (), {}, None, str(error)[:500])
            await self._router.store.write(partial(keep, night=night))


async def run_night(router: Router, section: CanarySection, model: str, now_us: int) -> Night:
    """Let one model answer the pinned cases.

    Raises:
        UsageError: the case file cannot be read, or the model cannot be called.
    """
    path = Path(router.policy.source).parent / section.cases
    known = router.catalog.get(model)
    asker = Asker(router.engine.dispatch, Purse(section.max_usd), router.missing)
    rates = router.catalog.rates(known.id, datetime.fromtimestamp(now_us / 1e6, UTC))
    source = LiveModel(asker, known.id, Pace(), rates=rates)
    with await asyncio.to_thread(CaseIndex, path) as index:
        return await answered(index, source, grader("strict"), now_us)
