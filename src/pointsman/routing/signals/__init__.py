"""Signals: what is measured of a turn before anything is decided.

A signal is a module with a ``NAME``, a frozen value type and ``measure(reading, session)``: pure, total,
        microseconds. To
add one, write its file and add it to ``SIGNALS``. Signals never import each other; shared words live in ``lexicon``.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, get_args

import msgspec

from pointsman.domain.turn import Session, Turn
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
_LISTS: Final = {
    kind: tuple(field for field, hint in kind.__annotations__.items() if hint.startswith("tuple"))
    for kind in get_args(Value)
}
"""The fields of each value that hold several: lists in plain data."""


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


def measure_all(turn: Turn, session: Session) -> dict[str, Value]:
    """Read a turn once and measure every signal."""
    reading = Reading.of(turn)
    return {signal.NAME: signal.measure(reading, session) for signal in SIGNALS}


def as_plain(values: dict[str, Value]) -> dict[str, dict[str, Any]]:
    """Return the values as plain data (bool, int, float, str, list of str), for rules and storage."""
    plain: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        fields = plain[name] = msgspec.structs.asdict(value)
        for field in _LISTS[type(value)]:
            fields[field] = list(fields[field])
    return plain
