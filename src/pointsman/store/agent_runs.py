"""Agents that Pointsman runs: their definitions, their runs, and each tool call with a line written before it starts."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, Protocol

import msgspec

from pointsman.domain.message import Message, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import StoreError
from pointsman.store.keys import KeyInfo, list_keys
from pointsman.store.money import from_pico
from pointsman.store.reading import mappings
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

RunState = Literal["running", "waiting_for_approval", "done", "failed", "cancelled"]
CallState = Literal["planned", "waiting", "started", "done", "refused", "unknown"]
"""planned: to be run. waiting: for an approval. started: it may have happened. done: its result is known. refused: not run.
unknown: it was started, and whether it happened cannot be told."""
Phase = Literal["steps", "synthesis", "draft"]


class AgentRow(msgspec.Struct, frozen=True):
    """A stored agent; ``spec`` is its definition as JSON. Times are Unix microseconds."""

    name: str
    spec: str
    created_at_us: int
    updated_at_us: int


class RunRow(msgspec.Struct, frozen=True):
    """One run as stored."""

    id: str
    agent: str
    spec: str
    conversation_id: str
    key_id: str | None
    state: RunState
    owner: str
    opening: bytes
    turn: Turn
    reply: Reply | None
    ended_by: str | None
    error_code: str | None
    error_text: str | None
    started_at_us: int
    updated_at_us: int
    expires_at_us: int | None

    @property
    def delivered(self) -> bool:
        """Whether the reply of a run that is done went to its client: then the same request is a new wish."""
        return self.state == "done" and not self.owner


class StepRow(msgspec.Struct, frozen=True):
    """One message that a run added: a model's reply, or words of the customer that came in while the run waited."""

    n: int
    kind: Literal["model", "customer"]
    phase: Phase
    turn_id: str | None
    message: Message


class CallRow(msgspec.Struct, frozen=True):
    """One tool call. ``key`` is its idempotency key; ``result`` what the model was told, None while it is open.

    ``redacted``: the arguments as stored are not the ones of the call.
    """

    key: str
    step: int
    i: int
    call_id: str
    tool: str
    arguments: str
    writes: bool
    state: CallState
    result: ToolResult | None = None
    attempts: int = 0
    started_at_us: int | None = None
    ended_at_us: int | None = None
    redacted: bool = False


class StepCost(msgspec.Struct, frozen=True):
    """What one model step of a run used and cost, and what its tokens would have cost on the flagship. None: unknown."""

    n: int
    phase: Phase
    turn_id: str
    status: str
    route: str
    model: str
    tier: str
    duration_ms: float
    tokens_in: int | None
    tokens_out: int | None
    cached: int | None
    cost_usd: Decimal | None
    flagship_model: str | None
    flagship_cost_usd: Decimal | None


class Ending(msgspec.Struct, frozen=True):
    """How a run stands when its process lets go of it."""

    state: RunState
    ended_by: str
    reply: Reply | None = None
    error_code: str | None = None
    error_text: str | None = None
    expires_at_us: int | None = None


class Redactor(Protocol):
    """Takes personal data out of what is written."""

    def json_bytes(self, raw: bytes) -> bytes:
        """Return JSON, or text, without it."""
        ...

    def name(self, text: str) -> str:
        """Return an id that a client chose without it; the same id always gives the same."""
        ...


def _now() -> int:
    return time.time_ns() // 1000


class AgentRuns:
    """The tables of agents and runs. Writes are durable when their coroutine returns.

    With a ``redactor`` what customers, models and tools said is redacted before it is written; where that fails, nothing
    is written and the run ends.
    """

    def __init__(self, store: Store, redactor: Redactor | None = None) -> None:
        self._store = store
        self._redactor = redactor
        self._queries = load_queries("agent_runs")

    @property
    def redacts(self) -> bool:
        """Whether what is read back may differ from what was written."""
        return self._redactor is not None

    def _raw(self, value: Any) -> bytes:
        return self._clean(msgspec.json.encode(value))

    def _clean(self, raw: bytes) -> bytes:
        if self._redactor is None:
            return raw
        try:
            return self._redactor.json_bytes(raw)
        except Exception as error:
            raise StoreError(f"an agent's run cannot be kept: redaction failed ({type(error).__name__})") from error

    def _named(self, conversation_id: str) -> str:
        return conversation_id if self._redactor is None else self._redactor.name(conversation_id)

    async def save_agent(self, name: str, spec: str) -> None:
        """Keep an agent's definition, replacing an earlier one."""
        await self._write("save_agent", {"name": name, "spec": spec, "now": _now()})

    def agents(self) -> list[AgentRow]:
        """Return the stored agents by name."""
        with self._store.reading() as connection:
            return [AgentRow(**row) for row in mappings(connection.execute(self._queries["agents"]))]

    async def create(self, row: RunRow) -> None:
        """Keep a run that begins now."""
        values = {
            "id": row.id,
            "agent": row.agent,
            "spec": row.spec,
            "conversation_id": self._named(row.conversation_id),
            "key_id": row.key_id,
            "owner": row.owner,
            "opening": row.opening,
            "turn": self._raw(row.turn),
            "now": row.started_at_us,
        }
        await self._write("insert_run", values)

    async def claim(self, row: RunRow, owner: str, *, opening: bytes | None = None) -> bool:
        """Take a run over as ``owner``; False when someone else was faster. Also ends a wait for approval.

        ``opening`` is the hash of the request that does so, where it is another than the first.
        """
        values: dict[str, Any] = {"id": row.id, "state": row.state, "before": row.owner, "owner": owner, "now": _now()}
        values["opening"] = opening
        query = self._queries["claim_run"]
        return await self._store.write(lambda connection: connection.execute(query, values).rowcount == 1)

    async def end(self, run_id: str, owner: str, ending: Ending) -> None:
        """Keep how a run ended, or that it waits."""
        values = msgspec.structs.asdict(ending) | {"id": run_id, "owner": owner, "now": _now()}
        values["reply"] = None if ending.reply is None else self._raw(ending.reply)
        if ending.error_text is not None:
            values["error_text"] = self._clean(ending.error_text.encode("utf-8", "replace")).decode()
        await self._write("end_run", values)

    async def deliver(self, run_id: str) -> None:
        """Keep that the reply of a run that is done goes to its client now; see ``RunRow.delivered``."""
        statement = self._queries["deliver_run"]
        await self._store.write(lambda connection: connection.execute(statement, (run_id,)).rowcount)

    async def add_step(self, run_id: str, step: StepRow, calls: Sequence[CallRow] = ()) -> None:
        """Keep a message and the tool calls it asks for, in one transaction."""
        row = (run_id, step.n, step.kind, step.phase, step.turn_id, self._raw(step.message))
        rows = [self._call_values(run_id, call) for call in calls]

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(self._queries["insert_step"], row)
            connection.executemany(self._queries["insert_call"], rows)
            connection.execute(self._queries["touch_run"], {"id": run_id, "now": _now()})

        await self._store.write(job)

    async def approve(self, run_id: str, words: StepRow) -> None:
        """Keep the customer's yes and free the calls that waited for it, in one transaction."""
        row = (run_id, words.n, words.kind, words.phase, None, self._raw(words.message))

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(self._queries["insert_step"], row)
            connection.execute(self._queries["approve_calls"], (run_id,))

        await self._store.write(job)

    async def start_call(self, key: str, owner: str) -> bool:
        """Note that a call is about to be made: from here on it may have happened.

        False when ``owner`` does not own the run any more: then it must not be made.
        """
        statement, values = self._queries["start_call"], {"key": key, "owner": owner, "now": _now()}
        return await self._store.write(lambda connection: connection.execute(statement, values).rowcount == 1)

    async def end_call(
        self, key: str, state: CallState, result: ToolResult, *, started_at_us: int | None = None
    ) -> None:
        """Keep what became of a call. ``started_at_us``: when it was made, for a call whose start was not noted."""
        raw = self._raw(result)
        made = 0 if started_at_us is None else 1
        values = {"key": key, "state": state, "result": raw, "started_at_us": started_at_us, "attempts": made}
        await self._write("end_call", {**values, "now": _now()})

    def run(self, run_id: str) -> RunRow | None:
        """Return a run, None if there is none."""
        with self._store.reading() as connection:
            found = mappings(connection.execute(self._queries["run_by_id"], (run_id,)))
        return _run(found[0]) if found else None

    def ids_with_prefix(self, prefix: str, limit: int = 10) -> list[str]:
        """Return up to ``limit`` run ids that begin with ``prefix``."""
        with self._store.reading() as connection:
            rows = connection.execute(self._queries["runs_with_prefix"], {"prefix": prefix, "limit": limit})
            return [row[0] for row in rows]

    def newest(self, limit: int = 20) -> list[RunRow]:
        """Return the newest runs first."""
        with self._store.reading() as connection:
            return [_run(row) for row in mappings(connection.execute(self._queries["newest_runs"], (limit,)))]

    def of_conversation(self, agent: str, conversation_id: str, key_id: str | None, limit: int = 20) -> list[RunRow]:
        """Return the runs of an agent in a client key's conversation, newest first."""
        values = {"agent": agent, "conversation_id": self._named(conversation_id), "key_id": key_id, "limit": limit}
        with self._store.reading() as connection:
            return [_run(row) for row in mappings(connection.execute(self._queries["runs_of_conversation"], values))]

    def steps(self, run_id: str) -> list[StepRow]:
        """Return the messages a run added, in order."""
        with self._store.reading() as connection:
            rows = mappings(connection.execute(self._queries["steps_of"], (run_id,)))
        return [
            StepRow(row["n"], row["kind"], row["phase"], row["turn_id"], _decode(row["message"], Message))
            for row in rows
        ]

    def calls(self, run_id: str) -> list[CallRow]:
        """Return the tool calls of a run, in order."""
        with self._store.reading() as connection:
            rows = mappings(connection.execute(self._queries["calls_of"], (run_id,)))
        return [_call(row) for row in rows]

    def waiting(self, run_id: str) -> list[CallRow]:
        """Return the calls of a run that wait for an approval."""
        return [call for call in self.calls(run_id) if call.state == "waiting"]

    def keys(self) -> list[KeyInfo]:
        """Return the client keys: a run that goes on without its client is bound by its key all the same."""
        return list_keys(self._store)

    def costs(self, run_id: str) -> list[StepCost]:
        """Return what each model step of a run used and cost, in order."""
        with self._store.reading() as connection:
            rows = mappings(connection.execute(self._queries["costs_of"], (run_id,)))
        return [_cost(row) for row in rows]

    def _call_values(self, run_id: str, call: CallRow) -> dict[str, Any]:
        values = msgspec.structs.asdict(call) | {"run_id": run_id}
        values["arguments"] = self._clean(call.arguments.encode("utf-8", "replace")).decode()
        values["redacted"] = values["arguments"] != call.arguments
        values["result"] = None if call.result is None else self._raw(call.result)
        return values

    async def _write(self, query: str, values: dict[str, Any]) -> None:
        sql = self._queries[query]

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(sql, values)

        await self._store.write(job)


def _decode(raw: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError as error:
        raise StoreError(f"a stored agent run is damaged: {error}. Restore the store from a copy.") from None


def _run(row: dict[str, Any]) -> RunRow:
    reply = None if row["reply"] is None else _decode(row["reply"], Reply)
    return RunRow(**row | {"turn": _decode(row["turn"], Turn), "reply": reply})


def _call(row: dict[str, Any]) -> CallRow:
    values = {name: row[name] for name in CallRow.__struct_fields__}
    values["writes"], values["redacted"] = bool(row["writes"]), bool(row["redacted"])
    values["result"] = None if row["result"] is None else _decode(row["result"], ToolResult)
    return CallRow(**values)


def _cost(row: dict[str, Any]) -> StepCost:
    uncached, read, written = row["input_uncached"], row["cache_read"], row["cache_write"]
    return StepCost(
        n=row["n"],
        phase=row["phase"],
        turn_id=row["id"],
        status=row["status"],
        route=row["route"],
        model=row["model"],
        tier=row["tier"],
        duration_ms=row["duration_ms"],
        tokens_in=None if uncached is None else uncached + (read or 0) + (written or 0),
        tokens_out=row["output"],
        cached=read,
        cost_usd=from_pico(row["cost_pico"]),
        flagship_model=row["flagship_model"],
        flagship_cost_usd=from_pico(row["flagship_cost_pico"]),
    )
