"""The questions, one line each: a name, the module that answers it, and what it asks."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

import msgspec

from pointsman.errors import NotFound, RequestError
from pointsman.monitoring.asking.board import Board
from pointsman.monitoring.asking.slice import By, Slice

QUESTIONS: Final[dict[str, str]] = {
    "turns": "Which turns are these?",
    "report": "How do turns sum up: errors, first tokens, tokens, cost, the flagship, outcomes?",
    "calls": "What was each model called for?",
    "mix": "How many turns take which route, model and tier?",
    "cost": "What is the money spent on?",
    "savings": "What does routing save against one model for everything?",
    "latency": "How long until the first token, and how fast after it?",
    "health": "How does every model do right now?",
    "tools": "How good are tool calls?",
    "sample": "Which turns stand for those that call tools?",
    "conformance": "How often do replies keep to their contract?",
    "escalations": "How often does work go up, to a stronger model or to a person?",
    "resolution": "How do conversations end, and what does a resolved one cost?",
    "unknowns": "What is not known, and what failed?",
    "series": "How does a rate move over time?",
}
"""Name -> what it asks; ``pointsman.monitoring.questions.<name>`` answers."""


def ask(
    name: str, board: Board, chosen: Slice, by: By = (), options: Mapping[str, str] | None = None
) -> msgspec.Struct:
    """Ask a question by its name. ``options`` are what only this question knows, as text (from a URL).

    Raises:
        NotFound: there is no such question.
        RequestError: an unknown dimension or option.
        StoreError: the column file cannot be read.
    """
    if name not in QUESTIONS:
        raise NotFound(f"there is no question {name[:60]!r}; there are {', '.join(QUESTIONS)}")
    module = importlib.import_module(f"{__package__}.{name}")
    kind: type[msgspec.Struct] | None = getattr(module, "Options", None)
    read = _read(name, kind, options or {})
    found: msgspec.Struct = module.ask(board, chosen, by) if read is None else module.ask(board, chosen, by, read)
    return found


def _read(question: str, kind: type[msgspec.Struct] | None, options: Mapping[str, str]) -> msgspec.Struct | None:
    known = () if kind is None else kind.__struct_fields__
    for name in options:
        if name not in known:
            its = f"options of {question} are {', '.join(known)}" if known else f"{question} has no options"
            raise RequestError(f"{name[:60]!r} is neither a filter nor an option; {its}", param=name[:60])
    if kind is None:
        return None
    try:
        return msgspec.convert(dict(options), kind, strict=False)
    except msgspec.ValidationError as error:
        raise RequestError(f"an option does not fit: {error}") from None
