"""What the difference between the shipped reply and the stronger model's comes to: tool calls by rule first, then the judge.

No call is ever made good or executed here: calls are compared as they were written. The strict grader takes the stronger model's
calls for the reference, each argument with its one value, and names every difference by kind. Where the calls are the same the
replies count as the same. Where they differ, or there is only text, a judge sees both in both orders; a turn is misrouted where
it finds the stronger model's reply better both times. Without a judge, calls that differ count as misrouted by rule, and text
stays undecided.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec

from pointsman.domain.message import ToolCall
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case, Gold, GoldCall
from pointsman.evaluation.graders.strict import Strict
from pointsman.evaluation.judges.seam import Comparison

Verdict = Literal["same", "shipped_better", "shadow_better", "tie"]
RUBRIC = (
    "Better is the reply that serves this customer better: it does what was asked, its facts are those of the conversation and "
    "of the tool results, it claims nothing that was not done, and it calls the right tool with the right values. Length, tone "
    'and wording alone make no difference: say "equal" where the difference would not matter to the customer.'
)
"""What a difference must be to count."""


class Found(msgspec.Struct, frozen=True):
    """What was found of two replies. ``verdict`` None: undecided, ``why`` says why. ``material``: the turn was misrouted."""

    verdict: Verdict | None
    material: bool | None
    decided_by: Literal["rule", "judge"] | None
    why: str = ""
    calls: str = ""
    """How the tool calls differ, as the strict grader says it; empty: they do not."""


def by_rule(turn: Turn, shipped: Reply, shadow: Reply) -> Found:
    """Return what the rule says; undecided where a judge must look."""
    if not shipped.tool_calls and not shadow.tool_calls:
        if _plain(shipped.text) == _plain(shadow.text):
            return Found("same", material=False, decided_by="rule", why="word for word the same")
        return Found(None, None, None, why="two texts")
    if any(_gold_call(call) is None for call in shadow.tool_calls):
        return Found(None, None, None, why="the stronger model's own call cannot be read")
    differs = _difference(turn, shipped, shadow)
    if not differs:
        return Found("same", material=False, decided_by="rule", why="the same tool calls")
    return Found(None, None, None, why="other tool calls", calls=differs)


def without_judge(found: Found, why: str) -> Found:
    """Return what is found where no judge may or can look."""
    if not found.calls:
        return msgspec.structs.replace(found, why=why)
    return msgspec.structs.replace(found, verdict="shadow_better", material=True, decided_by="rule", why=why)


def by_judge(found: Found, said: Comparison) -> Found:
    """Return what is found with the judge's word; ``said`` has the shipped reply as ``a``."""
    words: dict[str, tuple[Verdict, bool]] = {
        "same": ("same", False),
        "a": ("shipped_better", False),
        "b": ("shadow_better", True),
        "tie": ("tie", False),
    }
    if said.verdict not in words:
        return msgspec.structs.replace(found, why=f"the judge could not say: {', '.join(said.errors) or 'unknown'}")
    verdict, material = words[said.verdict]
    return msgspec.structs.replace(found, verdict=verdict, material=material, decided_by="judge")


def _difference(turn: Turn, shipped: Reply, shadow: Reply) -> str:
    calls = tuple(call for one in shadow.tool_calls if (call := _gold_call(one)) is not None)
    case = Case("shadow", "shadow", "store", turn, Gold("calls", calls) if calls else Gold("no_call"))
    grade = Strict().grade(case, Answer("shadow", "shipped", 1, "recorded", reply=shipped))
    return "" if grade.passed else f"{grade.kind}: {grade.text}"


def _gold_call(call: ToolCall) -> GoldCall | None:
    """Return a call as a reference; None where its arguments cannot be read."""
    try:
        arguments: Any = json.loads(call.arguments) if call.arguments.strip() else {}
    except (ValueError, RecursionError):
        return None
    if not isinstance(arguments, dict):
        return None
    return GoldCall(call.name, {name: (value,) for name, value in arguments.items()})


def _plain(text: str) -> str:
    return " ".join(text.split())
