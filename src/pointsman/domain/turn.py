"""A turn as the client asked for it, and what is remembered of its conversation."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from pointsman.domain.message import Message, OutputFormat, Tool, ToolChoice

Channel = Literal["chat", "voice", "email"]


class Sampling(msgspec.Struct, frozen=True):
    """Parameters that colour a reply but do not change what it must contain. None: the client did not say."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class Turn(msgspec.Struct, frozen=True):
    """One request for a reply: the whole conversation so far and how the reply is wanted.

    ``model`` is what the client wrote (``auto``, a catalogue id, or any name). ``max_output_tokens``, ``n`` and the
    rest are None where the client did not say. ``metadata`` holds string pairs the client attached (user, tenant ...).
    ``extras`` keeps request fields this version has no word for, by their wire name, so that nothing vanishes silently.
    """

    messages: tuple[Message, ...]
    model: str = "auto"
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    output_format: OutputFormat | None = None
    max_output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    reasoning_effort: str | None = None
    reasoning_budget_tokens: int | None = None
    n: int | None = None
    logprobs: bool = False
    top_logprobs: int | None = None
    logit_bias: dict[str, float] | None = None
    stream: bool = False
    include_usage: bool = False
    channel: Channel = "chat"
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    extras: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def in_tool_loop(self) -> bool:
        """True while the agent's tool loop is open: the last message brings tool results."""
        return bool(self.messages) and self.messages[-1].role == "tool"


class Session(msgspec.Struct, frozen=True):
    """What is known of a conversation before this turn, beyond the messages the client sends.

    ``last_at`` is Unix time in seconds. ``open_risky_action`` names an action that waits for the customer's word
    ("shall I refund it?"); None: none is known. ``promised`` are the agent's commitments so far, in its own words.
    ``planned_action`` and ``planned_tool`` are what the last plan of the conversation wanted next (see ``domain.plan``).
    """

    conversation_id: str = ""
    turns: int = 0
    last_model: str | None = None
    last_route: str | None = None
    last_at: float | None = None
    escalated: bool = False
    open_risky_action: str | None = None
    promised: tuple[str, ...] = ()
    planned_action: str | None = None
    planned_tool: str | None = None


EMPTY_SESSION = Session()
