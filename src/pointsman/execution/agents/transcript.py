"""What the model of a run gets to see: rebuilt from the store, so that a run goes on after a stop as if there was none."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import msgspec

from pointsman.domain.message import Message, Part, Reasoning, ToolCall
from pointsman.domain.reply import Reply
from pointsman.execution.agents.calling import read_arguments
from pointsman.execution.agents.tools import clean
from pointsman.store.agent_runs import CallRow, StepRow

_UNREADABLE: Final = 1000
OPEN = frozenset({"planned", "waiting", "started"})


class Transcript:
    """The messages a run has added to the customer's, in order, and the calls that are still open.

    ``final`` is the stored reply of a run that was cut short before it was noted that it is done.
    """

    def __init__(self, steps: Sequence[StepRow] = (), calls: Sequence[CallRow] = ()) -> None:
        self.messages: list[Message] = []
        self.open: list[CallRow] = []
        self.last_step = 0
        self.model_steps = 0
        self.drafted = False
        self.final: StepRow | None = None
        by_step = {step: list(rows) for step, rows in groupby(calls, key=lambda call: call.step)}
        # Words of the customer stand behind the results they brought about.
        later: list[Message] = []
        for step in steps:
            self.last_step = step.n
            if step.kind == "customer":
                (later if self.open else self.messages).append(step.message)
                continue
            self.model_steps += 1
            self.drafted = step.phase == "draft"
            if self.drafted:
                continue
            self.messages.append(step.message)
            self.close(by_step.get(step.n, []))
            self.final = step if step.n not in by_step else None
        if steps and steps[-1] is not self.final:
            self.final = None
        self.later = later

    def close(self, rows: Sequence[CallRow]) -> None:
        """Take the calls of one reply: their results become a message once none is open."""
        self.open = list(rows) if any(row.state in OPEN for row in rows) else []
        results = tuple(row.result for row in rows if row.result is not None)
        if rows and not self.open:
            self.messages.append(Message("tool", results))

    @property
    def waiting(self) -> list[CallRow]:
        """The open calls that wait for an approval."""
        return [row for row in self.open if row.state == "waiting"]


def as_message(reply: Reply, model: str) -> Message:
    """Return a reply of ``model`` as the message it becomes in the history; opaque state in it is marked as that model's."""
    return Message("assistant", tuple(_stamped(part, model) for part in reply.parts))


def _stamped(part: Part, model: str) -> Part:
    if isinstance(part, ToolCall) and isinstance(read_arguments(part.arguments), str):
        # Some providers take back nothing but an object. The model still sees what it wrote.
        readable = msgspec.json.encode({"unreadable": clean(part.arguments, _UNREADABLE)}).decode()
        part = msgspec.structs.replace(part, arguments=readable)
    sealed = isinstance(part, Reasoning) or (isinstance(part, ToolCall) and part.origin_state is not None)
    return msgspec.structs.replace(part, origin=model) if sealed else part
