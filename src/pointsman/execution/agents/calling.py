"""Runs the tool calls of one reply: checked first, in parallel, each within its time, a write at most once.

A line stands in the store before a write starts. After a crash a write that was started is never made again: whether it
happened is unknown, and the model is told so. Reads are simply made again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from pointsman.domain.message import JsonObject, Text, ToolCall, ToolResult
from pointsman.errors import AgentStopped
from pointsman.execution.agents.tools import BoundTool, Output, clean, result
from pointsman.execution.python_tools import BadArguments
from pointsman.routing.sections_agents import Agent
from pointsman.store.agent_runs import AgentRuns, CallRow, CallState, RunRow

_log = logging.getLogger(__name__)

UNKNOWN: Final = (
    "outcome unknown: {why}, and it may have been done. Do not call it again with the same arguments; "
    "check with another tool whether it was done, or say that it is uncertain"
)
_NOT_KEPT: Final = (
    "error: not executed: Pointsman stopped meanwhile, and personal data in the arguments is not kept. "
    "Call the tool again"
)
_TWICE: Final = "the same call stands in this reply already; if it is wanted twice, make it again in a later step"
_MAY_HAVE_HAPPENED: Final = (TimeoutError, ConnectionError, EOFError)
_ERROR_CHARS: Final = 2000
_ARGUMENTS_LIMIT: Final = 1_000_000
Told = Callable[[CallRow], None]


class OutcomeUnknown(Exception):
    """A tool's server went away while it worked: nobody can tell whether the call was done."""


class NotMade(Exception):
    """A call could not even be begun: nothing was done."""


class Calls:
    """The tool calls of one run. ``told`` hears of every call that starts or ends."""

    def __init__(
        self, agent: Agent, tools: Mapping[str, BoundTool], runs: AgentRuns, run: RunRow, told: Told | None = None
    ) -> None:
        self._agent = agent
        self._tools = tools
        self._runs = runs
        self._run_id, self._owner = run.id, run.owner
        self._told = told or _nobody
        self._slots = asyncio.Semaphore(agent.parallel)
        self._one_write = asyncio.Lock()
        # Writes of unknown outcome: what was called with which arguments, and under which key.
        self._uncertain: dict[tuple[str, bytes], str] = {}
        self._writing: set[asyncio.Task[CallRow]] = set()

    def plan(self, step: int, calls: Sequence[ToolCall], *, refused: str | None = None) -> list[CallRow]:
        """Return each call as it will be kept: to be run, to wait for an approval, or refused with the reason.

        ``refused``: why none of them is made.
        """
        if refused is not None:
            return [self._refused(self._planned(step, index, call), refused) for index, call in enumerate(calls)]
        seen: set[tuple[str, bytes]] = set()
        return [self._once(self._planned(step, index, call), seen) for index, call in enumerate(calls)]

    def _once(self, row: CallRow, seen: set[tuple[str, bytes]]) -> CallRow:
        """Refuse a write that stands in the reply already: twice the same in one breath is a slip, never two wishes."""
        tool, arguments = self._tools.get(row.tool), read_arguments(row.arguments)
        if tool is None or not tool.writes or tool.idempotent or row.state == "refused" or isinstance(arguments, str):
            return row
        signature = _signature(row.tool, arguments)
        if signature not in seen:
            seen.add(signature)
            return row
        return self._refused(row, _TWICE)

    def _refused(self, row: CallRow, why: str) -> CallRow:
        refusal = result(row.call_id, row.tool, f"error: not executed: {why}", is_error=True)
        return msgspec.structs.replace(row, state="refused", result=refusal)

    def _planned(self, step: int, index: int, call: ToolCall) -> CallRow:
        tool = self._tools.get(call.name)
        row = CallRow(
            key=f"{self._run_id}:{step}:{index}",
            step=step,
            i=index,
            call_id=call.id,
            tool=call.name[:200],
            arguments=call.arguments[:_ARGUMENTS_LIMIT],
            writes=tool is None or tool.writes,
            state="planned",
        )
        problem = self._problem(tool, call)
        if problem is not None:
            return self._refused(row, problem)
        if tool is not None and tool.approval:
            return msgspec.structs.replace(row, state="waiting")
        return row

    def _problem(self, tool: BoundTool | None, call: ToolCall) -> str | None:
        if tool is None:
            return f"there is no tool {call.name[:100]!r}; there are {', '.join(sorted(self._tools)) or 'none'}"
        arguments = read_arguments(call.arguments)
        if isinstance(arguments, str):
            return arguments
        wrong = tool.check(arguments)
        if wrong is not None:
            return f"the arguments do not fit the tool's schema: {clean(wrong, 2000)}"
        if tool.writes and not tool.idempotent and _signature(tool.name, arguments) in self._uncertain:
            return UNKNOWN.format(why="the same call was made before and never answered")
        return None

    def recall(self, rows: Sequence[CallRow]) -> None:
        """Take note of the calls of a run that goes on after a stop."""
        for row in rows:
            if row.state == "unknown" or (row.state == "started" and row.writes):
                self._mark_uncertain(row)

    def _mark_uncertain(self, row: CallRow) -> None:
        arguments = read_arguments(row.arguments)
        if not isinstance(arguments, str):
            self._uncertain.setdefault(_signature(row.tool, arguments), row.key)

    async def run(self, rows: Sequence[CallRow]) -> list[CallRow]:
        """Run the planned calls among ``rows`` and return all rows with what became of them, in order.

        When it is cancelled the reads are left, while a write that has begun is awaited and kept.
        """
        if not rows:
            return []
        tasks = [asyncio.ensure_future(self._settled(row)) for row in rows]
        try:
            # Not gather: cancelled, it would cancel what writes.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            return [await task for task in tasks]
        except BaseException:
            # What has begun to write goes on: its outcome must be known. Everything else stops here.
            for task in tasks:
                if task not in self._writing:
                    task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _settled(self, row: CallRow) -> CallRow:
        if row.state == "started":
            return await self._after_crash(row)
        if row.state != "planned":
            return row
        tool = self._tools.get(row.tool)
        arguments = read_arguments(row.arguments)
        if row.redacted:
            return await self._end(row, "refused", result(row.call_id, row.tool, _NOT_KEPT, is_error=True))
        if tool is None or isinstance(arguments, str):
            gone = result(row.call_id, row.tool, f"error: not executed: tool {row.tool!r} is gone", is_error=True)
            return await self._end(row, "refused", gone)
        if not tool.writes:
            async with self._slots:
                self._told(row)
                return await self._make(row, tool, arguments)
        async with self._one_write:
            # Shielded by membership: see ``run``.
            task = asyncio.current_task()
            if task is not None:
                self._writing.add(task)
            try:
                if not await self._runs.start_call(row.key, self._owner):
                    raise AgentStopped(f"run {self._run_id} was taken up by another process; this one writes no more")
                self._told(msgspec.structs.replace(row, state="started"))
                return await self._make(row, tool, arguments)
            finally:
                if task is not None:
                    self._writing.discard(task)

    async def _after_crash(self, row: CallRow) -> CallRow:
        """A call that had begun when its process ended: made again only where that does no harm."""
        tool = self._tools.get(row.tool)
        if tool is not None and (tool.idempotent or not (row.writes or tool.writes)):
            return await self._settled(msgspec.structs.replace(row, state="planned"))
        self._mark_uncertain(row)
        why = "Pointsman stopped while the call was being made"
        told = result(row.call_id, row.tool, f"error: {UNKNOWN.format(why=why)}", is_error=True)
        return await self._end(row, "unknown", told)

    async def _make(self, row: CallRow, tool: BoundTool, arguments: JsonObject) -> CallRow:
        key = self._uncertain.get(_signature(tool.name, arguments), row.key) if tool.idempotent else row.key
        began_us = time.time_ns() // 1000
        state, output, again = await self._attempt(tool, arguments, key)
        if again:
            state, output, _ = await self._attempt(tool, arguments, key)
        if state == "unknown":
            self._mark_uncertain(row)
        limit = self._agent.result_chars
        content = tuple(
            msgspec.structs.replace(part, text=clean(part.text, limit)) if isinstance(part, Text) else part
            for part in output.content
        ) or (Text("(the tool returned nothing)"),)
        told = ToolResult(row.call_id, content, row.tool, output.is_error)
        return await self._end(row, state, told, began_us)

    async def _attempt(self, tool: BoundTool, arguments: JsonObject, key: str) -> tuple[CallState, Output, bool]:
        """Make a call once; return what became of it, and whether it may be made again without harm and with hope."""
        seconds = self._agent.tool_timeout_s
        harmless = tool.idempotent or not tool.writes
        try:
            async with asyncio.timeout(seconds):
                return "done", await tool.run(arguments, key), False
        except (BadArguments, NotMade) as error:
            return "done", _error(f"not executed: {_words(error)}"), False
        except OutcomeUnknown as error:
            why, again = _words(error), harmless
        except _MAY_HAVE_HAPPENED as error:
            late = isinstance(error, TimeoutError)
            why = f"the tool did not answer within {seconds:g} s" if late else f"the connection broke ({_words(error)})"
            again = tool.writes and tool.idempotent
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            why, again = "the tool was cancelled from inside", False
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a tool is foreign code: what it raises is the model's to know
            _log.info("tool %s of run %s failed", tool.name, self._run_id, exc_info=True)
            doubt = "; part of it may have been done" if tool.writes else ""
            return "done", _error(f"{type(error).__name__}: {_words(error)}{doubt}"), False
        if tool.writes:
            return "unknown", _error(UNKNOWN.format(why=why)), again
        return "done", _error(why), again

    async def _end(self, row: CallRow, state: CallState, told: ToolResult, began_us: int | None = None) -> CallRow:
        await self._runs.end_call(row.key, state, told, started_at_us=began_us)
        ended = msgspec.structs.replace(row, state=state, result=told)
        self._told(ended)
        return ended

    async def refuse(self, row: CallRow, text: str) -> CallRow:
        """End a call that waited, without making it."""
        return await self._end(row, "refused", result(row.call_id, row.tool, text, is_error=True))


def _nobody(row: CallRow) -> None:
    pass


def _words(error: BaseException) -> str:
    """Return what an error says: foreign code may even fail at that."""
    try:
        return clean(str(error), _ERROR_CHARS)
    except Exception:  # noqa: BLE001
        return "it does not say why"


def _error(text: str) -> Output:
    return Output((Text(f"error: {text}"),), is_error=True)


def read_arguments(text: str) -> JsonObject | str:
    """Return the arguments of a call, or what is wrong with them."""
    if len(text) >= _ARGUMENTS_LIMIT:
        return f"the arguments are longer than {_ARGUMENTS_LIMIT:,} characters"
    try:
        decoded: Any = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        return f"the arguments are no JSON: {error}"
    return decoded if isinstance(decoded, dict) else "the arguments must be a JSON object"


def _signature(tool: str, arguments: JsonObject) -> tuple[str, bytes]:
    return tool, msgspec.json.encode(arguments, order="sorted")
