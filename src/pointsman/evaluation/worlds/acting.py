"""Lets a model act on a copy of a case's world, and judges the state it leaves behind.

Right is a state equal to the one that the gold calls leave behind on a copy of their own (as tau-bench does), or, where the case
has checks, a state of which every check's SQL returns the expected rows.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any, Final

import msgspec

from pointsman.domain.message import Text, ToolCall, ToolResult
from pointsman.errors import UsageError
from pointsman.evaluation.answers import EndState
from pointsman.evaluation.cases import Case, World
from pointsman.evaluation.worlds.state import State, differences, state_of
from pointsman.evaluation.worlds.tools import ToolFunction
from pointsman.evaluation.worlds.world_copy import WorldCopy, same_rows

CALL_S: Final = 5.0
"""Seconds one call may take."""
_MOST_GOLD: Final = 64
"""Ways of making the gold calls (each of the allowed values) that are tried."""
_LONGEST_RESULT: Final = 200_000


class Worlds:
    """Opens a world for each run. ``folder`` is that of the case file, ``function`` what the user's tools are."""

    def __init__(self, function: ToolFunction, folder: Path, seconds: float = CALL_S) -> None:
        self._function = function
        self._folder = folder
        self._seconds = seconds

    def open(self, case: Case) -> Acting | None:
        """Return the world of one run; None where the case has none."""
        return None if case.world is None else Acting(case, case.world, self._function, self._folder, self._seconds)


class Acting:
    """One run in one world."""

    def __init__(self, case: Case, world: World, function: ToolFunction, folder: Path, seconds: float) -> None:
        self._case = case
        self._world = world
        self._function = function
        self._folder = folder
        self._seconds = seconds
        self._tools = {tool.name for tool in case.turn.tools}
        self._reads = self._writes = self._failed = 0
        self.problem = ""
        self._copy: WorldCopy | None = None
        try:
            self._copy = WorldCopy(world, folder)
        except UsageError as error:
            self.problem = str(error)

    async def answer(self, call: ToolCall) -> ToolResult | None:
        """Return what the tool says to a call; None where it cannot go on (``problem`` says why)."""
        if self._copy is None or self.problem:
            return None
        try:
            arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError) as error:
            return self._failure(call, f"the arguments are no JSON object: {error}")
        if call.name not in self._tools:
            return self._failure(call, f"there is no tool {call.name[:80]!r}")
        outcome = await _within(
            self._seconds, self._copy, lambda copy: _act(copy, self._function, call.name, arguments)
        )
        if outcome is None:
            self.problem = f"{call.name} did not return within {self._seconds:g} s"
            return None
        text, changed, failed = outcome
        if failed:
            return self._failure(call, text)
        self._writes += changed
        self._reads += not changed
        return ToolResult(call.id, (Text(text),), call.name)

    def _failure(self, call: ToolCall, text: str) -> ToolResult:
        self._failed += 1
        return ToolResult(call.id, (Text(f"error: {text[:500]}"),), call.name, is_error=True)

    async def end(self) -> EndState:
        """Judge the state that the run left behind, and close its world."""
        copy, self._copy = self._copy, None
        if copy is None or self.problem:
            # A call that never came back may still be at work on the copy: it is left to it.
            return self._said(None, None, self.problem)
        try:
            return await asyncio.to_thread(self._judged, copy)
        except UsageError as error:
            return self._said(None, None, str(error))
        except sqlite3.Error as error:
            return self._said(None, None, f"the state cannot be read: {error}")
        finally:
            copy.close()

    def _judged(self, copy: WorldCopy) -> EndState:
        if self._world.checks:
            return self._checked(copy)
        gold = self._case.gold
        if gold is None or gold.kind == "reply":
            return self._said(None, None, "the case has neither gold calls nor checks")
        copy.limit(60.0)
        found = state_of(copy.db, self._world.ignore)
        first: State | None = None
        for wanted in self._gold_states():
            if wanted.digest == found.digest:
                return self._said(True, None, "the state is the gold calls'")
            first = first or wanted
        if first is None:
            return self._said(None, None, "the gold calls leave no state")
        return self._said(False, "wrong_state", "; ".join(differences(found, first)))

    def _checked(self, copy: WorldCopy) -> EndState:
        for check in self._world.checks:
            rows = copy.ask(check.sql)
            if not same_rows(rows, check.rows):
                seen = msgspec.json.encode(rows[:3], enc_hook=repr).decode()[:120]
                return self._said(False, "wrong_state", f"{check.sql[:100]} returns {seen}")
        return self._said(True, None, f"{len(self._world.checks)} checks hold")

    def _gold_states(self) -> Iterator[State]:
        """Yield the state that each way of making the gold calls leaves behind, each on a copy of its own.

        Raises:
            UsageError: a gold call fails in this world.
        """
        calls = () if self._case.gold is None else self._case.gold.calls
        choices = [
            [dict(zip(call.arguments, values, strict=True)) for values in islice(product(*call.arguments.values()), _MOST_GOLD)]
            for call in calls
        ]  # fmt: skip
        for made in islice(product(*choices), _MOST_GOLD):
            copy = WorldCopy(self._world, self._folder)
            try:
                for call, arguments in zip(calls, made, strict=True):
                    copy.limit(self._seconds)
                    text, _, failed = _act(copy, self._function, call.name, arguments)
                    if failed:
                        raise UsageError(f"the case's own gold call {call.name} fails in its world: {text[:200]}")
                copy.limit(60.0)
                yield state_of(copy.db, self._world.ignore)
            finally:
                copy.close()

    def _said(self, right: bool | None, kind: str | None, text: str) -> EndState:
        return EndState(right, kind, text, self._reads, self._writes, self._failed)


def _act(copy: WorldCopy, function: ToolFunction, name: str, arguments: dict[str, Any]) -> tuple[str, bool, bool]:
    """Make one call; return what it says, whether it changed anything, and whether it failed (then nothing of it is kept)."""
    db = copy.db
    before = db.total_changes
    db.execute("SAVEPOINT pointsman_call")
    try:
        result = function(db, name, arguments)
        text = result if isinstance(result, str) else msgspec.json.encode(result).decode()
        failed = len(text) > _LONGEST_RESULT
        text = f"a result of {len(text):,} characters" if failed else text
    except Exception as error:  # noqa: BLE001 - whatever the user's tool raises is what the model is told
        text, failed = str(error) or type(error).__name__, True
    if not db.in_transaction:
        return "the tool ended the transaction it runs in: leave COMMIT and ROLLBACK out", False, True
    if failed:
        copy.limit(CALL_S)
        db.execute("ROLLBACK TO pointsman_call")
    db.execute("RELEASE pointsman_call")
    return text, not failed and db.total_changes > before, failed


async def _within(seconds: float, copy: WorldCopy, act: Any) -> tuple[str, bool, bool] | None:
    """Return what ``act`` returns; None where it takes longer. SQL is stopped by then, Python cannot be: its thread is left."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[str, bool, bool]] = loop.create_future()
    copy.limit(seconds)

    def settle(outcome: tuple[str, bool, bool]) -> None:
        if not done.done():
            done.set_result(outcome)

    def run() -> None:
        try:
            outcome = act(copy)
        except Exception as error:  # noqa: BLE001 - a database the tool broke
            outcome = (str(error), False, True)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, outcome)

    # A thread that must not be waited for at the end: the executor's are.
    threading.Thread(target=run, daemon=True, name="pointsman-tool").start()
    try:
        return await asyncio.wait_for(done, seconds + 1.0)
    except TimeoutError:
        return None
