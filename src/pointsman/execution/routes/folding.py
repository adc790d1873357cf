"""The cheaper way to ask a model for the route: the model that answers says by a tool call that the turn is not for it.

No extra call is made where it answers. The tool is ours: it is added to the turn's own, and the client sees neither it nor a
call of it. A reply that begins with text is its answer and is shown as it comes; anything else is read whole first, and there a
call of the tool wins over all else. A refusal, nothing at all, or a call that makes no sense goes up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.domain.message import JsonObject, Reasoning, Refusal, Text, Tool
from pointsman.domain.record import CheckRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.execution.prompts import Prompt
from pointsman.execution.routes.kit import with_instructions
from pointsman.execution.routes.sieve import WithoutTool
from pointsman.execution.work import Desk, Sieve, Wish

ESCALATE: Final = "pointsman_escalate"
_CHECK: Final = "route.fold"
_REASON: Final = 300


class Claim(msgspec.Struct, frozen=True):
    """What a model says of a turn that it hands on."""

    route: str
    risk: Literal["low", "medium", "high"]
    reason: str


Upwards = Callable[[Desk, str, str | None], Wish]
"""Return the wish of a higher route: told why, as a sentence, and the route that was named (None: none that there is)."""


def obstacle(turn: Turn, routes: tuple[str, ...]) -> str | None:
    """Return why the question cannot ride along with the answer, or None."""
    choice = turn.tool_choice
    found = (
        ("the client says which tools may be called", choice is not None and (choice.mode != "auto" or choice.names)),
        ("the reply must have a shape", turn.output_format is not None and turn.output_format.kind != "text"),
        ("several replies are wanted", turn.n is not None and turn.n > 1),
        ("log probabilities are wanted", turn.logprobs or turn.top_logprobs is not None),
        ("the reply is to go on from the assistant's own beginning", turn.messages[-1].role == "assistant"),
        (f"the client has a tool named {ESCALATE}", any(tool.name == ESCALATE for tool in turn.tools)),
        ("no route stands above", not routes),
    )
    return next((text for text, holds in found if holds), None)


def able(catalog: Catalog, models: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of ``models`` that can call tools whatever else the turn wants of them."""
    known = [catalog.get(name) for name in models]
    return tuple(model.id for model in known if model.tools and model.reasoning.with_tools)


class Fold:
    """The check of a reply whose model may hand the turn on to one of ``routes``."""

    def __init__(self, routes: tuple[str, ...], upwards: Upwards) -> None:
        self._routes = routes
        self._upwards = upwards

    def wish(self, wish: Wish, prompt: Prompt, meanings: str, models: tuple[str, ...]) -> Wish:
        """Return the wish for an answer, or for a call of our tool."""
        turn = with_instructions(wish.turn, prompt.render(routes=meanings))
        turn = msgspec.structs.replace(turn, tools=(*turn.tools, _tool(self._routes)))
        return msgspec.structs.replace(
            wish,
            turn=turn,
            models=models,
            prompt=prompt.ref,
            relay=False,
            checks=(*wish.checks, self),
            opening=self.opening,
            sent_back="route",
        )

    def opening(self, desk: Desk, reply: Reply) -> Sieve | None:
        """Let a reply that begins with words be shown; a call of the tool that comes after them is only noted."""
        said = [part for part in reply.parts if not isinstance(part, Reasoning)]
        if reply.stop_reason == "refusal" or not said or not isinstance(said[0], Text) or not said[0].text.strip():
            return None
        self._note(desk, "released", "")
        late = "it began to answer, then asked to hand the turn on: what it said was shown already"
        return WithoutTool(ESCALATE, lambda: self._note(desk, "released", late))

    async def __call__(self, desk: Desk, wish: Wish, reply: Reply) -> Reply | Wish:  # noqa: ARG002 - the shape of ``Check``
        """Release the model's own answer, or return the wish of a higher route."""
        calls = [call for call in reply.tool_calls if call.name == ESCALATE]
        model = desk.answering
        if calls:
            claim = _claim(calls[0].arguments)
            why = f"{model} hands the turn on"
            if claim is None:
                text, route = f"{why}, and says nothing that can be read", None
            else:
                text = f"{why} (risk {claim.risk}): {claim.reason[:_REASON] or 'it gives no reason'}"
                route = claim.route if claim.route in self._routes else None
        elif reply.stop_reason == "refusal" or any(isinstance(part, Refusal) for part in reply.parts):
            text, route = f"{model} refuses", None
        elif not reply.tool_calls and not reply.text.strip():
            text, route = f"{model} says nothing", None
        else:
            self._note(desk, "released", "")
            return reply
        self._note(desk, "escalated", text)
        return self._upwards(desk, text, route)

    def _note(self, desk: Desk, action: str, text: str) -> None:
        desk.note(CheckRecord(_CHECK, not text, desk.answering, action, text))


def _claim(arguments: str) -> Claim | None:
    try:
        return msgspec.json.decode(arguments, type=Claim)
    except msgspec.MsgspecError:
        return None


def _tool(routes: tuple[str, ...]) -> Tool:
    properties: JsonObject = {
        "route": {"type": "string", "enum": list(routes)},
        "risk": {"type": "string", "enum": ["low", "medium", "high"]},
        "reason": {"type": "string", "description": "Why, in a few words."},
    }
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return Tool(ESCALATE, "Hand this turn on, instead of answering it. The customer sees nothing of it.", schema)
