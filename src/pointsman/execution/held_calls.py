"""Holds the calls of strict tools to their parameters: as they came or mended, else asked for again, else from a stronger model.

A client that marks a tool ``strict`` asks for arguments that satisfy its schema. Not every provider can promise that, so whole
replies are checked here; streamed calls reach the client as they are written, and are held by ``verify`` where a policy has it.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

import msgspec

from pointsman.contracts import Shelf, ToolContract, Verdict
from pointsman.domain.message import Message, Text, ToolCall
from pointsman.domain.record import CheckRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import ContractViolated, UsageError
from pointsman.execution.held_replies import HeldReplies
from pointsman.execution.work import Desk, Stage, Wish

_LONG = 16 * 1024
_TOLD = 500
Held = tuple[ToolCall, ToolContract, Verdict]


class HeldCalls:
    """The stage that holds the calls of a turn's strict tools."""

    def __init__(self, held: HeldReplies) -> None:
        self._held = held
        self._shelf = Shelf()

    def stage(self, turn: Turn) -> Stage | None:
        """Return the stage of a turn; None where it is streamed, or offers no strict tool."""
        if turn.stream or not any(tool.strict for tool in turn.tools) or (turn.n or 1) > 1:
            return None
        contracts: dict[str, ToolContract] = {}
        for tool in turn.tools:
            # Parameters that are no JSON Schema are between the client and its provider: nothing to hold a call to.
            with contextlib.suppress(UsageError):
                contracts |= {tool.name: self._shelf.of_tool(tool)} if tool.strict else {}
        if not contracts:
            return None

        async def held(desk: Desk, wish: Wish) -> Wish:  # noqa: ARG001 - the shape of a stage
            return msgspec.structs.replace(wish, checks=(*wish.checks, _Check(self._held, contracts, wish)))

        return held


class _Check:
    """The strict calls of one reply. ``first`` is the wish as it was before anything was sent back."""

    def __init__(
        self, held: HeldReplies, contracts: dict[str, ToolContract], first: Wish, *, retried: bool = False
    ) -> None:
        self._held = held
        self._contracts = contracts
        self._first = first
        self._retried = retried

    async def __call__(self, desk: Desk, wish: Wish, reply: Reply) -> Reply | Wish:
        """Release, mend, send back or escalate."""
        limit = desk.ask.turn.max_output_tokens
        if reply.stop_reason == "max_tokens" and limit is not None:
            return reply  # the client's own limit: it hears of that
        calls = await self._judged(reply)
        for call, contract, verdict in calls:
            if not verdict.ok or verdict.repairs:
                self._held.keep(desk, wish, call.arguments, contract.contract, verdict)
        wrong = [one for one in calls if not one[2].ok]
        if not wrong:
            return self._released(desk, reply, calls)
        model = desk.answering
        if not self._retried:
            self._note(desk, wrong, "retried")
            return self._again(wish, model, wrong)
        others = self._held.stronger(model, tuple(name for name in self._first.models if name != model))
        self._note(desk, wrong, "escalated" if others else "failed")
        if not others:
            kinds = tuple(dict.fromkeys(kind for _, _, verdict in wrong for kind in verdict.kinds))
            names = ", ".join(dict.fromkeys(call.name for call, _, _ in wrong))
            raise ContractViolated(
                f"no model called {names} with arguments that satisfy its schema ({', '.join(kinds)}); "
                "`pointsman contracts report` has them raw",
                kinds=kinds,
            )
        return self._onward(msgspec.structs.replace(wish, turn=self._first.turn, models=others))

    async def _judged(self, reply: Reply) -> list[Held]:
        found = []
        for call in reply.tool_calls:
            contract = self._contracts.get(call.name)
            if contract is not None:
                check = partial(contract.check, call)
                long = len(call.arguments) > _LONG
                found.append((call, contract, await asyncio.to_thread(check) if long else check()))
        return found

    def _released(self, desk: Desk, reply: Reply, calls: list[Held]) -> Reply:
        mended = {call.id: verdict.text for call, _, verdict in calls if verdict.repairs}
        if calls:
            self._note(desk, calls, "repaired" if mended else "released")
        if not mended:
            return reply
        parts = tuple(
            msgspec.structs.replace(part, arguments=mended[part.id])
            if isinstance(part, ToolCall) and part.id in mended
            else part
            for part in reply.parts
        )
        return msgspec.structs.replace(reply, parts=parts)

    def _again(self, wish: Wish, model: str, wrong: list[Held]) -> Wish:
        said = "\n".join(f"(I called {call.name} with the arguments: {call.arguments})" for call, _, _ in wrong)
        told = "\n".join(f"{call.name}: {_faults(verdict)}" for call, _, verdict in wrong)
        text = (
            "Your last tool call was not made: its arguments do not satisfy the tool's JSON Schema. What is wrong:\n"
            f"{told}\nCall the tool again with the arguments corrected: one JSON object, and no invented values."
        )
        messages = (*wish.turn.messages, Message("assistant", (Text(said),)), Message("user", (Text(text),)))
        turn = msgspec.structs.replace(wish.turn, messages=messages)
        models = (model, *(name for name in wish.models if name != model))
        return self._onward(msgspec.structs.replace(wish, turn=turn, models=models))

    def _onward(self, wish: Wish) -> Wish:
        """Return the wish with this check as one that has had its retry; the reply's own contract stays on it."""
        last = _Check(self._held, self._contracts, self._first, retried=True)
        checks = tuple(last if check is self else check for check in wish.checks)
        return msgspec.structs.replace(wish, relay=False, checks=checks)

    def _note(self, desk: Desk, calls: list[Held], action: str) -> None:
        for call, contract, verdict in calls:
            done = "; ".join([_faults(verdict), *(repair.what for repair in verdict.repairs)]).strip("; ")
            name = f"arguments {call.name}@{contract.version}"
            desk.note(CheckRecord(name, verdict.ok, desk.answering, action, done[:_TOLD]))


def _faults(verdict: Verdict) -> str:
    return "; ".join(f"{one.kind} at {one.pointer or 'the whole'}: {one.message}" for one in verdict.failures[:5])
