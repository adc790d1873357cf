"""One batch at the provider, step by step: claimed, sent, found again after a crash, looked at, its results taken in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from pointsman.errors import ProviderError
from pointsman.execution.agents.owner import Owner
from pointsman.execution.batches.calls import drive, may_have_arrived, results
from pointsman.execution.batches.records import Ledger, trouble
from pointsman.execution.batches.split import Encoder, custom_id
from pointsman.providers.batch_seam import BatchDialect, BatchState, Broken, ItemResult
from pointsman.providers.seam import Endpoint, Outgoing, Transport
from pointsman.store.batches import Batches, BatchRow, Ended, ItemRow, PartRow
from pointsman.store.store import Store

_AT_ONCE = 500
"""Items whose records are written together."""
_SKEW_S = 120.0
"""How far the provider's clock may be behind ours when a batch of ours is looked for by its time."""


class Account(msgspec.Struct):
    """What to tell of an item's cost, by its turn id; ``left`` hears of items that another process has sent."""

    holds: dict[str, Callable[[Decimal | None], None]] = msgspec.field(default_factory=dict)
    left: Callable[[str, Decimal | None], None] | None = None

    def settle(self, turn_id: str, cost: Decimal | None) -> None:
        """Tell what an item cost; only once."""
        hold = self.holds.pop(turn_id, None)
        if hold is not None:
            hold(cost)
        elif self.left is not None:
            self.left(turn_id, cost)


class Job(msgspec.Struct, frozen=True):
    """A batch with all that is needed to work on it. ``retried``: codes of failures that are no fault of the item."""

    batch: BatchRow
    api: BatchDialect
    endpoint: Endpoint
    encoder: Encoder
    template: Outgoing
    ledger: Ledger
    retried: frozenset[str]

    def sends_again(self, item: ItemRow, code: str | None) -> bool:
        """Return whether an item that failed with ``code`` is to be sent once more."""
        return item.part is not None and item.attempt <= self.batch.again and code in self.retried


class PartWork:
    """Works on parts. ``account`` is told what items cost."""

    def __init__(  # noqa: PLR0913 - collaborators by name
        self, transport: Transport, store: Store, batches: Batches, owner: Owner, account: Account, *, grace_s: float
    ) -> None:
        self.account = account
        self._transport = transport
        self._store = store
        self._batches = batches
        self._owner = owner
        self._grace_s = grace_s
        self._sending: set[tuple[str, int]] = set()

    async def advance(self, job: Job, part: PartRow) -> None:
        """Take the next step of a part, if there is one now.

        Raises:
            ProviderError: the provider refuses, and waiting would not help.
        """
        try:
            if part.state == "ready":
                await self._send(job, part)
            elif part.state == "submitting":
                await self._recover(job, part)
            elif part.state in {"running", "cancelling"}:
                await self._look(job, part)
        except ProviderError as error:
            await self._batches.move(job.batch.id, part, part.state, error=str(error))
            if error.retry != "same" and not may_have_arrived(error):
                raise

    # -- sending --------------------------------------------------------------------------------------------------------

    async def _send(self, job: Job, part: PartRow) -> None:
        batch, place = job.batch, (job.batch.id, part.n)
        items = self._batches.items(batch.id, part=part.n, state="waiting")
        if batch.cancelled or not items:
            await self._end_all(job, part, items, ItemResult("", "cancelled"))
            await self._batches.move(batch.id, part, "ended")
            return
        if not await self._batches.claim(batch.id, part.n, self._owner.name, time.time_ns() // 1000):
            return
        claimed = msgspec.structs.replace(part, state="submitting")
        self._sending.add(place)
        try:
            await self._submit(job, claimed, items)
        finally:
            self._sending.discard(place)

    async def _submit(self, job: Job, part: PartRow, items: list[ItemRow]) -> None:
        encoded = [job.encoder.encode(job.batch.id, item) for item in items]
        for one in encoded:
            if one.error is not None:  # the policy was changed since: it is not sent any more
                refused = ProviderError(str(one.error), kind=one.error.code, retry="no")
                await self._take(job, part, [(one.item, ItemResult("", "error", error=refused))])
        entries = [one.entry for one in encoded if one.entry is not None]
        templates = [one.outgoing for one in encoded if one.outgoing is not None]
        if not entries:
            await self._batches.move(job.batch.id, part, "ended")
            return
        step = job.api.submit(_name(job, part), entries, templates[0], job.endpoint)
        try:
            state = await drive(step, job.endpoint, self._transport)
        except ProviderError as error:
            await self._not_sent(job, part, items, error)
            return
        await self._batches.move(job.batch.id, part, "running", provider_id=state.id)

    async def _not_sent(self, job: Job, part: PartRow, items: list[ItemRow], error: ProviderError) -> None:
        if may_have_arrived(error):
            # The provider may have started it: the next step looks before anything is sent again.
            await self._batches.move(job.batch.id, part, "submitting", error=str(error))
        elif error.retry == "same":
            await self._batches.move(job.batch.id, part, "ready", error=str(error))
        else:
            await self._end_all(job, part, items, ItemResult("", "error", error=error))
            await self._batches.move(job.batch.id, part, "failed", error=str(error))

    # -- after a submission that was not heard of -----------------------------------------------------------------------

    async def _recover(self, job: Job, part: PartRow) -> None:
        since_us = part.submitting_at_us or 0
        ours = part.owner == self._owner.name
        if (job.batch.id, part.n) in self._sending or not (ours or self._owner.is_gone(part.owner or "", since_us)):
            return
        found = await drive(job.api.find(_name(job, part), job.template), job.endpoint, self._transport)
        known = self._batches.provider_ids()
        candidates = [state for state in found if state.id not in known]
        if job.api.names:
            chosen, doubt = (candidates[0] if candidates else None), ""
        else:
            chosen, doubt = await self._by_items(job, part, candidates)
        if chosen is not None:
            await self._batches.move(job.batch.id, part, "running", provider_id=chosen.id)
        elif doubt:
            text = f"{doubt} may be this one: the provider keeps no name of it, its results will tell"
            await self._batches.move(job.batch.id, part, "submitting", error=text)
        elif time.time_ns() // 1000 - since_us >= self._grace_s * 1_000_000:
            await self._batches.move(job.batch.id, part, "ready", error="the provider has not heard of it")

    async def _by_items(self, job: Job, part: PartRow, candidates: list[BatchState]) -> tuple[BatchState | None, str]:
        """Return the candidate whose results are ours; else the id of one that cannot tell yet, "" when there is none."""
        items = self._batches.items(job.batch.id, part=part.n)
        ours = {custom_id(job.batch.id, item) for item in items}
        since_s = (part.submitting_at_us or 0) / 1e6 - _SKEW_S
        doubt = ""
        for state in candidates:
            if state.total not in {None, len(items)} or (state.created_s or since_s) < since_s:
                continue
            if state.phase != "ended":
                doubt = state.id
                continue
            async for result in results(job.api, state, job.template, job.endpoint, self._transport):
                if isinstance(result, ItemResult):
                    if result.custom_id in ours:
                        return state, ""
                    break
        return None, doubt

    # -- looking --------------------------------------------------------------------------------------------------------

    async def _look(self, job: Job, part: PartRow) -> None:
        provider_id = part.provider_id or ""
        if job.batch.cancelled and part.state == "running":
            step = job.api.cancel(provider_id, job.template)
        else:
            step = job.api.poll(provider_id, job.template)
        try:
            state = await drive(step, job.endpoint, self._transport)
        except ProviderError as error:
            if error.kind != "not_found":
                raise
            items = self._batches.items(job.batch.id, part=part.n, state="waiting")
            gone = ProviderError("the provider no longer knows this batch", kind="result_missing", retry="no")
            await self._end_all(job, part, items, ItemResult("", "error", error=gone))
            await self._batches.move(job.batch.id, part, "failed", error=str(error))
            return
        await self._seen(job, part, state)

    async def _seen(self, job: Job, part: PartRow, state: BatchState) -> None:
        if state.phase == "ended":
            await self._collect(job, part, state)
        elif state.phase == "failed":
            items = self._batches.items(job.batch.id, part=part.n, state="waiting")
            error = ProviderError(f"the batch failed: {state.error}", kind="batch_failed", retry="no")
            await self._end_all(job, part, items, ItemResult("", "error", error=error))
            await self._batches.move(job.batch.id, part, "failed", error=state.error)
        else:
            await self._batches.move(job.batch.id, part, "cancelling" if state.phase == "cancelling" else part.state)

    async def _collect(self, job: Job, part: PartRow, state: BatchState) -> None:
        """Take results in as they come. After a crash in the middle the rest is taken in by the next look."""
        waiting = {
            custom_id(job.batch.id, item): item
            for item in self._batches.items(job.batch.id, part=part.n, state="waiting")
        }
        taken: list[tuple[ItemRow, ItemResult]] = []
        broken = ""
        async for result in results(job.api, state, job.template, job.endpoint, self._transport):
            if isinstance(result, Broken):
                broken = broken or result.text
                continue
            item = waiting.pop(result.custom_id, None)
            if item is None:  # of an earlier look, said twice, or never asked
                continue
            taken.append((item, result))
            if len(taken) >= _AT_ONCE:
                await self._take(job, part, taken)
                taken = []
        await self._take(job, part, taken)
        code = "result_unreadable" if broken else "result_missing"
        text = f"the results cannot be read in full: {broken}" if broken else "the results say nothing of this item"
        error = ProviderError(text, kind=code, retry="no")
        outcome = (
            ItemResult("", "cancelled")
            if part.state == "cancelling" and not broken
            else ItemResult("", "error", error=error)
        )
        await self._end_all(job, part, list(waiting.values()), outcome)
        await self._batches.move(job.batch.id, part, "ended")

    # -- items that have ended ------------------------------------------------------------------------------------------

    async def _end_all(self, job: Job, part: PartRow, items: Iterable[ItemRow], outcome: ItemResult) -> None:
        await self._take(job, part, [(item, outcome) for item in items])

    async def record_failures(self, job: Job, items: Iterable[ItemRow]) -> None:
        """Keep the records of items that were to be sent again and will not be."""
        parts = {part.n: part for part in self._batches.parts(job.batch.id)}
        for item in items:
            error = ProviderError(item.error_text or "", kind=item.error_code or "provider_error")
            outcome = ItemResult("", "expired") if item.state == "expired" else ItemResult("", "error", error=error)
            await self._store.append(job.ledger.record(job.batch, item, outcome, parts[item.part or 0]))

    async def _take(self, job: Job, part: PartRow, taken: list[tuple[ItemRow, ItemResult]]) -> None:
        """Write records, then rows: a crash between the two writes the same records again, which changes nothing."""
        if not taken:
            return
        seen_at_us = await self._batches.see(job.batch.id, part.n, time.time_ns() // 1000)
        part = msgspec.structs.replace(part, seen_at_us=seen_at_us)
        ended: list[Ended] = []
        writing = []
        for item, result in taken:
            code, text = trouble(result)
            cost = None
            if not job.sends_again(item, code):
                record = job.ledger.record(job.batch, item, result, part)
                cost = record.steps[0].cost_usd
                writing.append(self._store.append(record))
                self.account.settle(item.turn_id, cost)
            ended.append(Ended(item.position, item.attempt, result.outcome, code, text, cost))
        for written in writing:
            await written
        await self._batches.end_items(job.batch.id, ended)


def _name(job: Job, part: PartRow) -> str:
    """Return our name of a part, as the provider keeps it where it keeps names."""
    return f"pointsman-{job.batch.id}-{part.n}"
