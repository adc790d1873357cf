"""Channel: where the customer is. Voice has no time for a long reply."""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.reading import Reading

NAME: Final = "channel"


class ChannelValue(msgspec.Struct, frozen=True):
    """``name`` is chat, voice or email, as the client declared it."""

    name: str
    voice: bool


def measure(reading: Reading, session: Session) -> ChannelValue:  # noqa: ARG001 - every signal has this shape
    """Report the declared channel."""
    return ChannelValue(reading.channel, reading.channel == "voice")
