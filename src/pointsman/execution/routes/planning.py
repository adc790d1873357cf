"""The route plan: a strong model plans the reply, a small one writes it from the plan and the raw turn.

What passes from one to the other is the plan alone: the planner's reasoning is neither passed on nor kept as plan. A planner that
gives no valid plan twice answers the turn itself; one that cannot be reached leaves the turn to the route's other models.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from pointsman.contracts import Contract
from pointsman.domain.message import JsonObject, Message, OutputFormat, Refusal, Text, ToolResult
from pointsman.domain.plan import Plan, accepted_schema, plan_from, plan_schema
from pointsman.domain.record import CheckRecord, Handoff
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError
from pointsman.execution.prompts import Prompt
from pointsman.execution.routes.filler import Filler
from pointsman.execution.routes.kit import Kit, Room, explain, instructions, transcript, with_instructions
from pointsman.execution.routes.phrases import forbidden_in
from pointsman.execution.routes.plan_check import PlanCheck
from pointsman.execution.work import Check, Desk, Wish
from pointsman.routing.route_parts import worker

PURPOSE = "plan"
_SHARE = 0.5
"""Of the time that is left, what planning may take: the reply needs the rest."""
_OUTPUT_TOKENS = 4000
_MOST_OPEN = 10_000
_MOST_FORMS = 256
_CLOSING = "Plan the agent's next reply to this conversation."


class _Form(msgspec.Struct, frozen=True):
    """What a plan must look like: the schema that is sent, and the contract that is checked."""

    wanted: OutputFormat
    contract: Contract


class Planning:
    """The stage of routes that plan. Remembers the plans of open tool loops by the ids of their calls."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._forms: OrderedDict[bytes, _Form] = OrderedDict()
        self._open: OrderedDict[tuple[str | None, str], Plan] = OrderedDict()

    async def __call__(self, desk: Desk, wish: Wish) -> Wish:
        """Return the wish for a worker's reply by a plan; the wish itself where there is nothing to plan."""
        route = desk.decision.route
        target = worker(self._kit.policy, route)
        if target is None:
            return wish
        if wish.turn.in_tool_loop:
            return self._go_on(desk, wish)
        workers = self._kit.models(desk, target)
        planner = self._kit.policy.routes[route].planner
        named = self._kit.models(desk, planner, structured=True) if planner else ()
        planners = named or self._kit.eligible(desk, wish.models[:1], structured=True)
        obstacle = _obstacle(desk, wish, planners, workers)
        room = Room(0.0)
        if obstacle is None:
            room = self._kit.room(desk, PURPOSE, planners, workers[0], desk.remaining_s() * _SHARE)
            obstacle = None if self._filler(desk, wish.turn) is not None else room.refused
        if obstacle is not None:
            explain(desk, "plan", "skipped", f"no plan was made: {obstacle}")
            return wish
        return await self._plan(desk, wish, planners, workers, room)

    async def _plan(
        self, desk: Desk, wish: Wish, planners: tuple[str, ...], workers: tuple[str, ...], room: Room
    ) -> Wish:
        try:
            plan, source = await self._in_time(desk, wish.turn, planners, room)
        except PointsmanError as error:
            explain(desk, "plan", "no_planner", f"no plan was made: {str(error)[:200]}")
            return _without_first(wish, planners)
        if plan is None:
            explain(desk, "plan", "no_plan", f"{source} gave no valid plan twice and answers by itself")
            return msgspec.structs.replace(wish, models=_first(source, wish.models))
        desk.hand_over(Handoff("plan", source, workers[0], msgspec.Raw(msgspec.json.encode(plan))))
        text = f"{source} planned ({plan.next_action}, risk {plan.risk}) and {workers[0]} replies by the plan"
        explain(desk, "plan", "planner", text)
        if plan.next_action == "escalate":
            explain(desk, "plan", "escalate", "the plan hands the customer over to a person")
        answering = tuple(dict.fromkeys((*workers, source, *planners)))
        return self._given(desk, msgspec.structs.replace(wish, models=answering), plan, (source, *planners))

    async def _in_time(self, desk: Desk, turn: Turn, planners: tuple[str, ...], room: Room) -> tuple[Plan | None, str]:
        """Return the plan of ``_ask``. A caller who waits longer than its room hears the filler, and it goes on."""
        filler, words = self._filler(desk, turn), self._kit.policy.voice.filler
        if filler is None or words is None:
            return await self._ask(desk, turn, planners, room.limit_s)
        async with filler.unless_done(words, room.limit_s):
            return await self._ask(desk, turn, planners, desk.remaining_s() * _SHARE)

    def _filler(self, desk: Desk, turn: Turn) -> Filler | None:
        spoken = turn.channel == "voice" and turn.stream and turn.output_format is None
        return desk.filler() if spoken and self._kit.policy.voice.filler is not None else None

    def _given(self, desk: Desk, wish: Wish, plan: Plan, planners: tuple[str, ...]) -> Wish:
        """Return the wish with the plan in the worker's hands, and its reply held to it where the plan says anything of it."""
        prompt = self._kit.prompts.get("worker", agent=desk.ask.agent)
        text = prompt.render(plan=rendered(plan), memory=self._kit.recall(desk.ask))
        checks = wish.checks
        if plan.must_mention or plan.forbidden or wish.turn.tools:
            check: Check = PlanCheck(plan, wish.turn, tuple(dict.fromkeys(planners)), self._keep_open)
            checks = (check, *checks)
        turn = with_instructions(wish.turn, text)
        return msgspec.structs.replace(wish, turn=turn, prompt=prompt.ref, relay=False, checks=checks)

    async def _ask(self, desk: Desk, turn: Turn, planners: tuple[str, ...], limit_s: float) -> tuple[Plan | None, str]:
        """Return the plan and who made it; None after a second invalid one."""
        # An agent that Pointsman runs sees the policy its own way: with its own fields of a plan.
        policy = self._kit.policy if desk.ask.routing is None else desk.ask.routing.policy
        extension = policy.routes[desk.decision.route].plan_schema
        form = self._form(turn, extension)
        prompt = self._kit.prompts.get("planner", agent=desk.ask.agent)
        asked = _planner_turn(turn, prompt, form.wanted, self._kit.recall(desk.ask))
        ends_s = desk.remaining_s() - limit_s
        wish = Wish(asked, planners, PURPOSE, prompt.ref, limit_s=limit_s)
        source = planners[0]
        for last in (False, True):
            reply = await desk.consult(wish)
            source = self._kit.answered(desk, PURPOSE, planners)
            plan, wrong = read(reply, form.contract, turn)
            if plan is not None:
                return plan, source
            desk.note(CheckRecord("plan.schema", False, source, "escalated" if last else "retried", wrong[:500]))
            told = (Message("assistant", (Text(reply.text or "(nothing)"),)), Message("user", (Text(_again(wrong)),)))
            again = msgspec.structs.replace(asked, messages=(*asked.messages, *told))
            left = max(desk.remaining_s() - ends_s, 0.001)
            wish = msgspec.structs.replace(wish, turn=again, models=_first(source, planners), limit_s=left)
        return None, source

    def _form(self, turn: Turn, extension: JsonObject | None) -> _Form:
        names = tuple(tool.name for tool in turn.tools)
        place = msgspec.json.encode((names, extension))
        known = self._forms.get(place)
        if known is None:
            wanted = OutputFormat("json_schema", plan_schema(names, extension), name="plan", strict=True)
            known = _Form(wanted, Contract(accepted_schema(names, extension), name="plan"))
            self._forms[place] = known
            if len(self._forms) > _MOST_FORMS:
                self._forms.popitem(last=False)
        return known

    def _keep_open(self, desk: Desk, plan: Plan, reply: Reply) -> None:
        for call in reply.tool_calls:
            self._open[desk.ask.key_id, call.id] = plan
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)

    def _go_on(self, desk: Desk, wish: Wish) -> Wish:
        """Return the wish for a further step of a tool loop that was begun by a plan: no second plan, the same one."""
        for part in wish.turn.messages[-1].parts:
            plan = self._open.get((desk.ask.key_id, part.call_id)) if isinstance(part, ToolResult) else None
            if plan is not None:
                route = self._kit.policy.routes[desk.decision.route]
                planners = self._kit.models(desk, route.planner) if route.planner else ()
                own = self._kit.eligible(desk, self._kit.policy.route_models(desk.decision.route))
                return self._given(desk, wish, plan, planners or own or wish.models)
        return wish


def read(reply: Reply, contract: Contract, turn: Turn) -> tuple[Plan | None, str]:
    """Return the plan in a planner's reply, or None and what is wrong with it."""
    refused = reply.stop_reason == "refusal" or any(isinstance(part, Refusal) for part in reply.parts)
    verdict = contract.check(reply.text, truncated=reply.stop_reason == "max_tokens", refusal=refused)
    if not verdict.ok:
        return None, "; ".join(f"{f.kind} at {f.pointer or 'the whole'}: {f.message}" for f in verdict.failures[:5])
    try:
        plan = plan_from(verdict.value, {tool.name: tool.parameters for tool in turn.tools})
    except ValueError as error:
        return None, str(error)
    for item in plan.must_mention:
        if any(forbidden_in(item, phrase) for phrase in plan.forbidden):
            return None, f"must_mention asks for what forbidden rules out: {item!r}"
    return plan, ""


def rendered(plan: Plan) -> str:
    """Return the plan as the worker's prompt shows it."""
    lines = [f"next_action: {plan.next_action}", f"intent: {plan.intent}", f"risk: {plan.risk}"]
    if plan.tone:
        lines.append(f"tone: {plan.tone}")
    if plan.tool and plan.next_action == "call_tool":
        lines.append(f"tool: {plan.tool}")
        lines.append(f"arguments: {msgspec.json.encode(plan.arguments).decode()}")
    for name, items in (("must_mention", plan.must_mention), ("forbidden", plan.forbidden)):
        lines += [f"{name}:", *(f"  - {item}" for item in items)] if items else []
    lines += [f"{name}: {msgspec.json.encode(value).decode()}" for name, value in plan.extra.items()]
    return "\n".join(lines)


def _planner_turn(turn: Turn, prompt: Prompt, wanted: OutputFormat, memory: str) -> Turn:
    tools = "\n".join(f"- {tool.name}: {tool.description}\n  {_compact(tool.parameters)}" for tool in turn.tools)
    text = prompt.render(agent_instructions=instructions(turn), tools=tools, memory=memory)
    return Turn(
        messages=(Message("system", (Text(text),)), transcript(turn, _CLOSING)),
        model=turn.model,
        output_format=wanted,
        max_output_tokens=_OUTPUT_TOKENS,
        channel=turn.channel,
        metadata=turn.metadata,
    )


def _compact(schema: JsonObject) -> str:
    return msgspec.json.encode(schema).decode()


def _again(wrong: str) -> str:
    return (
        f"That is no valid plan: {wrong}. Send the whole plan again as JSON of the required schema, and nothing else."
    )


def _obstacle(desk: Desk, wish: Wish, planners: tuple[str, ...], workers: tuple[str, ...]) -> str | None:
    """Return why the turn is not planned, or None."""
    turn = wish.turn
    found = (
        ("several replies are wanted", turn.n is not None and turn.n > 1),
        ("log probabilities are wanted", turn.logprobs or turn.top_logprobs is not None),
        ("the reply is to go on from the assistant's own beginning", turn.messages[-1].role == "assistant"),
        ("no model that may see this turn can be held to the plan's schema", not planners),
        ("no worker may see this turn", not workers),
        ("planner and worker are the same model", set(workers) <= set(planners)),
        ("the turn was passed on as often as it may be", not desk.handoffs_left),
    )
    return next((text for text, holds in found if holds), None)


def _first(model: str, models: tuple[str, ...]) -> tuple[str, ...]:
    return (model, *(name for name in models if name != model))


def _without_first(wish: Wish, failed: tuple[str, ...]) -> Wish:
    """Return the wish with the models that failed tried last."""
    others = tuple(name for name in wish.models if name not in failed)
    return msgspec.structs.replace(wish, models=(*others, *(name for name in wish.models if name in failed)))
