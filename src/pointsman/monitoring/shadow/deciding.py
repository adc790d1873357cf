"""The verdict on turns that were answered again: the rule, then the judge, and people's share of the work."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from pointsman.domain.reply import Reply
from pointsman.evaluation.judges.model_judge import ModelJudge
from pointsman.evaluation.judges.seam import Comparison
from pointsman.monitoring.shadow.house import House
from pointsman.monitoring.shadow.judging import Bench, ask, review_chance, review_item, worst_of
from pointsman.monitoring.shadow.pairs import NotCheckable, Shipped, shipped_of
from pointsman.monitoring.shadow.runner import AT_A_TIME, Runner, Short, detail_of
from pointsman.monitoring.shadow.verdicts import Found, by_judge, by_rule, without_judge
from pointsman.routing.sections_shadow import ShadowSection
from pointsman.store.labels import Labels
from pointsman.store.shadow_rows import ShadowRow

_REPLY: Final = msgspec.json.Decoder(Reply)


class Case(msgspec.Struct, frozen=True):
    """A pair to be judged. ``judge`` None: ``found`` is all that will be found. ``worst`` is in pico-dollars."""

    shipped: Shipped
    shadow: Reply
    found: Found
    judge: ModelJudge | None = None
    worst: int | None = None


class Decider:
    """Gives answered turns their verdict, with the money and the calls of a runner."""

    def __init__(self, house: House, section: ShadowSection, runner: Runner) -> None:
        self._house = house
        self._section = section
        self._runner = runner
        self._labels = Labels(house.store)
        self._bench = Bench(house, runner.access)

    async def judge(self) -> int:
        """Give answered turns their verdict; return how many were taken on."""
        rows = await asyncio.to_thread(self._runner.shadows.due, "answered", AT_A_TIME)
        return await self._runner.side_by_side(rows, self._judge_one)

    async def _judge_one(self, row: ShadowRow) -> None:
        case = await asyncio.to_thread(self._case, row)
        if isinstance(case, str):
            await self._runner.shadows.change(row.turn_id, was="answered", state="failed", error_text=case)
            return
        shipped, found, judge, worst = case.shipped, case.found, case.judge, case.worst
        if judge is None or worst is None:
            await self._decided(row, shipped, found)
            return
        if not await self._runner.reserve(row, "answered", worst, simulated=row.simulated):
            if self._runner.has_waited(row):
                await self._decided(row, shipped, without_judge(found, "the budget left no room for a judge in time"))
            raise Short
        said, cost = await ask(judge, shipped.turn, shipped.reply, case.shadow)
        lost = row.lost_pico + (worst if cost is None else 0)
        await self._decided(row, shipped, by_judge(found, said), said, lost=lost, cost=cost)

    def _case(self, row: ShadowRow) -> Case | str:
        """Return what is to be judged, by whom and for how much at most; or why it cannot be."""
        try:
            shipped = shipped_of(self._house.store, row.turn_id, redacted=self._house.redactor is not None)
            shadow = _REPLY.decode(row.reply or b"")
        except (NotCheckable, msgspec.MsgspecError) as error:
            return str(error)
        found = by_rule(shipped.turn, shipped.reply, shadow)
        if found.verdict is not None:
            return Case(shipped, shadow, found)
        judge = self._bench.judge(shipped, row.model or "")
        if isinstance(judge, str):
            return Case(shipped, shadow, without_judge(found, judge))
        worst = worst_of(judge, shipped.turn, shipped.reply, shadow)
        if worst is None:
            return Case(shipped, shadow, without_judge(found, f"the price of {judge.model} is unknown"))
        return Case(shipped, shadow, found, judge, worst)

    async def _decided(  # noqa: PLR0913 - what is known of one verdict, by name
        self,
        row: ShadowRow,
        shipped: Shipped,
        found: Found,
        said: Comparison | None = None,
        *,
        lost: int | None = None,
        cost: int | None = 0,
    ) -> None:
        flipped = None if said is None else said.flipped
        chance = review_chance(found, flipped, self._section.review_share)
        memory = self._runner.shadows.memory()
        item = None if memory is None else review_item(shipped, chance, memory.salt, said)
        if item is not None:
            await self._labels.add_soon([item[0]], item[1])
        more = {} if said is None else {"reasons": list(said.reasons), "version": said.version}
        detail = detail_of(row, why=found.why, calls=found.calls, **more)
        await self._runner.shadows.change(
            row.turn_id,
            was="answered",
            state="judged",
            verdict=found.verdict,
            material=found.material,
            decided_by=found.decided_by,
            judge=None if said is None else said.judge,
            flipped=flipped,
            judge_cost_pico=cost,
            lost_pico=row.lost_pico if lost is None else lost,
            held_pico=0,
            asked_at_us=None,
            owner=None,
            review=chance,
            detail=detail,
        )
