"""Size: how long the turn is, in estimated tokens."""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.reading import Reading

NAME: Final = "size"


class Size(msgspec.Struct, frozen=True):
    """Estimated sizes.

    ``tokens`` of the last user turn with its attachments, ``prompt_tokens`` of everything sent, ``attachments`` counted.

    Tokens are UTF-8 bytes / 4; images, PDFs and sound are counted by kind (see ``reading``).
    """

    tokens: int
    prompt_tokens: int
    attachments: int


def measure(reading: Reading, session: Session) -> Size:  # noqa: ARG001 - every signal has this shape
    """Measure the size of a turn."""
    return Size(reading.user_tokens, reading.prompt_tokens, reading.attachments)
