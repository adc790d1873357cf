"""Verified steps: a small model's tool call is checked before the client gets it, and made again by a stronger one if it fails.

A tool call is not shown to the customer, so there is time to look at it: do its arguments fit the schema, does what they say
stand in the conversation, does a second small model, asked at the same time, make the same call. The schema alone catches little:
models write well-formed calls that are wrong. That two models make the same call says most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec

from pointsman.contracts.shelf import Shelf
from pointsman.domain.decision import TIERS
from pointsman.domain.message import ToolCall
from pointsman.domain.record import CheckRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import ContractViolated, PointsmanError, UsageError
from pointsman.execution.routes.grounding import Ground, canonical
from pointsman.execution.routes.kit import Kit
from pointsman.execution.routes.tool_words import may_write
from pointsman.execution.work import Desk, Wish
from pointsman.routing.route_parts import verify
from pointsman.routing.sections import Verify

PURPOSE = "verify"
_SHARE = 0.5


class Verifying:
    """The stage of routes whose tool calls are checked."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self.contracts = Shelf(repair=False)

    async def __call__(self, desk: Desk, wish: Wish) -> Wish:
        """Return the wish with the check of its tool calls; the second model is set to work at once."""
        spec = verify(self._kit.policy, desk.decision.route)
        turn = wish.turn
        if spec is None or not turn.tools or (turn.tool_choice is not None and turn.tool_choice.mode == "none"):
            return wish
        peers = self._peers(desk, spec, wish)
        peer = self.ask_peer(desk, turn, peers) if peers and not spec.only_writes else None
        check = VerifyCheck(self, spec, turn, peers, peer)
        return msgspec.structs.replace(wish, checks=(check, *wish.checks), relay=False)

    def _peers(self, desk: Desk, spec: Verify, wish: Wish) -> tuple[str, ...]:
        if spec.agreement is None:
            return ()
        return tuple(name for name in self._kit.models(desk, spec.agreement) if name != wish.models[0])

    def ask_peer(self, desk: Desk, turn: Turn, peers: tuple[str, ...]) -> Awaitable[Reply]:
        """Set a second model to the same step, beside the turn."""
        return desk.aside(desk.consult(Wish(turn, peers, PURPOSE, limit_s=desk.remaining_s() * _SHARE)))

    def stronger(self, desk: Desk, model: str) -> tuple[str, ...]:
        """Return the models of the next higher tier that may see this turn."""
        here = TIERS.index(self._kit.policy.tier_of_listing(model) or self._kit.catalog.get(model).tier)
        found = (self._kit.models(desk, tier) for tier in TIERS[here + 1 :])
        return next((names for names in found if names), ())


class VerifyCheck:
    """The tool calls of one reply: released, or asked for again from a stronger model."""

    def __init__(
        self,
        stage: Verifying,
        spec: Verify,
        turn: Turn,
        peers: tuple[str, ...],
        peer: Awaitable[Reply] | None,
    ) -> None:
        self._stage = stage
        self._spec = spec
        self._turn = turn
        self._peers = peers
        self._peer = peer

    async def __call__(self, desk: Desk, wish: Wish, reply: Reply) -> Reply | Wish:
        """Release the reply, or return the wish for a stronger model's.

        Raises:
            ContractViolated: a call that may change something fails, and no stronger model may see the turn.
        """
        calls = [call for call in reply.tool_calls if not self._spec.only_writes or may_write(call.name)]
        if not calls:
            self._dismiss()
            return reply
        findings = self._own_findings(calls)
        if self._spec.agreement is not None:
            if any(wrong for _, wrong in findings):
                self._dismiss()
            else:
                findings.append(("verify.agreement", await self._disagreement(desk, reply)))
        failed = [name for name, wrong in findings if wrong]
        stronger = self._stage.stronger(desk, desk.answering) if failed else ()
        writes = any(may_write(call.name) for call in calls)
        action = "released" if not failed or not (stronger or writes) else "escalated" if stronger else "failed"
        for name, wrong in findings:
            desk.note(CheckRecord(name, not wrong, desk.answering, action, wrong[:500]))
        if action == "released":
            return reply
        if action == "failed":
            raise ContractViolated(
                f"a tool call could not be verified ({', '.join(failed)}) and no stronger model may see this turn; "
                f"nothing was released. `pointsman turn {desk.decision.id}` has the findings",
                kinds=tuple(failed),
            )
        again = self._again()
        checks = tuple(again if check is self else check for check in wish.checks)
        return msgspec.structs.replace(wish, models=stronger, checks=checks, relay=False)

    def _again(self) -> VerifyCheck:
        """Return the check of a stronger model's calls: what is certain, its form; the rest was asked of the small one."""
        spec = self._spec.model_copy(update={"grounding": False, "agreement": None})
        return VerifyCheck(self._stage, spec, self._turn, (), None)

    def _own_findings(self, calls: list[ToolCall]) -> list[tuple[str, str]]:
        tools = {tool.name: tool for tool in self._turn.tools}
        findings: list[tuple[str, str]] = []
        if self._spec.arguments:
            wrong = [text for call in calls if (text := self._schema_fault(call))]
            findings.append(("verify.schema", "; ".join(wrong)))
        if self._spec.grounding and (twice := _repeated(calls, self._turn)):
            findings.append(("verify.repeated", twice))
        if self._spec.grounding:
            ground = Ground(self._turn)
            lacking = [
                f"{call.name}: {what} stands nowhere"
                for call in calls
                for what in ground.lacking(call, tools.get(call.name))
            ]
            findings.append(("verify.grounding", "; ".join(lacking)))
        return findings

    def _schema_fault(self, call: ToolCall) -> str:
        tool = next((one for one in self._turn.tools if one.name == call.name), None)
        if tool is None:
            return f"{call.name} was not offered"
        try:
            verdict = self._stage.contracts.of_tool(tool).check(call)
        except UsageError:
            return ""  # the client's schema is none: nothing to hold the call to
        if verdict.ok:
            return ""
        return f"{call.name}: " + "; ".join(
            f"{one.pointer or 'arguments'}: {one.message}" for one in verdict.failures[:3]
        )

    async def _disagreement(self, desk: Desk, reply: Reply) -> str:
        if not self._peers:
            return "no second model may see this turn"
        peer = self._peer or self._stage.ask_peer(desk, self._turn, self._peers)
        try:
            other = await peer
        except PointsmanError as error:
            return f"the second model gave no answer: {str(error)[:200]}"
        ours, theirs = canonical(reply.tool_calls, self._turn.tools), canonical(other.tool_calls, self._turn.tools)
        if ours == theirs:
            return ""
        return f"the second model called {'; '.join(map(_shown, other.tool_calls))[:300] or 'nothing'}"

    def _dismiss(self) -> None:
        if isinstance(self._peer, asyncio.Future):
            self._peer.cancel()


def _repeated(calls: list[ToolCall], turn: Turn) -> str:
    """Return which calls that may change something are made more than once in one reply."""
    alike: dict[str, list[ToolCall]] = {}
    for call in calls:
        if may_write(call.name):
            alike.setdefault(canonical([call], turn.tools)[0], []).append(call)
    return "; ".join(f"{_shown(same[0])} is called {len(same)} times" for same in alike.values() if len(same) > 1)


def _shown(call: ToolCall) -> str:
    return f"{call.name}({call.arguments[:200]})"
