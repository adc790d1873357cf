"""What is wrong with the tool calls of some turns, read from the calls themselves: no grader and no gold is needed.

A call is sound when its tool was offered and its arguments satisfy the tool's own schema. That a sound call is the right one
only a grader can tell.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable

import msgspec

from pointsman.contracts import Shelf
from pointsman.domain.figures import Rate
from pointsman.domain.message import Tool, ToolCall
from pointsman.domain.record import TurnRecord
from pointsman.domain.reply import Reply
from pointsman.errors import PointsmanError, StoreError
from pointsman.evaluation.importers.cases_store import turn_of
from pointsman.execution.routes.tool_words import may_write
from pointsman.store import Store

NOT_OFFERED = "not_offered"
TWICE = "twice_in_one_reply"
_REPLY = msgspec.json.Decoder(Reply)


class ToolSeen(msgspec.Struct, frozen=True):
    """The calls of one tool by one model. ``kinds`` counts what was wrong; ``example`` is a turn with a call that is not sound.

    ``writes``: by its name the tool may change something. A tool that its requests do not describe any more is unknown in
    ``sound``.
    """

    tool: str
    model: str
    writes: bool
    sound: Rate
    kinds: dict[str, int]
    example: str | None


class _Sums:
    def __init__(self) -> None:
        self.sound = self.n = self.unknown = 0
        self.kinds: Counter[str] = Counter()
        self.example: str | None = None


def look(store: Store, turn_ids: Iterable[str]) -> list[ToolSeen]:
    """Return what was seen of the calls of these turns, the most unsound first; turns that cannot be read are left out."""
    shelf, found = Shelf(), dict[tuple[str, str], _Sums]()
    for turn_id in turn_ids:
        with contextlib.suppress(StoreError):
            record = store.turn(turn_id)
            if record is not None:
                _add(found, shelf, record)
    seen = [
        ToolSeen(
            tool,
            model,
            may_write(tool),
            Rate(one.sound, one.n, one.unknown),
            dict(one.kinds.most_common()),
            one.example,
        )
        for (tool, model), one in found.items()
    ]
    return sorted(seen, key=lambda one: (-(one.sound.n - one.sound.hits), -one.sound.n, one.tool, one.model))


def _add(found: dict[tuple[str, str], _Sums], shelf: Shelf, record: TurnRecord) -> None:
    try:
        calls = _REPLY.decode(record.reply).tool_calls if record.reply else ()
    except msgspec.MsgspecError:
        return
    offered = _offered(record)
    model = record.steps[-1].model if record.steps else record.decision.model
    before: set[tuple[str, str]] = set()
    for call in calls:
        sums = found.setdefault((call.name, model), _Sums())
        kinds = None if offered is None else _wrong(call, offered, shelf)
        if kinds is None:
            sums.unknown += 1
            continue
        if (call.name, call.arguments) in before:
            kinds = (*kinds, TWICE)
        before.add((call.name, call.arguments))
        sums.n += 1
        sums.sound += not kinds
        sums.kinds.update(kinds)
        if kinds and sums.example is None:
            sums.example = record.id


def _offered(record: TurnRecord) -> dict[str, Tool] | None:
    """Return the tools of a turn by name; None where its request was not kept."""
    try:
        return {tool.name: tool for tool in turn_of(record).tools}
    except (PointsmanError, msgspec.MsgspecError):
        return None


def _wrong(call: ToolCall, offered: dict[str, Tool], shelf: Shelf) -> tuple[str, ...] | None:
    """Return what is wrong with a call; nothing where it is sound, None where its tool's schema cannot be read."""
    tool = offered.get(call.name)
    if tool is None:
        return (NOT_OFFERED,)
    try:
        return shelf.of_tool(tool).check(call).kinds
    except PointsmanError:
        return None
