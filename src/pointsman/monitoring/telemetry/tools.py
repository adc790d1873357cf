"""Tool calls of agents that Pointsman runs, as spans: their times stand in the store.

Tools that a client runs itself are not seen: when they began and ended is not known here, so there is no span of them.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from pointsman.domain.record import TurnRecord
from pointsman.monitoring.telemetry import conventions as names
from pointsman.monitoring.telemetry.content import Content
from pointsman.monitoring.telemetry.spans import Span, Trace, Value, span_id
from pointsman.monitoring.telemetry.turn_spans import agent_of
from pointsman.store import Store
from pointsman.store.reading import mappings
from pointsman.store.sql import load_queries

_DONE: Final = "done"
_LATER: Final = 1 << 31


class ToolRun(msgspec.Struct, frozen=True):
    """A call that an agent's run made: the turn that asked for it, and what became of it. Times are Unix microseconds."""

    turn_id: str
    call_id: str
    tool: str
    arguments: str
    state: str
    started_us: int
    ended_us: int
    writes: bool

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended_us - self.started_us) / 1e6

    @property
    def error(self) -> str | None:
        """What went wrong, None where nothing did."""
        return None if self.state == _DONE else self.state


class AgentTurn(msgspec.Struct, frozen=True):
    """What is known of a turn that is a step of an agent's run: the run, and the calls whose results it was given."""

    run_id: str
    calls: tuple[ToolRun, ...]


def agent_turn(store: Store, record: TurnRecord) -> AgentTurn | None:
    """Return the run a turn belongs to, None where there is none.

    Raises:
        StoreError: the store cannot be read.
    """
    run_id = record.metadata.get("run_id")
    if agent_of(record) is None or run_id is None:
        return None
    queries = load_queries("telemetry")
    with store.reading() as connection:
        place = connection.execute(queries["place_in_run"], {"run_id": run_id, "turn_id": record.id}).fetchone()
        # A turn is on record a moment before it is noted as a step of its run: then all noted steps came before it.
        n = _LATER if place is None else int(place[0])
        return AgentTurn(run_id, _calls(connection, queries["calls_before"], run_id, n))


def tool_spans(record: TurnRecord, found: AgentTurn, trace: Trace, content: Content | None) -> list[Span]:
    """Return the spans of the calls whose results a turn was given, under the turn that asked for each."""
    spans = []
    for call in found.calls:
        attributes: dict[str, Value] = {
            names.SPAN_KIND: "TOOL",
            names.OPERATION: "execute_tool",
            names.TOOL_NAME: call.tool,
            names.TOOL_TYPE: "function",
            names.TOOL_CALL_ID: call.call_id,
            names.CONVERSATION: record.conversation_id,
            names.SESSION: record.conversation_id,
            "tool.name": call.tool,
            "tool.id": call.call_id,
            "pointsman.tool.writes": call.writes,
            "pointsman.tool.state": call.state,
        }
        if call.error is not None:
            attributes[names.ERROR_TYPE] = call.error
        if content is not None:
            attributes[names.TOOL_ARGUMENTS] = content.text(call.arguments)
        spans.append(
            Span(
                name=f"execute_tool {call.tool}",
                kind="internal",
                trace_id=trace.trace_id,
                span_id=span_id(call.turn_id, f"tool {call.call_id}"),
                parent_id=span_id(call.turn_id),
                start_ns=call.started_us * 1000,
                end_ns=call.ended_us * 1000,
                attributes=attributes,
                error=call.error,
            )
        )
    return spans


def _calls(connection: sqlite3.Connection, query: str, run_id: str, n: int) -> tuple[ToolRun, ...]:
    rows: list[dict[str, Any]] = mappings(connection.execute(query, {"run_id": run_id, "n": n}))
    return tuple(msgspec.convert({**row, "writes": bool(row["writes"])}, ToolRun) for row in rows)
