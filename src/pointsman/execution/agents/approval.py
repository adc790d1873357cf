"""Approvals: what the customer is asked, and what counts as a yes."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from pointsman.domain.message import Message, Text
from pointsman.domain.reply import Reply
from pointsman.execution.agents.calling import read_arguments
from pointsman.execution.agents.tools import clean
from pointsman.routing.lexicon.assent import says_yes
from pointsman.routing.lexicon.match import Words, wordset
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
_LONGEST_YES: Final = 14
_HARMLESS: Final = re.compile(r"\bno (problem|worries|objections?|doubt)\b", re.IGNORECASE)
_HEDGES: Final = wordset(
    """but only just instead not unless if except however first before until after change rather wait no nope dont cant
    without other another different less more half partially partly maybe perhaps probably guess suppose later also
    what why how who when where which else somebody someone anyone bye goodbye
    aber nur nicht kein keine erst statt wenn falls pero solo sólo no si mais seulement pas sauf ma però solo non se mas
    apenas não stattdessen vielleicht quizás peut-être forse talvez"""
)
"""Words that make a yes another wish, or a conditional one."""
_MORE: Final = wordset(
    """cancel cancelled abort stop end delete remove undo back double twice triple thrice again also everything everyone
    all every always future both any more most max maximum half
    storno stornieren abbrechen abbruch stoppen doppelt zweimal alles alle immer mehr
    cancelar anular parar doble todo todos siempre más annuler arrêter double tout tous toujours plus"""
)
"""Words that ask for something more, or for an end, unless the calls themselves hold them."""
_YES_OR_IF: Final = wordset("si")
"""Without its accent the Spanish and Italian yes is an if; in two words it can only be the yes."""
_BARE_YES: Final = 2
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


def approves(words: Message, waiting: Sequence[CallRow]) -> bool:
    """Return whether the customer's words are a clear yes to just these calls; anything else is none.

    Stricter than the routing signal, which only has to notice: a condition, a question, an addition, or a number or an id
    that the calls do not hold makes it another wish.
    """
    said = Words.of(words.text)
    if not says_yes(said) or "?" in said.tokens or said.count > _LONGEST_YES:
        return False
    hedged = Words.of(_HARMLESS.sub(" ", words.text))
    hedges = _HEDGES - _YES_OR_IF if said.count <= _BARE_YES else _HEDGES
    if not hedged.vocabulary.isdisjoint(hedges):
        return False
    asked = Words.of(" ".join(f"{row.tool.replace('_', ' ')} {row.arguments}" for row in waiting))
    named = {word for word in said.vocabulary if not word.isalpha() and any(mark.isdigit() for mark in word)}
    named |= said.vocabulary & _MORE
    return set(said.numbers) <= set(asked.numbers) and named <= asked.vocabulary


def expired(run: RunRow) -> bool:
    """Return whether the time for an answer is over."""
    return run.expires_at_us is not None and time.time_ns() // 1000 > run.expires_at_us
