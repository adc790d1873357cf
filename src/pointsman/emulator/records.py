"""What the emulator remembers of a request."""

from __future__ import annotations

from typing import Any

import msgspec

from pointsman.emulator.models import Dialect


class Recorded(msgspec.Struct):
    """One request as it arrived, completed as it is answered.

    ``body`` is the decoded JSON (None if it is none), ``raw`` its bytes. ``status`` is None until the head is sent; ``rule`` is
    the name of the rule that answered (empty: the persona). ``finished`` tells that the answer was sent to its end,
    ``disconnected`` that the client left before.
    """

    serial: int
    dialect: Dialect
    method: str
    path: str
    headers: dict[str, str]
    body: Any = None
    raw: bytes = b""
    query: dict[str, str] = msgspec.field(default_factory=dict)
    model: str = ""
    stream: bool = False
    status: int | None = None
    error: str = ""
    rule: str = ""
    fault: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    finished: bool = False
    disconnected: bool = False
