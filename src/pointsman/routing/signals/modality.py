"""Modality: what a model must be able to read beyond text, anywhere in the conversation."""

from __future__ import annotations

from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.reading import Reading

NAME: Final = "modality"


class Modality(msgspec.Struct, frozen=True):
    """``needs`` lists the modalities beyond text, sorted; the flags say the same for rules."""

    needs: tuple[str, ...]
    image: bool
    audio: bool
    pdf: bool


def measure(reading: Reading, session: Session) -> Modality:  # noqa: ARG001 - every signal has this shape
    """List the modalities: an image sent three turns ago is still part of the prompt."""
    needs = reading.modalities
    return Modality(needs, "image" in needs, "audio" in needs, "pdf" in needs)
