"""Strict mode for customers' traffic: every value as what it is, calls matched at best, every fault named and placed.

Right means: exactly the calls that the gold names, in any order, each with allowed values; nothing missing, invented,
made twice. A fault in a call that changes something (refund, cancel, book) is a *write error*: score 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from pointsman.domain.message import JsonObject, Tool
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case, Gold, GoldCall
from pointsman.evaluation.grading_calls import WrittenCall, WrittenCalls, calls_of
from pointsman.evaluation.grading_matching import cheapest_pairs
from pointsman.evaluation.grading_seam import WRITE_ERROR, Marks, version_of
from pointsman.evaluation.grading_values import identical, plain, properties_of, resolve, types_of, value_fault
from pointsman.execution.routes.tool_words import may_write

_REVISION: Final = 1
_GRAVEST_FIRST: Final = (
    *(
        "unreadable_call",
        "call_not_wanted",
        "invented_tool",
        "wrong_tool",
        "missing_call",
        "duplicate_call",
        "extra_call",
    ),
    *("invented_argument", "missing_argument", "wrong_type", "wrong_value"),
)
"""The grade's kind is the first of these that was found; its text names them all."""
_UNPAIRED: Final = 1_000_000
_OTHER_TOOL: Final = 1_000
_MOST_CALLS: Final = 200
_TOLD: Final = 8


class _Fault(msgspec.Struct, frozen=True):
    """One thing wrong: in which call (of the answer, or of the gold where it is missing), and in which argument."""

    kind: str
    call: str
    text: str
    writes: bool


class Strict:
    """Grades tool calls by value and type. The kinds are listed in docs/reference/graders.md.

    Score: of the calls that were due or made, the share that is right; 0 after a write error. Answers to a case with a reference
    reply are graded only where they call a tool that writes: that reply did without.
    """

    name = "strict"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade the calls of one answer."""
        gold = case.gold
        if gold is None or (gold.kind == "calls" and not gold.calls):
            return self._marks.none()
        written = calls_of(answer)
        if written is None:
            return (
                self._marks.none()
                if gold.kind == "reply"
                else self._marks.failed("no_answer", answer.error or "no reply")
            )
        try:
            return self._graded(gold, _Tools(case.turn.tools), written)
        except RecursionError:
            return self._marks.failed("unreadable_call", "the arguments are nested too deeply")

    def _graded(self, gold: Gold, tools: _Tools, written: WrittenCalls) -> Grade:
        if gold.kind != "calls":
            return self._unwanted(gold, tools, written)
        if written.problem is not None:
            return self._marks.failed("missing_call", f"no call could be read: {written.problem}")
        if len(written.calls) > max(_MOST_CALLS, 2 * len(gold.calls)):
            return self._marks.failed("extra_call", f"{len(written.calls)} calls, {len(gold.calls)} wanted")
        if len(gold.calls) == 1 and len(written.calls) == 1:
            faults = tools.faults(gold.calls[0], written.calls[0], 0)
        else:
            faults = _faults(gold.calls, written.calls, tools)
        if not faults:
            return self._marks.passed()
        wrong = len({fault.call for fault in faults})
        due = max(len(gold.calls), len(written.calls))
        return self._failed(faults, max(0.0, 1 - wrong / due))

    def _unwanted(self, gold: Gold, tools: _Tools, written: WrittenCalls) -> Grade:
        calls = [call for call in written.calls if gold.kind == "no_call" or may_write(call.name)]
        if not calls:
            return self._marks.passed() if gold.kind == "no_call" else self._marks.none()
        return self._failed(
            [
                _Fault("call_not_wanted", _at(n), f": {_name(call)}", tools.writes(call.name))
                for n, call in enumerate(calls)
            ],
            0.0,
        )

    def _failed(self, faults: Sequence[_Fault], score: float) -> Grade:
        write = any(fault.writes for fault in faults)
        faults = sorted(faults, key=lambda fault: _GRAVEST_FIRST.index(fault.kind))
        told = "; ".join(f"{fault.kind} at {fault.call}{fault.text}" for fault in faults[:_TOLD])
        more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
        text = f"{WRITE_ERROR}: {told}{more}" if write else told + more
        return self._marks.failed(faults[0].kind, text, 0.0 if write else score)


class _Tools:
    """The tools of a turn, as calls are compared with them."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._by_name = {tool.name: tool for tool in tools}

    def named(self, written: str) -> str:
        """Return the tool's own name where the provider's API forced another spelling: ``_`` for the dots of one tool."""
        if written in self._by_name:
            return written
        meant = [name for name in self._by_name if "." in name and name.replace(".", "_") == written]
        return meant[0] if len(meant) == 1 else written

    def offered(self, name: str) -> bool:
        return not self._by_name or self.named(name) in self._by_name

    def writes(self, name: str, gold: GoldCall | None = None) -> bool:
        if gold is not None and gold.writes is not None:
            return gold.writes
        return may_write(name)

    def are_one(self, gold: GoldCall, call: WrittenCall) -> bool:
        """Tell whether a call is of the gold's tool."""
        return call.name == gold.name or self.named(call.name) == gold.name

    def faults(self, gold: GoldCall, call: WrittenCall, place: int) -> list[_Fault]:
        """Return what is wrong with a call that should be ``gold``."""
        where = _at(place)
        if not self.are_one(gold, call):
            kind = "wrong_tool" if self.offered(call.name) else "invented_tool"
            grave = self.writes(call.name) or self.writes(gold.name, gold)
            return [_Fault(kind, where, f": {_name(call)}, wanted {gold.name}", grave)]
        grave = self.writes(gold.name, gold)
        if call.problem is not None or not isinstance(call.arguments, dict):
            return [_Fault("unreadable_call", where, f": {call.problem}", grave)]
        found = _argument_faults(gold, call.arguments, self._schema(gold.name))
        return [_Fault(kind, where, f"/{text}", grave) for kind, text in found]

    def _schema(self, name: str) -> JsonObject:
        tool = self._by_name.get(name)
        return tool.parameters if tool is not None else {}


def _argument_faults(gold: GoldCall, given: JsonObject, root: JsonObject) -> list[tuple[str, str]]:
    known = properties_of(root, root)
    required = root.get("required")
    needed = (
        frozenset(name for name in required if isinstance(name, str)) if isinstance(required, list) else frozenset()
    )

    def left_open(name: str) -> bool:
        return _left_open(given[name], known.get(name), root, optional=name not in needed)

    found: list[tuple[str, str]] = []
    for name, allowed in gold.arguments.items():
        if name in given:
            fault = value_fault(given[name], allowed, name, known.get(name, {}), root)
            if fault is not None and not (name in gold.optional and left_open(name)):
                found.append(
                    (fault, f"{name} = {_shown(given[name])}, wanted {_shown(allowed[0] if allowed else None)}")
                )
        elif name in needed or not (name in gold.optional or None in allowed):
            found.append(("missing_argument", name))
    for name, value in given.items():
        if name not in gold.arguments and not left_open(name):
            found.append(("invented_argument", f"{name} = {_shown(value)}"))
    return found


def _left_open(value: Any, schema: Any, root: JsonObject, *, optional: bool) -> bool:
    """Tell whether giving this value is as good as leaving the argument out: the schema's own default, or its null.

    Null counts also where the schema requires the argument: strict schemas say "optional" in no other way.
    """
    if value is None:
        return schema is not None and "null" in types_of(resolve(schema, root), root)
    return optional and isinstance(schema, dict) and "default" in schema and identical(plain(value), schema["default"])


def _faults(gold: Sequence[GoldCall], calls: Sequence[WrittenCall], tools: _Tools) -> list[_Fault]:
    """Pair gold calls and calls so that most are right, and return what is wrong with the rest."""
    if len(gold) == len(calls) and _all_right(gold, calls, tools):
        return []
    table = [[tools.faults(one, call, place) for place, call in enumerate(calls)] for one in gold]
    pairs = _pairs(table, len(calls))
    found = [fault for row, place in pairs.items() for fault in table[row][place]]
    for row, one in enumerate(gold):
        if row not in pairs:
            found.append(_Fault("missing_call", f"gold[{row}]", f": {one.name}", tools.writes(one.name, one)))
    taken = set(pairs.values())
    for place, call in enumerate(calls):
        if place not in taken:
            found.append(_surplus(call, place, calls, tools))
    return found


def _all_right(gold: Sequence[GoldCall], calls: Sequence[WrittenCall], tools: _Tools) -> bool:
    """Tell whether taking the first right call for each gold call takes them all: the usual case, and no need to pair."""
    left = list(enumerate(calls))
    for one in gold:
        fit = next(
            (n for n, (at, call) in enumerate(left) if tools.are_one(one, call) and not tools.faults(one, call, at)),
            None,
        )
        if fit is None:
            return False
        del left[fit]
    return True


def _pairs(table: Sequence[Sequence[Sequence[_Fault]]], calls: int) -> dict[int, int]:
    """Return the gold calls' places in the list of calls."""
    costs = [[_cost(faults) for faults in row] for row in table]
    if len(table) <= calls:
        return dict(enumerate(cheapest_pairs(costs)))
    if not calls:
        return {}
    turned = [list(column) for column in zip(*costs, strict=True)]
    return {row: place for place, row in enumerate(cheapest_pairs(turned))}


def _cost(faults: Sequence[_Fault]) -> int:
    """Return what pairing costs: a right call nothing; then the same tool, the fewer faults the better."""
    if not faults:
        return 0
    other = faults[0].kind in ("wrong_tool", "invented_tool")
    return _UNPAIRED + (_OTHER_TOOL if other else min(len(faults), _OTHER_TOOL // 2))


def _surplus(call: WrittenCall, place: int, calls: Sequence[WrittenCall], tools: _Tools) -> _Fault:
    where, what = _at(place), f": {_name(call)}"
    if not tools.offered(call.name):
        return _Fault("invented_tool", where, what, tools.writes(call.name))
    twin = any(
        other.name == call.name and identical(plain(other.arguments), plain(call.arguments))
        for n, other in enumerate(calls)
        if n != place
    )
    return _Fault("duplicate_call" if twin else "extra_call", where, what, tools.writes(call.name))


def _at(place: int) -> str:
    return f"calls[{place}]"


def _name(call: WrittenCall) -> str:
    return call.name[:80]


def _shown(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()[:60]
    except (TypeError, ValueError, msgspec.MsgspecError):
        return repr(value)[:60]
