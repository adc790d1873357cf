"""What is remembered of conversations between turns: a bounded memory in front of the store."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from pointsman.domain.decision import Decision
from pointsman.domain.message import ToolResult
from pointsman.domain.record import Handoff, TurnRecord
from pointsman.domain.reply import Reply
from pointsman.domain.turn import EMPTY_SESSION, Session
from pointsman.execution.ask import Ask
from pointsman.execution.memory import MemoryBook, escalated, open_risky_action, plan_of, planned

_PROMISES = 5

Recall = Callable[[str, str | None], Session | None]
"""Looks a conversation of a client key up in the store after a restart; None when it is not known there."""


def recalled(record: TurnRecord) -> Session:
    """Return what the last turn that went well tells of its conversation."""
    return Session(
        conversation_id=record.conversation_id,
        turns=1,
        last_model=record.steps[-1].model,
        last_route=record.decision.route,
        last_at=record.at_us / 1e6,
        escalated=escalated(record.decision),
    )


class Sessions:
    """Sessions by conversation id; the least recently used leave when there are more than ``limit``.

    Who began an open tool loop is kept by the ids of its calls too: a derived conversation id may be shared by customers
    who opened with the same words, while nobody shares a call.
    """

    def __init__(self, recall: Recall, limit: int = 20_000, memory: MemoryBook | None = None) -> None:
        self._recall = recall
        self._memory = memory
        self._limit = limit
        self._known: OrderedDict[tuple[str | None, str], Session] = OrderedDict()
        self._loops: OrderedDict[tuple[str | None, str], Session] = OrderedDict()

    def get(self, ask: Ask) -> Session:
        """Return what is known before this turn. Only a conversation that is under way is looked up in the store."""
        session = self._of_conversation(ask)
        if ask.open_risky_action is not None:
            session = msgspec.structs.replace(session, open_risky_action=ask.open_risky_action)
        began = self._began(ask)
        if began is None:
            return session
        return msgspec.structs.replace(
            session,
            last_model=began.last_model,
            last_route=began.last_route,
            planned_action=began.planned_action,
            planned_tool=began.planned_tool,
        )

    def _began(self, ask: Ask) -> Session | None:
        """Return what is known of the open tool loop: who made its last step, and by which plan."""
        for part in ask.turn.messages[-1].parts if ask.turn.in_tool_loop else ():
            began = self._loops.get((ask.key_id, part.call_id)) if isinstance(part, ToolResult) else None
            if began is not None:
                return began
        return None

    def _of_conversation(self, ask: Ask) -> Session:
        # The id comes from the client: one key's conversations must not be another's.
        place = (ask.key_id, ask.conversation_id)
        session = self._known.get(place)
        known = session is not None
        if session is not None:
            self._known.move_to_end(place)
        elif any(message.role == "assistant" for message in ask.turn.messages):
            session = self._recall(ask.conversation_id, ask.key_id)
        if session is None:
            return EMPTY_SESSION
        if ask.explicit_conversation:
            return session if known else self._with_memory(ask, session)
        return Session(session.conversation_id, session.turns, session.last_model, session.last_route, session.last_at)

    def _promised(self, ask: Ask, before: Session, decision: Decision, reply: Reply) -> tuple[str, ...]:
        if self._memory is None or not ask.explicit_conversation:
            return ()
        return (*before.promised, *self._memory.promises(decision, reply))[-_PROMISES:]

    def _with_memory(self, ask: Ask, session: Session) -> Session:
        """Return a session read from the store with what was kept of the conversation besides its last turn."""
        if self._memory is None:
            return session
        memory = self._memory.recall(ask)
        action, tool = planned(memory.plan)
        return msgspec.structs.replace(
            session,
            escalated=session.escalated or memory.escalated,
            open_risky_action=session.open_risky_action or memory.open_risky_action,
            promised=session.promised or memory.promised,
            planned_action=action,
            planned_tool=tool,
        )

    def remember(
        self, ask: Ask, decision: Decision, model: str, reply: Reply, handoffs: Iterable[Handoff] = ()
    ) -> None:
        """Keep what the next turn of this conversation must know. ``model`` is the one that answered."""
        place = (ask.key_id, ask.conversation_id)
        before = self._known.get(place) or (
            self._with_memory(ask, EMPTY_SESSION) if ask.explicit_conversation else EMPTY_SESSION
        )
        plan = plan_of(handoffs)
        last = self._began(ask) or before
        action, tool = (last.planned_action, last.planned_tool) if plan is None else planned(plan)
        kept = ask.explicit_conversation
        self._known[place] = Session(
            conversation_id=ask.conversation_id,
            turns=before.turns + (0 if ask.turn.in_tool_loop else 1),
            last_model=model,
            last_route=decision.route,
            last_at=ask.arrived_us / 1e6,
            escalated=before.escalated or escalated(decision),
            open_risky_action=open_risky_action(ask.turn, reply) if kept else None,
            promised=self._promised(ask, before, decision, reply),
            planned_action=action if kept else None,
            planned_tool=tool if kept else None,
        )
        loop = Session(last_model=model, last_route=decision.route, planned_action=action, planned_tool=tool)
        self._known.move_to_end(place)
        for call in reply.tool_calls:
            self._loops[ask.key_id, call.id] = loop
        for memory in (self._known, self._loops):
            while len(memory) > self._limit:
                memory.popitem(last=False)
