"""Keeps what a contract rejected or repaired, beside the turn it belongs to."""

from __future__ import annotations

from pointsman.contracts import Contract, Verdict
from pointsman.store import Store
from pointsman.store.rejections import Rejection, record_rejection


def rejection_of(  # noqa: PLR0913 - where the reply came from, by name
    verdict: Verdict,
    raw: str,
    *,
    model: str,
    at_us: int,
    purpose: str = "answer",
    attempt: int = 1,
    turn_id: str | None = None,
    conversation_id: str | None = None,
    agent: str | None = None,
) -> Rejection | None:
    """Return what to keep of a reply; None where it was valid as it stood. ``raw`` is the reply as it came, redacted."""
    if verdict.outcome == "ok":
        return None
    return Rejection(
        at_us=at_us,
        outcome=verdict.outcome,
        contract=verdict.contract,
        version=verdict.version,
        model=model,
        failures=tuple((one.kind, one.pointer, one.message) for one in verdict.failures),
        raw=raw,
        repairs=tuple((one.what, one.pointer) for one in verdict.repairs),
        purpose=purpose,
        attempt=attempt,
        turn_id=turn_id,
        conversation_id=conversation_id,
        agent=agent,
    )


async def keep(store: Store, contract: Contract, rejection: Rejection | None) -> int | None:
    """Write ``rejection`` with its contract's schema; return its id once durable (None: there was nothing to keep).

    Raises:
        StoreError: it could not be written.
    """
    return None if rejection is None else await record_rejection(store, rejection, contract.schema)
