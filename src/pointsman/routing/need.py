"""What a turn demands of a model, read from the turn once."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pointsman.domain.message import Part, Reasoning, ToolCall
from pointsman.domain.turn import Turn
from pointsman.routing.privacy import Confinement


class Need(msgspec.Struct, frozen=True):
    """What a turn demands of a model, worked out once per turn.

    ``estimate`` is the estimated prompt in tokens, ``prompt`` the same with the policy's margin on top; ``window``
    adds the reply. ``pin`` is the model
    the client named. ``origins`` and ``calls`` describe the open tool loop: whose opaque state it carries, and per step the
    first call with the origin of its state (None: it has none). ``today`` is an ISO date.
    """

    estimate: int
    prompt: int
    output: int
    window: int
    max_output: int | None
    tools: bool
    parallel: bool
    structured: str
    modalities: tuple[str, ...]
    several: bool
    logprobs: bool
    logit_bias: bool
    reasoning: bool
    prefill: bool
    sampling: tuple[str, ...]
    origins: tuple[str, ...]
    calls: tuple[tuple[str, str | None], ...]
    confined: tuple[Confinement, ...]
    ttft_p95_ms: float | None
    predicted: Mapping[str, float]
    allowed: frozenset[str] | None
    unhealthy: Mapping[str, str]
    unaffordable: Mapping[str, str]
    exclude: frozenset[str]
    pin: str | None
    today: str


def sampling(turn: Turn) -> tuple[str, ...]:
    """Return the sampling parameters that the client gave."""
    given = turn.sampling
    return tuple(name for name in given.__struct_fields__ if getattr(given, name) is not None)


def open_origins(turn: Turn) -> tuple[str, ...]:
    """Return whose opaque state the open tool loop carries: it must go back to where it came from.

    State from before the customer's last message can be left out by the provider's dialect without harm.
    """
    if not turn.in_tool_loop:
        return ()
    found: dict[str, None] = {}
    for message in reversed(turn.messages):
        if message.role == "user":
            break
        for part in message.parts:
            if (origin := _state_of(part)) is not None:
                found[origin] = None
    return tuple(found)


def open_calls(turn: Turn) -> tuple[tuple[str, str | None], ...]:
    """Return the first call of each step since the customer's last message, with the origin of its state.

    Of parallel calls only the first is signed (wire format of Gemini 3).
    """
    found: list[tuple[str, str | None]] = []
    for message in reversed(turn.messages):
        if message.role == "user":
            break
        if message.role == "assistant":
            call = next((part for part in message.parts if type(part) is ToolCall), None)
            if call is not None:
                found.append((call.name[:80], call.origin if call.origin_state is not None else None))
    return tuple(found)


def _state_of(part: Part) -> str | None:
    """Return whose opaque state the part carries; None when it carries none."""
    if type(part) is Reasoning:
        return None if part.state is None else part.origin
    if type(part) is ToolCall and part.origin_state is not None:
        return part.origin
    return None
