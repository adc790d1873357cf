"""Turns and replies for the tests of judges, scorecards and labels."""

from __future__ import annotations

from pointsman.domain.message import Message, Text, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case
from pointsman.evaluation.judges.seam import Choice, Finding, Opinion


def said(*messages: tuple[str, str]) -> Turn:
    """Return a turn of (role, text) messages; a tool's text is the result of a call."""
    found = []
    for number, (role, text) in enumerate(messages):
        if role == "tool":
            found.append(Message("tool", (ToolResult(f"t{number}", (Text(text),), "look_up"),)))
        else:
            found.append(Message(role, (Text(text),)))  # type: ignore[arg-type]
    return Turn(tuple(found))


def reply(text: str, *calls: tuple[str, str]) -> Reply:
    """Return a reply with tool calls of (name, arguments)."""
    made = tuple(ToolCall(f"c{n}", name, arguments) for n, (name, arguments) in enumerate(calls))
    return Reply("", "m", (Text(text), *made), "end_turn")


def answered(text: str, turn: Turn | None = None) -> tuple[Case, Answer]:
    """Return a case and an answer to it."""
    case = Case("c1", "k1", "t", turn or said(("user", "Where is my order?")))
    return case, Answer("c1", "m", 1, "recorded", reply(text))


class ListedJudge:
    """Says what it was given, question by question, and keeps what it was asked."""

    model = "anthropic/claude-opus-4-8"
    version = "v1"

    def __init__(self, *choices: Choice, findings: tuple[Finding, ...] = ()) -> None:
        self._choices = list(choices)
        self._findings = list(findings)
        self.asked: list[str] = []

    async def prefer(self, prefix: Turn, first: Reply, second: Reply, rubric: str = "") -> Opinion:
        """Return the next choice."""
        self.asked.append(f"{first.text}|{second.text}|{rubric}")
        return Opinion(self._choices.pop(0), "because")

    async def decide(self, prefix: Turn, reply: Reply, question: str) -> Finding:
        """Return the next finding."""
        self.asked.append(question)
        return self._findings.pop(0)
