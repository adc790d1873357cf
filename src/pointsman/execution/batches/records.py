"""The record of a batch item that has ended, as of any turn: at the batch price, or at no known price."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.models import Model
from pointsman.domain.decision import Decision, Reason
from pointsman.domain.message import Document, Image
from pointsman.domain.record import Status, StepRecord, TurnRecord
from pointsman.domain.turn import Turn
from pointsman.errors import RequestError
from pointsman.execution.ask import conversation_hash, neutral_parts
from pointsman.execution.privacy.redaction import Redactor
from pointsman.execution.records import counterfactual
from pointsman.providers.batch_seam import ItemResult
from pointsman.store.batches import BatchRow, ItemRow, PartRow

DIALECT = "batch"
_ERROR_TEXT = 500
UNTOLD = frozenset({"result_missing", "result_unreadable"})
"""Codes of items whose results did not come through: they may have been done, and paid."""


class Ledger(msgspec.Struct, frozen=True):
    """What every record of a batch says alike."""

    catalog: Catalog
    model: Model
    policy: str
    flagship: str | None = None
    redactor: Redactor | None = None

    def record(self, batch: BatchRow, item: ItemRow, result: ItemResult, part: PartRow) -> TurnRecord:
        """Return the record of an item, fit to be written. Its time is that of the submission: that is when it was asked.

        The same item and result always give the same record, whoever makes it and when: it may be written twice.
        """
        made = self._record(batch, item, result, part)
        return made if self.redactor is None else self.redactor.record(made)

    def _record(self, batch: BatchRow, item: ItemRow, result: ItemResult, part: PartRow) -> TurnRecord:
        at = datetime.fromtimestamp(batch.created_at_us / 1e6, UTC)
        seen_at_us = batch.created_at_us if part.seen_at_us is None else part.seen_at_us
        duration_ms = max(0.0, (seen_at_us - batch.created_at_us) / 1e3)
        step = self._step(batch, item, result, duration_ms, at)
        reply = result.reply
        rates = self.catalog.rates(self.flagship, at) if self.flagship else None
        parts = neutral_parts(item.turn)
        metadata = item.turn.metadata
        return TurnRecord(
            id=item.turn_id,
            conversation_id=metadata.get("conversation_id")
            or conversation_hash(parts, None, metadata.get("user") or metadata.get("user_id")),
            at_us=batch.created_at_us,
            dialect=DIALECT,
            status=step.status,
            decision=self._decision(batch, item, part.provider_id),
            steps=(step,),
            duration_ms=round(duration_ms, 3),
            requested_model=batch.model,
            channel=item.turn.channel,
            http_status=200 if step.status == "ok" else 502,
            error_code=step.error_code,
            usage=step.usage,
            cost_usd=step.cost_usd,
            flagship_model=self.flagship,
            flagship_cost_usd=counterfactual(step.usage, rates),
            simulated=batch.simulated,
            request=parts,
            reply=msgspec.json.encode(reply) if reply is not None else b"",
            metadata={**metadata, "batch": batch.id, "batch_item": item.item_id},
        )

    def _step(self, batch: BatchRow, item: ItemRow, result: ItemResult, duration_ms: float, at: datetime) -> StepRecord:
        reply = result.reply
        usage = reply.usage if reply is not None else None
        rates = self.catalog.rates(batch.model, at, "batch")
        code, text = trouble(result)
        status: Status = "ok" if result.outcome == "ok" else "cancelled" if result.outcome == "cancelled" else "error"
        cost = rates.cost(usage) if rates is not None and usage is not None else None
        return StepRecord(
            purpose=batch.purpose,
            model=batch.model,
            status=status,
            duration_ms=round(duration_ms, 3),
            attempt=item.attempt,
            error_code=code,
            error_text=text,
            stop_reason=reply.stop_reason if reply is not None else None,
            usage=usage,
            # Batch APIs bill only what succeeded.
            cost_usd=cost if status == "ok" else None if code in UNTOLD else Decimal(0),
            upstream_model=reply.model or None if reply is not None else None,
            request_id=reply.request_id if reply is not None else None,
        )

    def _decision(self, batch: BatchRow, item: ItemRow, provider_id: str | None) -> Decision:
        where = f" as {provider_id}" if provider_id else ""
        text = f"waited in batch {batch.id} for {batch.model}{where}: {batch.purpose} can wait"
        return Decision(
            id=item.turn_id,
            route="batch",
            model=batch.model,
            tier=self.model.tier,
            policy=self.policy,
            reasons=(Reason("batch", batch.purpose, text),),
            eligible=(batch.model,),
            propensities={batch.model: 1.0},
        )


def trouble(result: ItemResult) -> tuple[str | None, str | None]:
    """Return the code and the words for an item that did not go well; None for one that did."""
    if result.outcome == "ok":
        return None, None
    if result.outcome == "expired":
        return "expired", "the provider did not come to it in time"
    if result.outcome == "cancelled":
        return "cancelled", "it was cancelled before it was done"
    error = result.error
    return (error.kind, str(error)[:_ERROR_TEXT]) if error is not None else ("provider_error", "no reason given")


def redacted(turn: Turn, redactor: Redactor) -> Turn:
    """Return a turn without personal data.

    Raises:
        RequestError: it brings an attachment, in which nothing can be found.
        ValueError, msgspec.MsgspecError: it cannot be redacted.
    """
    if any(isinstance(part, Image | Document) for message in turn.messages for part in message.parts):
        raise RequestError("it brings an attachment")
    return msgspec.convert(redactor.value(msgspec.to_builtins(turn)), Turn)
