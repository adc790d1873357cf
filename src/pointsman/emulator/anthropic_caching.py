"""What Anthropic refuses in cache marks: more than four, unknown lifetimes, a short one before a long one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pointsman.emulator.anthropic_request import TTLS, blocks_of
from pointsman.emulator.exchange import RejectedError

Json = dict[str, Any]
_MOST_MARKS = 4


def check_cache_marks(body: Json) -> None:
    """Check every ``cache_control`` of a request whose messages are well formed.

    Raises:
        RejectedError: the real server would refuse them.
    """
    marks = [*_marks(body)]
    if "cache_control" in body and body["cache_control"] is not None:
        marks.append(("cache_control", body["cache_control"]))
    for place, control in marks:
        if not isinstance(control, dict) or control.get("type") != "ephemeral":
            raise RejectedError(f"{place}.type: Input should be 'ephemeral'")
        if control.get("ttl") not in {None, *TTLS}:
            raise RejectedError(f"{place}.ephemeral.ttl: Input should be '5m' or '1h'")
    if len(marks) > _MOST_MARKS:
        raise RejectedError(
            f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided. Found {len(marks)}."
        )
    short_seen = False
    for place, control in marks:
        long = control.get("ttl") == "1h"
        if long and short_seen:
            raise RejectedError(
                f"{place}.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
                "Note that blocks are processed in the following order: `tools`, `system`, `messages`."
            )
        short_seen = short_seen or not long


def _marks(body: Json) -> Iterator[tuple[str, Any]]:
    for index, tool in enumerate(body.get("tools") or ()):
        yield from _mark(f"tools.{index}.custom", tool)
    for index, item in enumerate(blocks_of(body.get("system") or [])):
        yield from _mark(f"system.{index}", item)
    for number, message in enumerate(body["messages"]):
        for index, item in enumerate(blocks_of(message["content"])):
            place = f"messages.{number}.content.{index}"
            if item.get("type") in {"thinking", "redacted_thinking"} and item.get("cache_control"):
                raise RejectedError(f"{place}.thinking.cache_control: Extra inputs are not permitted")
            yield from _mark(place, item)


def _mark(place: str, item: Json) -> Iterator[tuple[str, Any]]:
    if item.get("cache_control") is not None:
        yield f"{place}.cache_control", item["cache_control"]
