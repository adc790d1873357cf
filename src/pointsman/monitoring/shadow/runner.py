"""Takes chosen turns through their check: money aside, the stronger model, the verdict. Everything that matters is written first.

States: waiting -> answered -> judged; or batched, between the two; or failed, over_budget, not_allowed, which are kept as what
they are: not checked. A call is noted (with its money) in the transaction before it is made, and heard of in the one after. A
process that ends in between leaves the note: its money counts as spent, a shadow call is then not made again, and of a judge's
call only the judge's part is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import BudgetExceeded, StoreError
from pointsman.execution.agents.owner import Owner
from pointsman.execution.work import Held
from pointsman.monitoring.shadow.access import Access, is_redacted
from pointsman.monitoring.shadow.asking import Caller, Heard, shadow_turn
from pointsman.monitoring.shadow.house import House
from pointsman.monitoring.shadow.pairs import NotCheckable, Shipped, shipped_of
from pointsman.monitoring.shadow.purse import Purse, purse_of
from pointsman.routing.sections_shadow import ShadowSection
from pointsman.store.shadow import Shadows
from pointsman.store.shadow_rows import Reservation, ShadowRow, State

_log = logging.getLogger(__name__)
_TRIES: Final = 3
AT_A_TIME: Final = 200
_FRESH_S: Final = 60.0


class Ready(msgspec.Struct, frozen=True):
    """A turn that may be sent: its row, the turn as it is sent, and the most it may cost in pico-dollars."""

    row: ShadowRow
    shipped: Shipped
    model: str
    worst: int
    simulated: bool
    most_output: int


class Ended(msgspec.Struct, frozen=True):
    """How a check ends without a call."""

    state: State
    fields: dict[str, Any]


class Short(Exception):
    """The budget leaves no room (yet)."""


class Runner:
    """Checks the chosen turns of one router's store. Several may run side by side: each check is taken by one."""

    def __init__(self, house: House, section: ShadowSection, now: Callable[[], float] = time.time) -> None:
        self._house = house
        self._section = section
        self._now = now
        self.access = Access(house)
        self.shadows = Shadows(house.store)
        self.owner = Owner()
        self._purses: dict[bool | None, tuple[float, Purse]] = {}
        self.caller = Caller(house.engine.dispatch, house.policy.budgets.bytes_per_token)

    async def purse(self, *, simulated: bool | None = None) -> Purse:
        """Return how the money of the current period stands, as of a minute ago at most.

        What may be spent grows with the traffic: an old figure errs on the side of spending less.
        """
        now = self._now()
        known = self._purses.get(simulated)
        if known is not None and now - known[0] < _FRESH_S and now * 1e6 < known[1].period.until_us:
            return known[1]
        at = datetime.fromtimestamp(now, UTC)
        found = await asyncio.to_thread(purse_of, self.shadows, self._section.budget, at, simulated=simulated)
        self._purses[simulated] = (now, found)
        return found

    # -- after a crash --------------------------------------------------------------------------------------------------

    async def recover(self) -> int:
        """Settle the notes of processes that have ended; return how many. Their money counts as spent: it may be billed."""
        left = 0
        for row in await asyncio.to_thread(self.shadows.under_way):
            if row.owner is None or not self.owner.is_gone(row.owner, row.asked_at_us or 0):
                continue
            left += await self._settle_note(row)
        if left:
            _log.warning(
                "%d shadow calls were on their way when their process ended: their money counts as spent", left
            )
        return left

    async def _settle_note(self, row: ShadowRow) -> bool:
        if row.state == "waiting" and (batch := self.shadows.batch_of(row.turn_id)) is not None:
            return await self.shadows.change(row.turn_id, was="waiting", state="batched", batch_id=batch, owner=None)
        lost = {"lost_pico": row.lost_pico + row.held_pico, "held_pico": 0, "asked_at_us": None, "owner": None}
        if row.state == "waiting":
            why = "the process ended while the call was on its way: it may have been paid, and is not made again"
            return await self.shadows.change(row.turn_id, was="waiting", state="failed", error_text=why, **lost)
        return await self.shadows.change(row.turn_id, was=row.state, **lost)

    # -- the stronger model ---------------------------------------------------------------------------------------------

    async def answer(self) -> int:
        """Have chosen turns answered by the stronger model, the oldest first; return how many were taken on."""
        rows = await asyncio.to_thread(self.shadows.due, "waiting", AT_A_TIME)
        return await self.side_by_side(rows, self._answer_one)

    async def _answer_one(self, row: ShadowRow) -> None:
        ready = await self.ready(row)
        if ready is None:
            return
        turn = self.turn_of(ready)
        held = await self.set_aside(ready, ready.worst)
        await self._heard(ready, held, await self.caller.call(turn, row.turn_id))

    async def ready(self, row: ShadowRow) -> Ready | None:
        """Return a check that may be sent; None where it cannot be, which is written down."""
        found = await asyncio.to_thread(self._look, row)  # in a thread: the gateway's loop has turns to serve
        if isinstance(found, Ended):
            await self.shadows.change(row.turn_id, was="waiting", state=found.state, **found.fields)
            return None
        return found

    def _look(self, row: ShadowRow) -> Ready | Ended | None:
        """Return what is to be sent, or how the check ends without; None: not now."""
        try:
            shipped = shipped_of(self._house.store, row.turn_id, redacted=self._house.redactor is not None)
        except NotCheckable as why:
            return Ended("failed", {"error_text": str(why)})
        against = self.access.models(self._section.against)
        if not against or set(against) & set(shipped.models):
            return _nothing_stronger(row, shipped)
        refusals = [(name, self.access.refusal(name, shipped.turn, shipped.record)) for name in against]
        model = next((name for name, refusal in refusals if refusal is None), None)
        if model is None:
            return Ended("not_allowed", {"error_text": "; ".join(text for _, text in refusals if text)[:400]})
        if self.caller.set_aside(model) is not None:
            return None  # it is ill: asked again when it is well
        return self._priced(row, shipped, model)

    def _priced(self, row: ShadowRow, shipped: Shipped, model: str) -> Ready | Ended:
        facts = self._house.catalog.get(model)
        endpoint = self._house.engine.dispatch.endpoints[facts.provider]
        most = facts.max_output or 1_000_000
        ready = Ready(row, shipped, model, 0, endpoint.simulated, most)
        worst = self.caller.worst(self.turn_of(ready), batch=self._section.batch)
        if worst is None:
            return Ended("failed", {"error_text": f"the price of {model} is unknown, so no budget could be held"})
        return msgspec.structs.replace(ready, worst=worst)

    def turn_of(self, ready: Ready) -> Turn:
        """Return the turn as it is sent."""
        thinks = self._house.catalog.get(ready.model).reasoning.default_on
        return shadow_turn(ready.shipped.turn, ready.shipped.record, ready.model, thinks=thinks, most=ready.most_output)

    async def set_aside(self, ready: Ready, worst: int) -> Held | None:
        """Set money aside and note that the call is coming.

        Raises:
            Short: there is not enough of it; where the turn has waited for too long, that is written down.
        """
        row = ready.row
        if not await self.reserve(row, "waiting", worst, simulated=ready.simulated, model=ready.model):
            await self._give_up(row)
            raise Short
        try:
            return await self.caller.within_budgets(self.turn_of(ready), f"shadow-{row.turn_id}")
        except BudgetExceeded:
            await self._take_back(row, "waiting")
            await self._give_up(row)
            raise Short from None

    async def reserve(
        self, row: ShadowRow, state: State, worst: int, *, simulated: bool, model: str | None = None
    ) -> bool:
        """Set ``worst`` pico-dollars aside for a call; False: there is not so much left, or another took the check."""
        purse = await self.purse(simulated=simulated)
        asked = Reservation(
            turn_id=row.turn_id,
            state=state,
            pico=worst,
            limit=purse.limit,
            since_us=purse.period.since_us,
            until_us=purse.period.until_us,
            at_us=int(self._now() * 1e6),
            owner=self.owner.name,
            simulated=simulated,
            model=model,
        )
        return await self.shadows.reserve(asked)

    async def _broken(self, turn_id: str) -> None:
        row = self.shadows.row(turn_id)
        if row is not None:
            lost = {"lost_pico": row.lost_pico + row.held_pico, "held_pico": 0, "asked_at_us": None, "owner": None}
            why = "it could not be dealt with; the log says why"
            await self.shadows.change(turn_id, was=row.state, state="failed", error_text=why, **lost)

    async def _take_back(self, row: ShadowRow, state: State) -> None:
        await self.shadows.change(row.turn_id, was=state, held_pico=0, asked_at_us=None, owner=None)

    def has_waited(self, row: ShadowRow) -> bool:
        """Return whether a check has waited for money as long as the policy lets it."""
        return self._now() * 1e6 - row.chosen_at_us > self._section.give_up_hours * 3.6e9

    async def _give_up(self, row: ShadowRow) -> None:
        if self.has_waited(row):
            await self._end(row, "over_budget", "the budget left no room in time")

    async def _heard(self, ready: Ready, held: Held | None, heard: Heard) -> None:
        if held is not None:
            held.settle(heard.cost_pico)
        row = ready.row
        settled = {
            "held_pico": 0,
            "asked_at_us": None,
            "owner": None,
            "cost_pico": heard.cost_pico,
            "lost_pico": row.lost_pico + (ready.worst if heard.cost_pico is None else 0),
        }
        if heard.reply is not None and heard.reply.stop_reason != "max_tokens":
            reply = self.kept(heard.reply)
            redacted = {"redacted": True} if is_redacted(ready.shipped.turn) else {}
            detail = detail_of(row, **redacted)
            await self.shadows.change(
                row.turn_id, was="waiting", state="answered", reply=reply, detail=detail, **settled
            )
            return
        tries = _tries(row) + 1
        if heard.passing and tries < _TRIES:
            await self.shadows.change(row.turn_id, was="waiting", detail=detail_of(row, tries=tries), **settled)
            return
        why = heard.error or "its reply was cut off at the longest that could be paid for"
        await self.shadows.change(row.turn_id, was="waiting", state="failed", error_text=why, **settled)

    def kept(self, reply: Reply) -> bytes:
        """Return a reply as it may be written down."""
        raw = msgspec.json.encode(reply)
        redactor = self._house.redactor
        return raw if redactor is None else redactor.json_bytes(raw)

    async def _end(self, row: ShadowRow, state: State, why: str) -> None:
        await self.shadows.change(row.turn_id, was="waiting", state=state, error_text=why)

    async def side_by_side(self, rows: Sequence[ShadowRow], work: Callable[[ShadowRow], Awaitable[None]]) -> int:
        """Work on rows in their order, so many at a time; where money is short, those behind wait as well."""
        queue = list(reversed(rows))
        done, short = 0, False

        async def worker() -> None:
            nonlocal done, short
            while queue and not short:
                row = queue.pop()
                try:
                    await work(row)
                    done += 1
                except Short:
                    short = True
                except StoreError:
                    raise
                except Exception:  # noqa: BLE001 - one turn that cannot be dealt with must not hold up the others
                    _log.exception("the shadow check of turn %s failed", row.turn_id)
                    await self._broken(row.turn_id)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._section.at_once, len(rows))):
                group.create_task(worker())
        return done


def _nothing_stronger(row: ShadowRow, shipped: Shipped) -> Ended:
    why = f"{shipped.models[-1]} answered: there is nothing stronger to compare with"
    fields = {"verdict": "same", "material": False, "decided_by": "rule", "cost_pico": 0, "judge_cost_pico": 0}
    return Ended("judged", {**fields, "detail": detail_of(row, why=why)})


def detail_of(row: ShadowRow, **more: object) -> str:
    """Return a check's detail with more in it; what is empty is left out."""
    known = msgspec.json.decode(row.detail, type=dict[str, object])
    return msgspec.json.encode(known | {name: value for name, value in more.items() if value != ""}).decode()


def _tries(row: ShadowRow) -> int:
    found = msgspec.json.decode(row.detail, type=dict[str, object]).get("tries", 0)
    return found if isinstance(found, int) else 0
