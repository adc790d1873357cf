"""Shadow checks beside ``pointsman serve``. Nothing of it is awaited by a turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from pointsman.routing.sections_shadow import ShadowSection

if TYPE_CHECKING:
    from pointsman.monitoring.shadow.deciding import Decider
    from pointsman.monitoring.shadow.house import House
    from pointsman.monitoring.shadow.runner import Runner
    from pointsman.monitoring.shadow.sampler import Sampler
    from pointsman.monitoring.shadow.waiting import Batches

_EVERY_S: Final = 2.0
_LOOK_EVERY_S: Final = 60.0
"""Between two looks at batches, which take minutes to hours."""


class Pass(msgspec.Struct, frozen=True):
    """What one pass did: turns looked at, checks taken on by the stronger model, sent or heard by batch, and judged."""

    looked: int = 0
    answered: int = 0
    sent: int = 0
    heard: int = 0
    judged: int = 0

    def __add__(self, other: Pass) -> Pass:
        """Return what two passes did together."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Pass(*(one + another for one, another in pairs))


class ShadowChecks:
    """Samples, asks and judges until it is cancelled."""

    name = "shadow checks"

    def __init__(
        self,
        house: House,
        section: ShadowSection,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._house = house
        self._section = section
        self._pause = pause
        self._looked_at = -_LOOK_EVERY_S
        self._parts: tuple[Sampler, Runner, Batches, Decider] | None = None

    async def run(self) -> None:
        """Check turns until cancelled. A kill leaves what ``Runner.recover`` puts right."""
        while True:
            await self.once()
            await self._pause(_EVERY_S)

    async def begin(self, *, from_first: bool) -> None:
        """Begin at the first stored turn, or with the next one; nothing happens where it has begun before."""
        sampler = (await asyncio.to_thread(self._made))[0]
        await sampler.begin(from_first=from_first)

    async def once(self, *, look: bool = False) -> Pass:
        """Do what there is to do now; ``look``: at batches too, however short a while ago that was done.

        Raises:
            StoreError: the store cannot be read or written.
        """
        sampler, runner, batches, decider = await asyncio.to_thread(self._made)
        await runner.recover()
        looked = 0
        while read := await sampler.step():
            looked += read
        heard = sent = 0
        if look or time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            heard = await batches.hear()
        if self._section.batch:
            sent = await batches.send()
        answered = await runner.answer()
        return Pass(looked, answered, sent, heard, await decider.judge())

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many checks stand where."""
        return self._made()[1].shadows.states()

    def _made(self) -> tuple[Sampler, Runner, Batches, Decider]:
        if self._parts is None:
            # Imported here, in a thread: neither a policy without shadow checks nor a turn that comes meanwhile pays for it.
            from pointsman.monitoring.shadow.deciding import Decider
            from pointsman.monitoring.shadow.draw import Shares
            from pointsman.monitoring.shadow.runner import Runner
            from pointsman.monitoring.shadow.sampler import Sampler
            from pointsman.monitoring.shadow.waiting import Batches

            section = self._section
            runner = Runner(self._house, section, self._now)
            sampler = Sampler(self._house.store, Shares(section.low_confidence, section.everyone, section.unknown))
            self._parts = (sampler, runner, Batches(self._house, runner), Decider(self._house, section, runner))
        return self._parts


def build(router: House) -> ShadowChecks | None:
    """Return the service; None where the policy has no section ``shadow``."""
    section = router.policy.shadow
    return None if section is None else ShadowChecks(router, section)
