"""Which stages a turn goes through before it is answered: those of its route, then the contracts of its calls and its reply."""

from __future__ import annotations

from collections.abc import Mapping

from pointsman.domain.decision import Decision
from pointsman.errors import UnsupportedParameter
from pointsman.execution.ask import Ask
from pointsman.execution.held_calls import HeldCalls
from pointsman.execution.held_replies import HeldReplies
from pointsman.execution.work import Stage


class TurnStages:
    """Chooses stages by route and by what the turn asks for. ``routes`` holds the stages of routes that have some."""

    def __init__(self, held: HeldReplies, routes: Mapping[str, tuple[Stage, ...]]) -> None:
        self._held = held
        self._calls = HeldCalls(held)
        self._routes = routes

    def __call__(self, ask: Ask, decision: Decision) -> tuple[Stage, ...]:
        """Return the stages in order. Most turns have none, and pay two look-ups for that.

        Raises:
            UsageError: the shape that is asked for is no JSON Schema, or is wanted for several replies at once.
        """
        stages = self._routes.get(decision.route, ())
        strict = self._calls.stage(ask.turn) if ask.turn.tools else None
        if strict is not None:
            stages = (*stages, strict)
        if ask.turn.output_format is None:
            return stages
        held = self._held.stage(ask.turn.output_format, ask.contract)
        if held is not None and ask.turn.n is not None and ask.turn.n > 1:
            # The provider's bytes carry all choices to the client, and only a reply by itself can be mended or asked again.
            raise UnsupportedParameter("replies held to a shape come one at a time: leave n out", param="n")
        return stages if held is None else (*stages, held)
