"""Answers in the customer's language.

The language is told by scripts and everyday words, as the router tells it; texts too short to tell get no grade. A customer who
asks for another language ("in English, please") is answered in that one.
"""

from __future__ import annotations

import re
from typing import Final

from pointsman.domain.message import Message, Text
from pointsman.domain.turn import EMPTY_SESSION, Turn
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import Marks, version_of
from pointsman.evaluation.grading_turn import customer_texts
from pointsman.routing.reading import Reading
from pointsman.routing.signals import language as signal

_REVISION: Final = 1
_FEWEST_LETTERS: Final = 12
_LONGEST: Final = 4_000
_ASKED: Final = re.compile(
    r"\b(?:in|auf|en|su|em|på|po) (?P<one>english|englisch|inglés|anglais|german|deutsch|french|français|spanish"
    r"|español|italian|italiano"
    r"|portuguese|português|dutch|nederlands)\b",
    re.IGNORECASE,
)
_CODES: Final = {
    **dict.fromkeys(("english", "englisch", "inglés", "anglais"), "en"),
    **dict.fromkeys(("german", "deutsch"), "de"),
    **dict.fromkeys(("french", "français"), "fr"),
    **dict.fromkeys(("spanish", "español"), "es"),
    **dict.fromkeys(("italian", "italiano"), "it"),
    **dict.fromkeys(("portuguese", "português"), "pt"),
    **dict.fromkeys(("dutch", "nederlands"), "nl"),
}
_NOT_WORDS: Final = re.compile(
    r"https?://\S{1,300}|`[^`]{0,300}`|\"[^\"\n]{0,300}\"|“[^”\n]{0,300}”|«[^»\n]{0,300}»|(?<=\s)'[^'\n]{3,300}'"
)
"""What has no language of its own: addresses, code, quoted words."""


class Language:
    """Kind: wrong_language."""

    name = "language"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Compare the answer's language with the customer's."""
        if answer.reply is None:
            return self._marks.none()
        said = customer_texts(case)
        given = _language([answer.reply.text])
        asked = [found for text in said for found in _ASKED.finditer(text)]
        wanted = _CODES[asked[-1]["one"].lower()] if asked else _language(said)
        if given is None or wanted is None:
            return self._marks.none()
        if given == wanted:
            return self._marks.passed()
        return self._marks.failed("wrong_language", f"answered in {given}, the customer writes {wanted}")


def _without_ids(text: str) -> str:
    """Return the words without digits, underscores and at-signs in them: ids and mail addresses have no language."""
    return " ".join(word for word in text.split() if not any(mark.isdigit() or mark in "_@" for mark in word))


def _language(texts: list[str] | tuple[str, ...]) -> str | None:
    plain = [_without_ids(_NOT_WORDS.sub(" ", text[:_LONGEST])) for text in texts]
    kept = [text for text in plain if sum(map(str.isalpha, text)) >= _FEWEST_LETTERS or not text.isascii()]
    messages = tuple(Message("user", (Text(text),)) for text in kept)
    if not messages:
        return None
    code = signal.measure(Reading.of(Turn(messages)), EMPTY_SESSION).code
    return None if code == signal.UNDETERMINED else code
