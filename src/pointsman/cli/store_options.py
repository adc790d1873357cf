"""Flags that every command shares that reads the store."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from pointsman.domain.record import Status
from pointsman.store.period import parse_moment

StoreUrl = Annotated[str, typer.Option("--store", help="Where turns are kept.", envvar="POINTSMAN_STORE")]
Since = Annotated[
    str | None, typer.Option("--since", help="Only turns from then on: 30m, 12h, 7d, or 2026-01-31[T09:30].")
]
Until = Annotated[str | None, typer.Option("--until", help="Only turns before then, written like --since.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="How many to show.")]
OnlyStatus = Annotated[Status | None, typer.Option("--status", help="Only turns that ended so.")]
OnlyRoute = Annotated[str | None, typer.Option("--route", help="Only this route.")]
OnlyModel = Annotated[str | None, typer.Option("--model", help="Only this model (provider/name).")]
OnlyConversation = Annotated[str | None, typer.Option("--conversation", help="Only this conversation id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON.")]


def since_us(text: str | None) -> int | None:
    """Return ``--since`` as Unix microseconds, None when it was not given."""
    return None if text is None else parse_moment(text, time.time_ns() // 1000)


def until_us(text: str | None) -> int | None:
    """Return ``--until`` as Unix microseconds, None when it was not given."""
    return None if text is None else parse_moment(text, time.time_ns() // 1000, flag="--until")


def at(unix_us: int) -> str:
    """Return a moment in the reader's time zone, to the second."""
    try:
        return datetime.fromtimestamp(unix_us / 1e6, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{unix_us} µs"
