"""What passes between the parts of the emulator: a request as understood, an answer before it has a wire form.

These shapes are the emulator's own on purpose: they must not inherit a mistake from the product's view of the dialects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from pointsman.emulator.models import Dialect, ModelFacts

Stop = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "pause_turn"]


class RejectedError(Exception):
    """The emulated server refuses a request. ``kind`` is the dialect's own error type; empty: the usual one of ``status``."""

    def __init__(  # noqa: PLR0913 - the fields of an error body, by name
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "",
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})
        self.body = body


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool the client offers."""

    name: str
    description: str
    schema: dict[str, Any]


class ToolOutput(msgspec.Struct, frozen=True):
    """The result of a call, as the client sent it back."""

    call_id: str
    name: str
    text: str
    is_error: bool = False


class Mark(msgspec.Struct, frozen=True):
    """The client wants the prompt cached up to and including block ``block``."""

    block: int
    ttl_s: int


class Prompt(msgspec.Struct, frozen=True):
    """The prompt as blocks of bytes in the order the server reads them, with the client's cache marks.

    ``cacheable`` is the number of leading blocks an automatic cache may keep; None: all.
    """

    blocks: tuple[bytes, ...]
    marks: tuple[Mark, ...] = ()
    cacheable: int | None = None


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A valid request, as much of it as an answer depends on.

    ``said`` holds all texts of the user, oldest first; ``turn`` counts the user turns before the last one. ``outputs`` are
    the tool results that stand after the last assistant message. ``choice`` is ``named`` when ``names`` holds the one tool
    to call; ``names`` may also narrow the other modes.
    """

    dialect: Dialect
    facts: ModelFacts
    model: str
    prompt: Prompt
    stream: bool = False
    system: str = ""
    said: tuple[str, ...] = ()
    turn: int = 0
    tools: tuple[ToolSpec, ...] = ()
    choice: Literal["auto", "none", "required", "named"] = "auto"
    names: tuple[str, ...] = ()
    parallel: bool = True
    outputs: tuple[ToolOutput, ...] = ()
    format: Literal["text", "json_object", "json_schema"] = "text"
    schema: dict[str, Any] | None = None
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()
    reasons: bool = False
    show_reasoning: bool = False
    n: int = 1
    include_usage: bool = False
    logprobs: bool = False

    @property
    def user_text(self) -> str:
        """The last text of the user."""
        return self.said[-1] if self.said else ""


class Call(msgspec.Struct, frozen=True):
    """A tool call: ``arguments`` is JSON text, perhaps broken on purpose."""

    name: str
    arguments: str
    id: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What the model says, before it has a wire form."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    reasoning: str = ""
    refusal: str = ""
    stop: Stop = "end_turn"
    stop_sequence: str | None = None


class Tokens(msgspec.Struct, frozen=True):
    """Token counts of one exchange. ``reasoning`` is part of ``output``; the three input counts do not overlap."""

    uncached: int
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def cache_write(self) -> int:
        """Tokens written to the cache, of both lifetimes."""
        return self.cache_write_5m + self.cache_write_1h

    @property
    def prompt(self) -> int:
        """All tokens of the prompt."""
        return self.uncached + self.cache_read + self.cache_write


class Frame(msgspec.Struct, frozen=True):
    """One event of a stream: ``event`` is its SSE name (None: no ``event:`` line), ``tokens`` what it brings, for pacing."""

    data: bytes
    kind: Literal["open", "delta", "finish", "usage", "done", "ping"]
    event: str | None = None
    tokens: int = 0


class Reply(msgspec.Struct, frozen=True):
    """Everything a wire form needs: the request, one answer per choice, the counts, and fresh identifiers.

    ``serial`` numbers the requests of this emulator from 1; ``now`` is Unix time in seconds.
    """

    ask: Ask
    answers: tuple[Answer, ...]
    tokens: Tokens
    serial: int
    now: int
    chunk_chars: int = 16

    @property
    def request_id(self) -> str:
        """The server's name for this exchange."""
        return f"{self.serial:06d}"
