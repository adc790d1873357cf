"""Measure one signal of a short conversation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pointsman.domain.message import Message, Text, Tool
from pointsman.domain.turn import EMPTY_SESSION, Session, Turn
from pointsman.routing.signals import as_plain, measure_all

Measure = Callable[..., dict[str, Any]]


@pytest.fixture
def measure() -> Measure:
    """Return a function: (signal, last user text, earlier texts from the user's first on) -> its plain fields."""

    def run(
        signal: str, text: str, *before: str, tools: tuple[Tool, ...] = (), session: Session = EMPTY_SESSION
    ) -> dict[str, Any]:
        roles = ("user", "assistant")
        messages = [Message(roles[at % 2], (Text(said),)) for at, said in enumerate(before)]  # type: ignore[arg-type]
        turn = Turn(messages=(*messages, Message("user", (Text(text),))), tools=tools)
        return as_plain(measure_all(turn, session))[signal]

    return run
