"""What is remembered of conversations between turns: a bounded memory in front of the store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from pointsman.domain.decision import Decision
from pointsman.domain.turn import EMPTY_SESSION, Session
from pointsman.execution.ask import Ask

Recall = Callable[[str, str | None], Session | None]
"""Looks a conversation of a client key up in the store after a restart; None when it is not known there."""


class Sessions:
    """Sessions by conversation id; the least recently used leave when there are more than ``limit``."""

    def __init__(self, recall: Recall, limit: int = 20_000) -> None:
        self._recall = recall
        self._limit = limit
        self._known: OrderedDict[tuple[str | None, str], Session] = OrderedDict()

    def get(self, ask: Ask) -> Session:
        """Return what is known before this turn. Only a conversation that is under way is looked up in the store."""
        # The id comes from the client: one key's conversations must not be another's.
        place = (ask.key_id, ask.conversation_id)
        session = self._known.get(place)
        if session is not None:
            self._known.move_to_end(place)
        elif any(message.role == "assistant" for message in ask.turn.messages):
            session = self._recall(ask.conversation_id, ask.key_id)
        if session is None:
            return EMPTY_SESSION
        if ask.explicit_conversation:
            return session
        return Session(session.conversation_id, session.turns, session.last_model, session.last_route, session.last_at)

    def remember(self, ask: Ask, decision: Decision, model: str, at: float) -> None:
        """Keep what the next turn of this conversation must know. ``model`` is the one that answered."""
        place = (ask.key_id, ask.conversation_id)
        before = self._known.get(place, EMPTY_SESSION)
        history = decision.signals.get("history", {})
        sentiment = decision.signals.get("sentiment", {})
        self._known[place] = Session(
            conversation_id=ask.conversation_id,
            turns=before.turns + (0 if ask.turn.in_tool_loop else 1),
            last_model=model,
            last_route=decision.route,
            last_at=at,
            escalated=before.escalated or bool(history.get("escalated") or sentiment.get("asks_human")),
            open_risky_action=None,
        )
        self._known.move_to_end(place)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
