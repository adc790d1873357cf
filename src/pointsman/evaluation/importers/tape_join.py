"""Joins logged calls with their results: clients send the history again, so a call's result stands in a later request.

A case that made calls is held back until a later row of the same file shows their results, or until too many wait.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import msgspec

from pointsman.domain.message import ToolCall, ToolResult
from pointsman.evaluation.cases import Taped
from pointsman.evaluation.importers.case_seam import Found
from pointsman.evaluation.importers.turn_cases import answered_calls, arguments_of

MOST_WAITING = 5_000
"""Cases held back at most; the oldest goes without its results then."""

_Key = tuple[str, str, str]


class TapeJoin:
    """Takes the cases of one file in order, and gives them back with their tape."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: OrderedDict[int, Found] = OrderedDict()
        self._calls: dict[_Key, int] = {}
        self._count = 0

    def take(self, found: Iterable[Found]) -> Iterator[Found]:
        """Yield the cases that need not wait (any more)."""
        for one in found:
            yield from self._answered(one)
            calls = (
                ()
                if one.shipped is None or one.shipped.reply is None or one.case.tape
                else one.shipped.reply.tool_calls
            )
            if not calls:
                yield one
                continue
            self._count += 1
            self._waiting[self._count] = one
            for call in calls:
                self._calls[_key(call)] = self._count
            if len(self._waiting) > self._most:
                yield self._release(next(iter(self._waiting)), {})

    def rest(self) -> Iterator[Found]:
        """Yield the cases whose calls nobody answered."""
        while self._waiting:
            yield self._release(next(iter(self._waiting)), {})

    def _answered(self, later: Found) -> Iterator[Found]:
        results: dict[int, dict[_Key, ToolResult]] = {}
        for call, result in answered_calls(later.case.turn.messages):
            place = self._calls.get(_key(call))
            if place is not None:
                results.setdefault(place, {})[_key(call)] = result
        for place in sorted(results):
            yield self._release(place, results[place])

    def _release(self, place: int, results: dict[_Key, ToolResult]) -> Found:
        one = self._waiting.pop(place)
        calls = () if one.shipped is None or one.shipped.reply is None else one.shipped.reply.tool_calls
        for call in calls:
            if self._calls.get(_key(call)) == place:
                del self._calls[_key(call)]
        tape = tuple(
            Taped(call.name, arguments, results[_key(call)])
            for call in calls
            if _key(call) in results and (arguments := arguments_of(call)) is not None
        )
        return msgspec.structs.replace(one, case=msgspec.structs.replace(one.case, tape=tape)) if tape else one


def _key(call: ToolCall) -> _Key:
    arguments = arguments_of(call)
    # The same call may be written with other spaces in the history.
    text = call.arguments if arguments is None else msgspec.json.encode(arguments, order="deterministic").decode()
    return (call.id, call.name, text)
