"""Shadow checks by the providers' batch APIs: half the price, hours later, and taken up again after a restart.

The batch desk writes a batch down before the provider hears of it, and each item carries the id of the turn it checks. So a crash
between the desk's note and ours is mended by looking the turn up among the batches; none is sent twice.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec

from pointsman.domain.reply import Reply
from pointsman.errors import PointsmanError, ProviderError, UsageError
from pointsman.execution.batches.desk import BatchDesk, BatchItem
from pointsman.execution.work import Held
from pointsman.monitoring.shadow.asking import PURPOSE, Heard
from pointsman.monitoring.shadow.house import House
from pointsman.monitoring.shadow.runner import Ready, Runner, Short
from pointsman.providers.batch_registry import batch_dialect
from pointsman.store.batches import ItemRow
from pointsman.store.money import to_pico
from pointsman.store.shadow_rows import ShadowRow

_log = logging.getLogger(__name__)
_MOST: Final = 100
"""Checks in one batch: what is set aside for them is not free for others until it ends."""
_REPLY = msgspec.json.Decoder(Reply)


class Batches:
    """Sends chosen turns by batch, and hears what came of them."""

    def __init__(self, house: House, runner: Runner) -> None:
        self._house = house
        self._runner = runner
        self._desk = BatchDesk(house.engine.dispatch, house.store, policy=house.policy.version, redactor=house.redactor)

    async def send(self) -> int:
        """Send what waits and can go by batch; return how many. What cannot is left for ordinary calls."""
        groups: dict[str, list[tuple[Ready, Held | None]]] = {}
        try:
            for row in await asyncio.to_thread(self._runner.shadows.due, "waiting", _MOST):
                ready = await self._runner.ready(row)
                if ready is None or not self._has_api(ready.model):
                    continue
                held = await self._runner.set_aside(ready, ready.worst)
                groups.setdefault(ready.model, []).append((ready, held))
        except Short:
            pass  # the rest waits for money
        sent = 0
        for model, group in groups.items():
            sent += await self._submit(model, group)
        return sent

    async def _submit(self, model: str, group: list[tuple[Ready, Held | None]]) -> int:
        runner = self._runner
        items = [BatchItem(ready.row.turn_id, runner.turn_of(ready)) for ready, _ in group]
        view = await self._desk.submit(items, model, purpose=PURPOSE, again=1)
        for ready, held in group:
            if held is not None:
                held.settle(ready.worst)  # what a batch costs is known in hours: until then it counts as the worst case
            await runner.shadows.change(
                ready.row.turn_id, was="waiting", state="batched", batch_id=view.batch.id, asked_at_us=None, owner=None
            )
        return len(group)

    async def hear(self) -> int:
        """Look at every batch that is out; return how many checks came back."""
        back = 0
        for batch_id in await asyncio.to_thread(self._runner.shadows.batches):
            try:
                await self._desk.advance(batch_id)
            except PointsmanError as error:
                _log.warning("shadow batch %s cannot be looked at now: %s", batch_id, error)
                continue
            items = {item.item_id: item for item in self._desk.items(batch_id)}
            for row in self._runner.shadows.in_batch(batch_id):
                item = items.get(row.turn_id)
                if item is None or item.state != "waiting":
                    back += await self._came(row, item)
        return back

    async def _came(self, row: ShadowRow, item: ItemRow | None) -> bool:
        heard = self._heard(item)
        settled = {
            "held_pico": 0,
            "asked_at_us": None,
            "owner": None,
            "cost_pico": heard.cost_pico,
            "lost_pico": row.lost_pico + (row.held_pico if heard.cost_pico is None else 0),
        }
        change = self._runner.shadows.change
        if heard.reply is not None and heard.reply.stop_reason != "max_tokens":
            reply = self._runner.kept(heard.reply)
            return await change(row.turn_id, was="batched", state="answered", reply=reply, **settled)
        why = heard.error or "its reply was cut off at the longest that could be paid for"
        return await change(row.turn_id, was="batched", state="failed", error_text=why, **settled)

    def _heard(self, item: ItemRow | None) -> Heard:
        if item is None:
            return Heard(None, None, "it is in no batch that is known here")
        record = self._house.store.turn(item.turn_id)
        if item.state == "ok" and record is not None and record.reply:
            return Heard(_REPLY.decode(record.reply), to_pico(item.cost_usd))
        cost = to_pico(item.cost_usd)
        return Heard(
            None, cost if cost is not None or item.state == "ok" else 0, f"{item.error_code}: {item.error_text}"[:300]
        )

    def _has_api(self, model: str) -> bool:
        dispatch = self._house.engine.dispatch
        endpoint = dispatch.endpoints[self._house.catalog.get(model).provider]
        try:
            batch_dialect(endpoint.host, dispatch.dialects[endpoint.dialect])
        except (UsageError, ProviderError):
            return False
        return True
