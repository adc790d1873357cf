"""Approvals: what the customer is asked, and what counts as a yes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from pointsman.domain.message import Message, Text
from pointsman.domain.reply import Reply
from pointsman.execution.agents.calling import read_arguments
from pointsman.execution.agents.tools import clean
from pointsman.routing.lexicon.assent import says_yes
from pointsman.routing.lexicon.match import Words
from pointsman.routing.sections_agents import Agent
from pointsman.store.agent_runs import CallRow, RunRow

DECLINED: Final = (
    "error: not executed: the customer was asked for approval and did not give a clear yes. Their words follow. "
    "Do not call it again unless they ask for it"
)
EXPIRED: Final = (
    "error: not executed: the approval came too late. The customer's words follow; if they still want it, call the tool "
    "again and they are asked anew"
)
_VALUE_LIMIT: Final = 200
_REF_SIZE: Final = 8


def question(agent: Agent, run: RunRow, waiting: Sequence[CallRow], explicit: bool) -> Reply:
    """Return the reply that asks for approval of the ``waiting`` calls.

    Where the conversation's name was only derived from its first words, the question carries a reference: another
    customer who began with the same words must not answer it.
    """
    actions = "; ".join(action(row) for row in waiting)
    text = agent.approval_text.replace("{actions}", actions)
    if not explicit:
        text += f" [{reference(run)}]"
    return Reply(f"approval-{run.id}-{waiting[0].step}", "pointsman", (Text(text),), "end_turn")


def reference(run: RunRow) -> str:
    """Return the mark of a run in its question."""
    return f"ref {run.id[-_REF_SIZE:]}"


def action(row: CallRow) -> str:
    """Return a call in words a customer can read: its name and its arguments."""
    arguments = read_arguments(row.arguments)
    said = []
    for name, value in arguments.items() if isinstance(arguments, dict) else ():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        said.append(f"{clean(name, 60)}: {clean(text, _VALUE_LIMIT)}".replace("\n", " "))
    return f"{row.tool} ({', '.join(said)})" if said else row.tool


def approves(words: Message) -> bool:
    """Return whether the customer's words are a clear yes; anything else is none."""
    return says_yes(Words.of(words.text))


def expired(run: RunRow) -> bool:
    """Return whether the time for an answer is over."""
    return run.expires_at_us is not None and time.time_ns() // 1000 > run.expires_at_us
