"""Inside an agent's run: is the next step a tool call, or the final answer? A guess from the request, and called one.

The model itself decides whether it calls a tool; from outside only signs are seen. The reasons of a decision say
"predicted" wherever this guess chose a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from pointsman.domain.message import ToolCall
from pointsman.domain.turn import EMPTY_SESSION, Session, Turn


class Step(msgspec.Struct, frozen=True):
    """The predicted kind of the next step, and the sign it was predicted from."""

    kind: Literal["tool", "synthesis"]
    why: str


def predict(turn: Turn, plain: Mapping[str, Mapping[str, Any]], session: Session = EMPTY_SESSION) -> Step:
    """Return what the next step probably is: by the client's demand, by the plan, then by the request and the tool results."""
    choice = turn.tool_choice
    if not turn.tools or (choice is not None and choice.mode == "none"):
        return Step("synthesis", "no tools may be called")
    if choice is not None and choice.mode in {"required", "named"}:
        return Step("tool", "the client demands a tool call")
    planned = _planned(turn, session)
    if planned is not None:
        return planned
    return _in_loop(turn, plain) if turn.in_tool_loop else _first(plain)


def _planned(turn: Turn, session: Session) -> Step | None:
    """Return the step that the last plan of the conversation leads to; None where it says nothing of this one."""
    tool = session.planned_tool
    if tool is None or all(offered.name != tool for offered in turn.tools):
        return None
    if turn.in_tool_loop:
        if session.planned_action == "call_tool" and tool not in _called(turn):
            return Step("tool", f"the plan calls for {tool}, which was not called yet")
    elif session.planned_action == "ask_clarifying" and tool not in _called(turn, whole=True):
        return Step("tool", f"the last plan asked the customer before {tool}, and here is the answer")
    return None


def _first(plain: Mapping[str, Mapping[str, Any]]) -> Step:
    if plain["tools"]["needed"]:
        return Step("tool", "the request seems to need a tool")
    return Step("synthesis", "the request does not seem to need a tool")


def _in_loop(turn: Turn, plain: Mapping[str, Mapping[str, Any]]) -> Step:
    tools = plain["tools"]
    if tools["last_failed"]:
        return Step("tool", "the last tool call failed, so another is likely")
    called = _called(turn)
    waiting = [name for name in tools["matched"] if name not in called]
    if waiting and plain["ambiguity"]["multi_step"]:
        return Step("tool", f"the request has several steps and {waiting[0]} was not called yet")
    return Step("synthesis", "the tools it seems to need have answered")


def _called(turn: Turn, *, whole: bool = False) -> set[str]:
    """Return the names of tools called since the customer last spoke, or in the ``whole`` conversation."""
    names: set[str] = set()
    for message in reversed(turn.messages):
        if message.role == "user" and not whole:
            break
        names.update(part.name for part in message.parts if type(part) is ToolCall)
    return names
