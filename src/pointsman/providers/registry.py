"""Dialects by name. Adding one: a file beside these, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pointsman.errors import UsageError
from pointsman.providers.anthropic import Anthropic
from pointsman.providers.gemini import Gemini
from pointsman.providers.openai_chat import OpenAIChat
from pointsman.providers.seam import Dialect

_DIALECTS: Mapping[str, Callable[[], Dialect]] = MappingProxyType(
    {
        "anthropic": Anthropic,
        "gemini": Gemini,
        "openai_chat": OpenAIChat,
    }
)


def dialect(name: str) -> Dialect:
    """Return the dialect called ``name``. Dialects hold no state: keep one, or ask again.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    try:
        return _DIALECTS[name]()
    except KeyError:
        raise UsageError(f"unknown dialect {name!r}: use one of {', '.join(sorted(_DIALECTS))}") from None


def dialects() -> tuple[str, ...]:
    """Return the names of all dialects."""
    return tuple(sorted(_DIALECTS))
