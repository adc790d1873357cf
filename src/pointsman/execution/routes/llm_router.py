"""A small model is asked for the route, where the policy wants that and nothing else is sure of it.

With ``fold`` the model that would answer is asked along with the answer (``folding``), wherever that is possible.

It sees the last messages as data and answers by a schema. What it says can never go under a floor of the rules. Where it is too
slow, too dear, down, or talks nonsense, the turn takes the next higher route: doubt goes up, never down. What it claims to be
sure of is kept as its claim; the decision's own confidence stays unknown until outcomes have calibrated it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from pointsman.contracts import Contract
from pointsman.domain.message import JsonObject, Message, OutputFormat, Text
from pointsman.domain.record import CheckRecord
from pointsman.domain.turn import Turn
from pointsman.errors import NoEligibleModel, PointsmanError
from pointsman.execution.limits.worst_case import Measure
from pointsman.execution.prompts import Prompt
from pointsman.execution.routes.folding import Fold, able, obstacle
from pointsman.execution.routes.kit import Kit, explain, transcript
from pointsman.execution.work import Desk, Stage, Wish
from pointsman.routing.lexicon.intents import RISK
from pointsman.routing.policy import Policy
from pointsman.routing.route_parts import GUARD, SUMMARIZE, summarizer, verify, worker
from pointsman.routing.sections import RANK_ORDER
from pointsman.routing.sections_llm_router import LlmRouter
from pointsman.store.money import PICO

KIND: Final = "llm_router"
PURPOSE: Final = "route"
_OUTPUT_TOKENS: Final = 300
_CLOSING: Final = "Which route does the last customer message take?"
_MEANING: Final = {
    "direct": "a plain question or courtesy",
    "tools": "one request that a tool serves",
    "plan": "several requests, judgement, or something at stake",
    "summarize": "too long to be answered before it is condensed",
}


class _Sorted(msgspec.Struct, frozen=True):
    """What the model said of a turn. ``confidence`` is its own claim."""

    route: str
    intent: str
    risk: str
    confidence: float


class LlmRouting:
    """The stage that asks. The first one: the others look at the route it leaves."""

    def __init__(self, kit: Kit, spec: LlmRouter, rest: tuple[Stage, ...] = ()) -> None:
        """``rest``: the stages behind this one, for a turn that is handed on when they have been passed."""
        self._kit = kit
        self._rest = rest
        self._spec = spec
        self._schema = _schema(kit.policy)
        self._contract = Contract(self._schema, name="route")

    async def __call__(self, desk: Desk, wish: Wish) -> Wish:
        """Return the wish for the route that the model names; the wish itself where the decision is sure."""
        if not self._uncertain(desk):
            return wish
        if self._spec.fold:
            asked = self._fold(desk, wish)
            if asked is not None:
                return asked
        return await self._ask(desk, wish)

    def _fold(self, desk: Desk, wish: Wish) -> Wish | None:
        """Return the wish for an answer whose model may hand the turn on; None where it has to be asked apart."""
        policy, route = self._kit.policy, desk.decision.route
        above = tuple(name for name in policy.routes if policy.rank(name) > policy.rank(route) and name != SUMMARIZE)
        models = able(self._kit.catalog, wish.models)
        wrong = obstacle(wish.turn, above)
        if wrong is None and not models:
            wrong = "no model of the route calls tools"
        if wrong is None and (worker(policy, route) or summarizer(policy, route) or verify(policy, route)):
            wrong = f"route {route} takes more than one call"
        if wrong is not None:
            explain(
                desk, KIND, "not_folded", f"the question for the route does not ride along with the answer: {wrong}"
            )
            return None
        explain(desk, KIND, "folded", f"{models[0]} answers, or hands the turn on to {' or '.join(above)}")
        prompt = self._kit.prompts.get("fold", agent=desk.ask.agent)

        def upwards(desk: Desk, why: str, named: str | None) -> Wish:
            return self._handed_on(desk, wish, why, named)

        return Fold(above, upwards).wish(wish, prompt, _routes(policy, above), models)

    def _handed_on(self, desk: Desk, wish: Wish, why: str, named: str | None) -> Wish:
        if named is None:
            wish = self._up(desk, wish, why)
        else:
            explain(desk, KIND, "up", f"{why}: up from {desk.decision.route} to {named}")
            wish = self._take(desk, wish, named)
        return msgspec.structs.replace(wish, stages=self._rest)

    async def _ask(self, desk: Desk, wish: Wish) -> Wish:
        models = self._affordable(desk, wish.turn)
        if not models:
            return self._up(desk, wish, "no model may be asked for the route at that price")
        room = self._kit.room(desk, PURPOSE, models, desk.decision.model, self._spec.timeout_ms / 1000)
        if room.refused is not None:
            explain(desk, KIND, "skipped", f"no model was asked for the route: {room.refused}")
            return wish
        prompt = self._kit.prompts.get("router", agent=desk.ask.agent)
        asked = Wish(self._turn(wish.turn, prompt), models, PURPOSE, prompt.ref, limit_s=room.limit_s)
        try:
            reply = await desk.consult(asked)
        except PointsmanError as error:
            return self._up(desk, wish, f"the model asked for the route failed: {str(error)[:150]}")
        model = self._kit.answered(desk, PURPOSE, models)
        verdict = self._contract.check(reply.text, truncated=reply.stop_reason == "max_tokens")
        if not verdict.ok:
            desk.note(CheckRecord("route.schema", False, model, "escalated", ", ".join(verdict.kinds)))
            return self._up(desk, wish, f"{model} named no route")
        return self._follow(desk, wish, model, msgspec.convert(verdict.value, _Sorted))

    def _uncertain(self, desk: Desk) -> bool:
        """Tell whether the route is open: by the scorer's band, or because nothing was recognised."""
        decision = desk.decision
        kinds = {reason.kind for reason in decision.reasons}
        if decision.route not in self._kit.policy.routes or kinds & {"pin", "sticky"} or desk.ask.turn.in_tool_loop:
            return False
        fixed = {rule.name for rule in self._kit.policy.rules if rule.kind in {"pin", "ceiling"}} | {GUARD}
        if any(reason.kind == "rule" and reason.name in fixed for reason in decision.reasons):
            return False
        if decision.confidence is not None:
            low, high = self._spec.band
            return low <= decision.confidence <= high
        return self._spec.unknown and "default" in kinds

    def _affordable(self, desk: Desk, turn: Turn) -> tuple[str, ...]:
        """Return who may be asked: eligible for the turn, held to a schema, and at worst within ``max_usd``."""
        names = self._kit.models(desk, self._spec.model, structured=True)
        asked = self._turn(turn, self._kit.prompts.get("router", agent=desk.ask.agent))
        return tuple(name for name in names if self._within(name, asked))

    def _within(self, name: str, asked: Turn) -> bool:
        model = self._kit.catalog.get(name)
        rates = self._kit.catalog.rates(name, self._kit.now())
        worst = Measure().quote(model, rates, asked, _OUTPUT_TOKENS).worst
        return worst is not None and Decimal(worst) <= self._spec.max_usd * PICO

    def _turn(self, turn: Turn, prompt: Prompt) -> Turn:
        text = prompt.render(
            routes=_routes(self._kit.policy, self._kit.policy.routes), intents=", ".join([*RISK, "other"])
        )
        return Turn(
            messages=(Message("system", (Text(text),)), transcript(turn, _CLOSING, last=self._spec.messages)),
            output_format=OutputFormat("json_schema", self._schema, name="route", strict=True),
            max_output_tokens=_OUTPUT_TOKENS,
            channel=turn.channel,
            metadata=turn.metadata,
        )

    def _follow(self, desk: Desk, wish: Wish, model: str, found: _Sorted) -> Wish:
        policy = self._kit.policy
        route = found.route
        if found.risk == "high" and policy.rank(route) < RANK_ORDER["tools"]:
            # Something is at stake: the model's own words rule out the lightest route.
            route = _least(policy, RANK_ORDER["tools"]) or route
        desk.note(CheckRecord("route.claim", True, model, "released", msgspec.json.encode(found).decode()))
        text = f"{model} sorts this as {found.intent}, risk {found.risk}: {route}; it claims to be {found.confidence:.0%} sure"
        explain(desk, KIND, "sorted", text)
        return self._take(desk, wish, route)

    def _up(self, desk: Desk, wish: Wish, why: str) -> Wish:
        """Return the wish for the next higher route, or the wish itself where there is none."""
        policy = self._kit.policy
        above = _least(policy, policy.rank(desk.decision.route) + 1)
        if above is None:
            explain(desk, KIND, "up", f"{why}; no route stands above {desk.decision.route}")
            return wish
        explain(desk, KIND, "up", f"{why}: up from {desk.decision.route} to {above}")
        return self._take(desk, wish, above)

    def _take(self, desk: Desk, wish: Wish, route: str) -> Wish:
        if route == desk.decision.route:
            return wish
        try:
            found = desk.reroute(wish.turn, route)
        except NoEligibleModel:
            explain(
                desk, KIND, "stays", f"no model of route {route} may see this turn: it stays on {desk.decision.route}"
            )
            return wish
        # What set the first course was told already.
        reasons = tuple(reason for reason in found.reasons if reason.kind not in {"default", "rule"})
        desk.take(msgspec.structs.replace(found, reasons=reasons))
        return msgspec.structs.replace(wish, models=(found.model, *found.fallbacks))


def _least(policy: Policy, rank: int) -> str | None:
    """Return the lowest route that stands at ``rank`` or higher and answers by itself; None where there is none."""
    found = [name for name in policy.routes if policy.rank(name) >= rank and name != SUMMARIZE]
    return min(found, key=policy.rank, default=None)


def _routes(policy: Policy, names: Iterable[str]) -> str:
    return "\n".join(f"- {name}: {_MEANING.get(name, _own(policy, name))}" for name in names)


def _own(policy: Policy, name: str) -> str:
    rank = next(word for word, place in RANK_ORDER.items() if place == policy.rank(name))
    return f"a route of the operator's own, for what {rank} is for"


def _schema(policy: Policy) -> JsonObject:
    properties: JsonObject = {
        "route": {"type": "string", "enum": list(policy.routes)},
        "intent": {"type": "string", "enum": [*RISK, "other"]},
        "risk": {"type": "string", "enum": ["low", "medium", "high"]},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
