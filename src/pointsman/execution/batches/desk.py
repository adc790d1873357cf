"""The batch desk: work that can wait goes to the providers' batch APIs, at half price, and survives a restart.

The order of things is the promise: rows before the provider hears of a batch; the provider's id as soon as it is known;
records of items before the rows say that they ended. What a crash leaves in doubt (was the batch started?) is looked up
at the provider before anything is sent again: by our name of it at OpenAI and Gemini. Anthropic keeps no name, so there a
batch that may be ours is waited for, until the ids of its items tell.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.errors import NotFound, PointsmanError, RequestError, UsageError
from pointsman.execution.agents.owner import Owner
from pointsman.execution.batches.parts import Account, Job, PartWork
from pointsman.execution.batches.records import Ledger, redacted
from pointsman.execution.batches.split import Encoder, numbered, split
from pointsman.execution.hop import Dispatch
from pointsman.execution.privacy.redaction import Redactor
from pointsman.providers.batch_registry import batch_dialect
from pointsman.providers.seam import Endpoint
from pointsman.routing.router import new_id
from pointsman.store.batches import Batches, BatchRow, Counts, ItemRow, PartRow
from pointsman.store.store import Store

Settle = Callable[[Decimal | None], None]
"""Told what an item cost: None where that is unknown."""
Reserve = Callable[[str, Turn, Model], Awaitable[Settle]]
"""Sets money aside for an item (by its turn id) before it is sent; raises ``BudgetExceeded`` where there is none."""

_RETRIED = frozenset({"rate_limit", "overloaded", "server_error", "timeout", "expired"})
_ID_LIMIT = 200
_LONGEST_REPLY = 4_096
"""Tokens of a reply under a budget where neither the item, the policy nor the catalogue says more."""


class BatchItem(msgspec.Struct, frozen=True):
    """One piece of work: ``id`` is the caller's own name of it."""

    id: str
    turn: Turn


class PollPlan(msgspec.Struct, frozen=True):
    """Seconds between two looks at a batch: the first wait, its growth, and the longest."""

    first_s: float = 5.0
    factor: float = 1.5
    most_s: float = 300.0


class BatchView(msgspec.Struct, frozen=True):
    """How a batch stands."""

    batch: BatchRow
    parts: tuple[PartRow, ...]
    counts: Counts

    @property
    def ended(self) -> bool:
        """Whether nothing of it is under way any more."""
        return self.batch.ended_at_us is not None


class BatchDesk:
    """Submits, watches and cancels batches.

    ``redactor`` takes personal data out of items before they are written down; they are sent so, too. ``admit`` raises for
    a turn that must not go to a model (sensitive data, an allow-list). ``reserve`` sets money aside for an item, whose
    reply is then at most ``most_output`` tokens (None: what its model can say) where it names no limit itself. ``left`` is
    told what an item cost for which another process had set money aside. ``grace_s``: how long after a submission that was
    not heard of a provider that does not list it is believed.
    """

    def __init__(  # noqa: PLR0913 - collaborators by name
        self,
        dispatch: Dispatch,
        store: Store,
        *,
        policy: str = "",
        flagship: str | None = None,
        redactor: Redactor | None = None,
        admit: Callable[[Turn, Model], None] | None = None,
        reserve: Reserve | None = None,
        left: Callable[[str, Decimal | None], None] | None = None,
        most_output: int | None = None,
        plan: PollPlan | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        grace_s: float = 30.0,
    ) -> None:
        self._dispatch = dispatch
        self._store = store
        self._policy = policy
        self._flagship = flagship
        self._redactor = redactor
        self._admit = admit
        self._reserve = reserve
        self._most_output = most_output
        self._plan = plan or PollPlan()
        self._sleep = sleep
        self._batches = Batches(store)
        self._work = PartWork(dispatch.transport, store, self._batches, Owner(), Account(left=left), grace_s=grace_s)

    async def submit(
        self, items: Sequence[BatchItem], model: str, *, purpose: str = "batch", again: int = 1
    ) -> BatchView:
        """Write a batch down, then hand it to the provider; it may be waited for by any process.

        An item that cannot be sent ends at once, with its reason. ``again`` is how often an item that failed for no fault
        of its own (expired, overloaded) is sent once more.

        Raises:
            UsageError: no items, an id twice, or a model without a batch API.
            StoreError: it could not be written down; then nothing was sent.
        """
        _check(items)
        found = self._dispatch.catalog.get(model)
        batch = BatchRow(
            id=new_id(),
            model=found.id,
            purpose=purpose,
            again=again,
            simulated=self._endpoint(found).simulated,
            cancelled=False,
            created_at_us=time.time_ns() // 1000,
            ended_at_us=None,
        )
        job = self._job(batch)
        rows, refused = self._kept(items, found)
        encoded = [job.encoder.encode(batch.id, row) for row in rows if row.position not in refused]
        refused |= {one.item.position: one.error for one in encoded if one.error is not None}
        refused |= await self._set_aside(found, [row for row in rows if row.position not in refused])
        going = [one for one in encoded if one.item.position not in refused]
        places = numbered(split(going, job.api.limits))
        await self._batches.add(batch, [_placed(row, places, refused.get(row.position)) for row in rows])
        return await self.advance(batch.id)

    def _kept(self, items: Sequence[BatchItem], model: Model) -> tuple[list[ItemRow], dict[int, PointsmanError]]:
        """Return items as they may be written down, and those that may not. What waits is sent as it was written down."""
        rows: list[ItemRow] = []
        refused: dict[int, PointsmanError] = {}
        for position, item in enumerate(items):
            name, turn = item.id, item.turn
            if self._reserve is not None and turn.max_output_tokens is None:
                # What was set aside is enough only for a reply that has a limit.
                limit = self._most_output or model.max_output or _LONGEST_REPLY
                turn = msgspec.structs.replace(turn, max_output_tokens=limit)
            if self._redactor is not None:
                if (error := self._not_admitted(turn, model)) is not None:
                    refused[position] = error
                try:
                    name, turn = self._redactor.name(name), redacted(turn, self._redactor)
                except (RequestError, ValueError, msgspec.MsgspecError) as error:
                    refused[position] = RequestError(f"cannot be kept redacted, so it cannot wait: {error}")
                    turn = Turn(())
            rows.append(ItemRow(position, name, new_id(), turn, None))
        return rows, refused

    def _not_admitted(self, turn: Turn, model: Model) -> PointsmanError | None:
        """Return why a model must not get a turn. Asked of the turn as it came: redacted, nothing marks it any more."""
        if self._admit is None:
            return None
        try:
            self._admit(turn, model)
        except PointsmanError as error:
            return error
        return None

    async def _set_aside(self, model: Model, rows: Iterable[ItemRow]) -> dict[int, PointsmanError]:
        """Reserve money for each item; return those for which there is none."""
        refused: dict[int, PointsmanError] = {}
        if self._reserve is None:
            return refused
        for row in rows:
            try:
                self._work.account.holds[row.turn_id] = await self._reserve(row.turn_id, row.turn, model)
            except PointsmanError as error:
                refused[row.position] = error
        return refused

    async def advance(self, batch_id: str) -> BatchView:
        """Take every step that can be taken now: send, look, fetch, send again; return how the batch stands then.

        Raises:
            NotFound: no such batch.
            ProviderError: the provider refuses to tell (a wrong key), and waiting would not help.
        """
        view = self.show(batch_id)
        if view.ended:
            return view
        job = self._job(view.batch)
        for part in view.parts:
            await self._work.advance(job, part)
        if all(part.state in {"ended", "failed"} for part in self._batches.parts(batch_id)):
            await self._close(job)
        return self.show(batch_id)

    async def _close(self, job: Job) -> None:
        """Send what failed for no fault of its own once more, or end the batch."""
        batch = job.batch
        failed = [
            item
            for item in [*self._batches.items(batch.id, state="error"), *self._batches.items(batch.id, state="expired")]
            if job.sends_again(item, item.error_code)
        ]
        if not failed:
            await self._batches.end(batch.id, time.time_ns() // 1000)
        elif batch.cancelled:
            await self._work.record_failures(job, failed)
            await self._batches.end(batch.id, time.time_ns() // 1000)
        else:
            again = [msgspec.structs.replace(item, attempt=item.attempt + 1) for item in failed]
            before = {item.position: item for item in failed}
            parts = split([job.encoder.encode(batch.id, item) for item in again], job.api.limits)
            await self._batches.send_again(batch.id, [[before[one.item.position] for one in part] for part in parts])

    async def wait(self, batch_id: str, watch: Callable[[BatchView], None] | None = None) -> BatchView:
        """Advance a batch until it has ended, looking less and less often; ``watch`` sees each look.

        Raises:
            NotFound, ProviderError: as ``advance``.
        """
        wait_s = self._plan.first_s
        while not (view := await self.advance(batch_id)).ended:
            if watch is not None:
                watch(view)
            await self._sleep(wait_s)
            wait_s = min(wait_s * self._plan.factor, self._plan.most_s)
        return view

    async def cancel(self, batch_id: str) -> BatchView:
        """Cancel a batch: what is not sent stays unsent, the provider is asked to stop, what is done is kept and paid.

        Raises:
            NotFound, ProviderError: as ``advance``.
        """
        self.show(batch_id)
        await self._batches.cancel(batch_id)
        return await self.advance(batch_id)

    def show(self, batch_id: str) -> BatchView:
        """Return how a batch stands, as far as it is known here.

        Raises:
            NotFound: no such batch.
        """
        found = self._batches.batches(batch_id)
        if not found:
            raise NotFound(f"there is no batch {batch_id}; 'pointsman batch list' shows all")
        return BatchView(found[0], tuple(self._batches.parts(batch_id)), self._batches.counts(batch_id))

    def newest(self, limit: int = 100) -> list[BatchView]:
        """Return the newest batches."""
        found = self._batches.batches(limit=limit)
        return [BatchView(row, tuple(self._batches.parts(row.id)), self._batches.counts(row.id)) for row in found]

    def items(self, batch_id: str) -> list[ItemRow]:
        """Return the items of a batch, in the order they were submitted."""
        return self._batches.items(batch_id)

    def _endpoint(self, model: Model) -> Endpoint:
        endpoint = self._dispatch.endpoints.get(model.provider)
        if endpoint is None:
            raise UsageError(f"provider {model.provider} cannot be called: it is not in the policy, or has no key")
        return endpoint

    def _job(self, batch: BatchRow) -> Job:
        model = self._dispatch.catalog.get(batch.model)
        endpoint = self._endpoint(model)
        dialect = self._dispatch.dialects[endpoint.dialect]
        api = batch_dialect(endpoint.host, dialect)
        admit = self._admit
        return Job(
            batch=batch,
            api=api,
            endpoint=endpoint,
            encoder=Encoder(api, model, endpoint, None if admit is None else lambda turn: admit(turn, model)),
            template=dialect.encode(Turn((Message("user", (Text("-"),)),)), model, endpoint),
            ledger=Ledger(self._dispatch.catalog, model, self._policy, self._flagship, self._redactor),
            retried=_RETRIED,
        )


def _check(items: Sequence[BatchItem]) -> None:
    if not items:
        raise UsageError("a batch needs at least one item")
    seen: set[str] = set()
    for item in items:
        if not item.id or len(item.id) > _ID_LIMIT:
            raise UsageError(f"an item's id has 1 to {_ID_LIMIT} characters, not {len(item.id)}")
        if item.id in seen:
            raise UsageError(f"two items are called {item.id!r}: ids tell the results apart")
        seen.add(item.id)


def _placed(row: ItemRow, places: dict[int, int], error: PointsmanError | None) -> ItemRow:
    if error is None:
        return msgspec.structs.replace(row, part=places[row.position])
    return msgspec.structs.replace(row, state="error", error_code=error.code, error_text=str(error)[:500])
