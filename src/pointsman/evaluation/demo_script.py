"""Gives the replies of the bundled conversations to the emulator, as a script.

Rules look at the customer's last words and at how many customer turns came before, never at the conversation: that is all
a model server sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from pointsman.domain.message import JsonObject
from pointsman.emulator.models import Dialect
from pointsman.emulator.script import Fault, Pace, Rule, SaidCall, Say, Script, When
from pointsman.evaluation.demo_file import DemoCall, DemoFile, DemoTurn

PACE = Pace(ttft_ms=60, tokens_per_s=600)
"""The demo's simulated speed: quicker than real models, so that the demo stays short, and slow enough to watch."""

AT_ONCE = Pace()
_LONG = 4000
_BEGINNING = 80


def demo_script(demo: DemoFile, *, down: Dialect, pace: Pace = PACE) -> Script:
    """Return the script; ``down`` is the dialect whose provider is out of order in the turns that say so."""
    rules = [
        rule
        for conversation in demo.conversations
        for number, turn in enumerate(conversation.turns)
        for rule in _rules(f"{conversation.id}-{number + 1}", turn, number, down)
    ]
    return Script(rules=tuple(rules), pace=pace)


def _rules(name: str, turn: DemoTurn, number: int, down: Dialect) -> Iterator[Rule]:
    words = re.escape(turn.said)
    if len(turn.said) > _LONG:
        # A long message may come condensed; how it begins stays.
        words = rf"(?s:{re.escape(turn.said[:_BEGINNING])}.*)"
        yield Rule(name=f"{name}-summary", when=When(matches=rf"<source>\s*{words}"), reply=Say(text=turn.reply))
    said = rf"\A\s*{words}\s*\Z"
    if turn.fault == "outage":
        fault = Fault(kind="status", status=503, message="The service is unavailable. (simulated outage)")
        yield Rule(name=f"{name}-outage", when=When(matches=said, turn=number, dialect=down), fault=fault)
    if turn.bad_reply is not None:
        yield Rule(name=f"{name}-bad", when=When(matches=said, turn=number), reply=Say(text=turn.bad_reply), times=1)
        yield Rule(name=f"{name}-again", when=When(contains="required JSON Schema"), reply=Say(text=turn.reply))
    for index, step in enumerate(turn.steps):
        # The first step answers the customer; later ones answer tool results, which look alike to a rule: each is
        # used up once, in order, before the reply that follows.
        yield Rule(
            name=f"{name}-call-{index + 1}",
            when=When(matches=said, turn=number, results=index > 0),
            reply=Say(calls=tuple(_call(call) for call in step)),
            times=1 if index > 0 else None,
        )
    shown = rf"customer: {words}\s*</conversation>(?s:.*)Plan the agent"
    yield Rule(name=f"{name}-plan", when=When(matches=shown), reply=Say(json=_plan(turn)))
    when = When(matches=said, turn=number, results=bool(turn.steps))
    yield Rule(name=name, when=when, reply=Say(text=turn.reply))


def _plan(turn: DemoTurn) -> JsonObject:
    """Return what the planner says of a turn that is planned: the first call where the turn has some, else a reply."""
    call = turn.steps[0][0] if turn.steps else None
    arguments = {} if call is None else call.arguments
    return {
        "intent": "what the customer asks for in the last message",
        "tone": "calm and short",
        "must_mention": [],
        "forbidden": [],
        "next_action": "reply" if call is None else "call_tool",
        "risk": "medium",
        "tool": "" if call is None else call.name,
        "arguments": [{"name": name, "value": _spelled(value)} for name, value in arguments.items()],
        "confidence": 0.8,
    }


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _call(call: DemoCall) -> SaidCall:
    return SaidCall(call.name, call.arguments)
