"""Signals: what is measured of a turn before anything is decided.

A signal is a module with a ``NAME``, a frozen value type and ``measure(reading, session)``: pure, total,
        microseconds. To
add one, write its file and add it to ``SIGNALS``. Signals never import each other; shared words live in ``lexicon``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, get_type_hints

import msgspec

from pointsman.domain.turn import Session, Turn
from pointsman.routing.lexicon.match import Words
from pointsman.routing.reading import Reading
from pointsman.routing.signals import (
    ambiguity,
    channel,
    history,
    intent,
    language,
    modality,
    personal_data,
    quantitative,
    sentiment,
    size,
    tools,
)

Value = (
    size.Size
    | tools.Tools
    | intent.Intent
    | ambiguity.Ambiguity
    | quantitative.Quantitative
    | sentiment.Sentiment
    | history.History
    | language.Language
    | personal_data.PersonalData
    | modality.Modality
    | channel.ChannelValue
)
"""What a signal measures."""


class Signal(Protocol):
    """The shape of a signal module."""

    NAME: str

    def measure(self, reading: Reading, session: Session) -> Value:
        """Measure one turn."""
        ...


SIGNALS: Final[tuple[Any, ...]] = (
    size,
    tools,
    intent,
    ambiguity,
    quantitative,
    sentiment,
    history,
    language,
    personal_data,
    modality,
    channel,
)
"""Every signal, in the order in which they are shown."""
_MEASURES: Final[tuple[tuple[str, Callable[[Reading, Session], Value]], ...]] = tuple(
    (signal.NAME, signal.measure) for signal in SIGNALS
)
_LISTS: Final = tuple(
    (signal.NAME, field)
    for signal in SIGNALS
    for field, hint in get_type_hints(signal.measure)["return"].__annotations__.items()
    if hint.startswith("tuple")
)
"""Signals with the fields that hold several: lists in plain data."""


def measure_all(turn: Turn, session: Session, words_of: Callable[[str], Words] = Words.of) -> dict[str, Value]:
    """Read a turn once and measure every signal. ``words_of`` splits a text, or remembers how it was split."""
    reading = Reading.of(turn, words_of)
    return {name: measure(reading, session) for name, measure in _MEASURES}


def as_plain(values: dict[str, Value]) -> dict[str, dict[str, Any]]:
    """Return the values as plain data (bool, int, float, str, list of str), for rules and storage."""
    plain = {name: msgspec.structs.asdict(value) for name, value in values.items()}
    for name, field in _LISTS:
        plain[name][field] = list(plain[name][field])
    return plain
