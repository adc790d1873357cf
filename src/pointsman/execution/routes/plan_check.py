"""Holds a worker's reply to the plan: repaired once by the same worker, else the planner answers the customer's own turn."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from pointsman.domain.message import JsonObject, Message, Text, ToolCall
from pointsman.domain.plan import Plan
from pointsman.domain.record import CheckRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import ContractViolated
from pointsman.execution.routes.phrases import forbidden_in, mentions
from pointsman.execution.routes.tool_words import may_write
from pointsman.execution.work import Desk, Wish

By = Literal["worker", "repair", "planner"]
Released = Callable[[Desk, Plan, Reply], None]
"""Told of a reply that keeps to its plan, for the steps of its tool loop that follow."""

_WORDS = {
    "plan.must_mention": "it does not mention",
    "plan.forbidden": "it says what it must not say",
    "plan.action": "it does not take the planned step",
    "plan.quoted": "it shows the customer what the plan looks like",
}
_NOT_FOR_CUSTOMERS = ("must_mention", "next_action", "<plan>", "</plan>")
_WAITS = frozenset({"ask_clarifying", "escalate"})
"""Actions with which nothing may be changed yet, by nobody."""
_QUOTED = 200


class Miss(msgspec.Struct, frozen=True):
    """One way in which a reply does not keep to its plan. ``grave``: it may not reach the customer from anyone."""

    name: str
    what: str
    grave: bool = False


def misses(plan: Plan, reply: Reply, turn: Turn) -> list[Miss]:
    """Return where a reply does not keep to its plan; what must be said only where the reply is one, and whole."""
    said = [reply.text, *(call.arguments for call in reply.tool_calls)]
    found: list[Miss] = []
    for phrase in plan.forbidden:
        hit = next((hit for text in said if (hit := forbidden_in(_plainer(text), phrase)) is not None), None)
        if hit is not None:
            found.append(Miss("plan.forbidden", phrase, grave=hit == "exact"))
    found += _actions(plan, reply, turn)
    found += [Miss("plan.quoted", word) for word in _NOT_FOR_CUSTOMERS if word in reply.text]
    if _has_its_say(reply, turn):
        found += [Miss("plan.must_mention", item) for item in plan.must_mention if not mentions(reply.text, item)]
    return found


def _has_its_say(reply: Reply, turn: Turn) -> bool:
    """Tell whether a reply says all it is going to: no tool call, a step on the way, and not cut by the client's own limit."""
    if reply.tool_calls:
        return False
    limit = turn.max_output_tokens
    if reply.stop_reason != "max_tokens" or limit is None:
        return True
    return reply.usage is not None and reply.usage.output < limit


def _actions(plan: Plan, reply: Reply, turn: Turn) -> list[Miss]:
    due = plan.next_action == "call_tool" and not turn.in_tool_loop
    allowed = plan.tool if plan.next_action == "call_tool" else None
    found = [
        Miss("plan.action", f"{call.name} is not to be called now", grave=True)
        for call in reply.tool_calls
        if call.name != allowed and may_write(call.name)
    ]
    named = [call for call in reply.tool_calls if call.name == allowed]
    if due and not named:
        found.append(Miss("plan.action", f"the tool {plan.tool} is to be called"))
    if due and named:
        # One look-up more does no harm; one write more does.
        enough = all if may_write(allowed or "") else any
        found += [
            Miss("plan.action", f"{plan.tool} is to be called with {name} = {msgspec.json.encode(value).decode()}")
            for name, value in plan.arguments.items()
            if not enough(_same(_arguments(call).get(name), value) for call in named)
        ]
    return found


class PlanCheck:
    """One reply against the plan. ``turn`` is the customer's own; ``planners`` answer it when the worker fails twice."""

    def __init__(
        self, plan: Plan, turn: Turn, planners: tuple[str, ...], released: Released, by: By = "worker"
    ) -> None:
        self._plan = plan
        self._turn = turn
        self._planners = planners
        self._released = released
        self._by = by

    async def __call__(self, desk: Desk, wish: Wish, reply: Reply) -> Reply | Wish:
        """Release the reply, have it repaired, or let the planner answer.

        Raises:
            ContractViolated: the planner's own answer says what is forbidden too, or changes something before its time.
        """
        found = misses(self._plan, reply, self._turn)
        if self._by == "planner":
            return self._last(desk, reply, found)
        if not found:
            self._note(desk, reply, found, "released")
            self._released(desk, self._plan, reply)
            return reply
        if self._by == "worker":
            self._note(desk, reply, found, "retried")
            return self._repair(desk, wish, reply, found)
        self._note(desk, reply, found, "escalated")
        return self._turned_to(wish, self._next("planner"), turn=self._turn, models=self._planners or wish.models)

    def _last(self, desk: Desk, reply: Reply, found: list[Miss]) -> Reply:
        waits = self._plan.next_action in _WAITS
        grave = [miss for miss in found if miss.grave and (miss.name == "plan.forbidden" or waits)]
        self._note(desk, reply, found, "failed" if grave else "released")
        if grave:
            raise ContractViolated(
                "worker and planner both did what the plan rules out; nothing was released. "
                f"`pointsman turn {desk.decision.id}` shows the plan and each reply's finding",
                kinds=tuple(dict.fromkeys(miss.name.removeprefix("plan.") for miss in grave)),
            )
        return reply

    def _repair(self, desk: Desk, wish: Wish, reply: Reply, found: list[Miss]) -> Wish:
        calls = "".join(f"\n[called {call.name}]" for call in reply.tool_calls)
        draft = Message("assistant", (Text((reply.text + calls).strip() or "(nothing)"),))
        told = Message("user", (Text(_told(found)),))
        turn = msgspec.structs.replace(wish.turn, messages=(*wish.turn.messages, draft, told))
        model = desk.answering
        models = (model, *(name for name in wish.models if name != model))
        return self._turned_to(wish, self._next("repair"), turn=turn, models=models)

    def _next(self, by: By) -> PlanCheck:
        return PlanCheck(self._plan, self._turn, self._planners, self._released, by)

    def _turned_to(self, wish: Wish, check: PlanCheck, *, turn: Turn, models: tuple[str, ...]) -> Wish:
        checks = tuple(check if one is self else one for one in wish.checks)
        prompt = wish.prompt if turn is not self._turn else None
        return msgspec.structs.replace(wish, turn=turn, models=models, relay=False, checks=checks, prompt=prompt)

    def _note(self, desk: Desk, reply: Reply, found: list[Miss], action: str) -> None:
        """Keep a line per kind of finding, passed ones where the plan asks for such a thing."""
        asked = {
            "plan.must_mention": bool(self._plan.must_mention) and _has_its_say(reply, self._turn),
            "plan.forbidden": bool(self._plan.forbidden),
            "plan.action": bool(self._turn.tools),
            "plan.quoted": False,
        }
        for name, wanted in asked.items():
            what = [miss.what for miss in found if miss.name == name]
            if wanted or what:
                text = f"{_WORDS[name]}: {'; '.join(what)}" if what else ""
                desk.note(CheckRecord(name, not what, desk.answering, action, text[:500]))


def _told(found: list[Miss]) -> str:
    lines = [f"- {_WORDS[miss.name]}: {miss.what[:_QUOTED]}" for miss in found]
    return "\n".join(
        [
            "Your draft above was not sent to the customer:",
            *lines,
            "Write the whole reply again, corrected. Do not mention the draft or this note.",
        ]
    )


def _plainer(text: str) -> str:
    """Return text without the marks that hide words from the eye of a check but not of a reader."""
    return re.sub(r"[*`~]+", "", text)


def _arguments(call: ToolCall) -> JsonObject:
    try:
        return msgspec.json.decode(call.arguments, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return {}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.strip().casefold() == other.strip().casefold()
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str | int | float) and isinstance(other, str | int | float):
        return str(one).removesuffix(".0") == str(other).removesuffix(".0")
    return bool(one == other)
