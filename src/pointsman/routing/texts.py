"""Texts that were read before: clients send them again, and reading them again would find the same.

An agent's tool loop sends the customer's text once per step, and the next turn sends it as an earlier one. What is kept of a
text is a pure function of it, so forgetting one costs time and nothing else.
"""

from __future__ import annotations

import threading
from typing import Final

from pointsman.routing.lexicon.match import Words

MOST: Final = 256
"""Texts kept."""
LONGEST: Final = 4_000
"""Characters; a longer text is read anew each time, so that all texts kept stay below some 20 MB."""


class Texts:
    """A bounded memory of texts that were split into words. Safe to share between threads."""

    def __init__(self, most: int = MOST, longest: int = LONGEST) -> None:
        self._most = most
        self._longest = longest
        self._known: dict[str, Words] = {}
        self._door = threading.Lock()

    def words(self, text: str) -> Words:
        """Return the words of a text."""
        found = self._known.get(text)
        if found is None:
            if len(text) > self._longest:
                return Words.of(text)
            found = Words.of(text, {})
            with self._door:
                if len(self._known) >= self._most:
                    del self._known[next(iter(self._known))]
                self._known[text] = found
        return found
