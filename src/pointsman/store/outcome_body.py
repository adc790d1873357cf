"""What a report of an outcome must look like, over HTTP and in files alike."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pointsman.errors import RequestError
from pointsman.store.outcomes import OutcomeReport, Report

_DAY_US: Final = 86_400_000_000
_MOST_USD: Final = 1_000_000
_UNIX: Final = re.compile(r"\d{9,10}(?:\.\d+)?")
_SAYING: Final = ("resolved", "escalated", "reopened", "csat", "handoff_cost_usd")

Moment = str | int | float
"""ISO 8601, or Unix seconds."""


class OutcomeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One report. A field that is left out says nothing, null takes an earlier word back."""

    id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    at: Moment | None = None
    resolved: bool | UnsetType | None = UNSET
    escalated: bool | UnsetType | None = UNSET
    reopened: bool | UnsetType | None = UNSET
    csat: Annotated[float, Meta(ge=1, le=5)] | UnsetType | None = UNSET
    handoff_cost_usd: Decimal | UnsetType | None = UNSET
    source: Annotated[str, Meta(min_length=1, max_length=100)] | UnsetType | None = UNSET
    allow_unknown: bool = False


def redacted_body(body: OutcomeBody, text: Callable[[str], str]) -> OutcomeBody:
    """Return a report whose words, its id and its source, went through ``text``."""
    given = None if body.id is None else text(body.id)
    return msgspec.structs.replace(
        body, id=given, source=text(body.source) if isinstance(body.source, str) else body.source
    )


def report_of(conversation: str, body: OutcomeBody) -> Report:
    """Return the report that ``body`` is.

    Raises:
        RequestError: it says nothing, or a field cannot be.
    """
    if all(getattr(body, name) is UNSET for name in _SAYING):
        raise RequestError(f"nothing is said of the outcome; name one or more of {', '.join(_SAYING)}")
    cost = _dollars(body.handoff_cost_usd)
    said = OutcomeReport(body.resolved, body.escalated, body.reopened, body.csat, cost, body.source)
    return Report(conversation, said, moment(body.at), body.id, body.allow_unknown)


def moment(said: str | float | None, param: str = "at") -> int:
    """Return Unix microseconds of a moment in ISO 8601 (UTC where it names no zone) or Unix seconds; now when not said.

    Raises:
        RequestError: it is neither, or lies more than a day ahead.
    """
    now = time.time_ns() // 1000
    if said is None:
        return now
    try:
        if isinstance(said, str) and _UNIX.fullmatch(said.strip()):
            said = float(said)
        if isinstance(said, str):
            parsed = datetime.fromisoformat(said.strip())
            parsed = parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
        else:
            parsed = datetime.fromtimestamp(said, UTC)
        at_us = round(parsed.timestamp() * 1e6)
    except (ValueError, OverflowError, OSError):
        raise RequestError(
            f"{param}: {str(said)[:40]!r} is no moment; write it like 2026-01-31T09:30:00Z, or as Unix seconds",
            param=param,
        ) from None
    if not 0 < at_us < now + _DAY_US:
        raise RequestError(
            f"{param}: {str(said)[:40]!r} is before 1970 or more than a day ahead; Unix time is in seconds",
            param=param,
        )
    return at_us


def iso(at_us: int) -> str:
    """Return a moment as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dollars(cost: Decimal | UnsetType | None) -> Decimal | UnsetType | None:
    if isinstance(cost, Decimal) and not (cost.is_finite() and 0 <= cost <= _MOST_USD):
        raise RequestError("handoff_cost_usd: must be dollars from 0 to 1,000,000", param="handoff_cost_usd")
    return cost
