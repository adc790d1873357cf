"""Says something else than the tools returned: another amount, date or id, another status, the opposite of a yes or no.

Held against the results of this turn (the tape's where there are none). A value is wrong where its sentence names one field
of a result and gives another value than that field's, or where a value of its kind stands nowhere: not in the conversation,
nor in any result, nor as a sum, difference or share of what stands there. A status is wrong where the results know only other
states of the same matter. Denials, plans, conditions and questions are left alone.

Measured by ``python benchmarks/grader_quality.py``. It reads values and status words; a contradiction in prose alone passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import combinations
from typing import Any, Final

import msgspec

from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_action_words import ASKED
from pointsman.evaluation.grading_seam import Marks, version_of
from pointsman.evaluation.grading_statuses import is_status_field, states_in
from pointsman.evaluation.grading_turn import all_texts, evidence, result_value
from pointsman.execution.routes.facts import Fact, facts, offered, plain, stands
from pointsman.execution.routes.phrases import folded, stems
from pointsman.routing.lexicon.match import wordset

_REVISION: Final = 1
_SENTENCE: Final = re.compile(r"(?<=[!?])\s+|(?<=[^\d\s]\.)\s+|(?<=\d\.)\s+(?=[A-Z])|\n+")
_OPEN: Final = re.compile(
    r"\b(?:if|once|when|after|until|unless|before|whether|as soon as|would|could|will|can|may|might|should|not|never|no longer"
    r"|cannot|unable|to be|wait(?:ing)? for)\b|n['’]t\b|['’]ll\b",
    re.IGNORECASE,
)
_OPEN_VALUE: Final = re.compile(
    r"\b(?:if|unless|would|could|up to|at least|more than|less than|over|under|not)\b|n['’]t\b", re.IGNORECASE
)
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_VAGUE: Final = wordset("amount value date id number total price time at on is has can code name")
_MONEY: Final = wordset(
    """amount amounts total price prices cost costs fee fees refund balance due paid charge tax discount credit deposit subtotal
    fare rate payment bill"""
)
_COUNTED: Final = wordset("points count quantity baggages days nights")
_NUMERAL: Final = re.compile(r"\d+(?:\.\d+)?")
_NO_ID: Final = re.compile(r"\d+(?:-?[a-z]{2,}(?:-[a-z]+)*|[ap]m)|[a-z]+-\d{1,2}", re.IGNORECASE)
"""What is read like an id and is none: 24-hour, 20th, 5pm, covid-19."""
_IS: Final = frozenset({"is", "has", "can", "was", "be"})
_MOST_LEAVES: Final = 400
_MOST_AMOUNTS: Final = 24
_TRIPLES: Final = 12
_LONGEST: Final = 8_000
_KINDS: Final = frozenset({"amount", "date", "time", "id", "percent"})


class _Leaf(msgspec.Struct, frozen=True):
    """One value of a result: the words of its field's name, its text, and itself."""

    words: tuple[str, ...]
    key: str
    value: Any
    money: bool = False


class ContradictsToolResult:
    """Finds values and states in a reply that the tool results speak against. Kinds: wrong_fact, unknown_fact, wrong_status."""

    name = "contradicts_tool_result"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade the answer's text against what tools returned."""
        results = evidence(case)
        if answer.reply is None or not answer.reply.text.strip() or not results:
            return self._marks.none()
        leaves = [leaf for text in results for leaf in _leaves(result_value(text))][:_MOST_LEAVES]
        told = _Told(leaves, " ".join(results))
        known = _Known(list(all_texts(case)), leaves, answer.reply.text[:_LONGEST])
        for sentence in _SENTENCE.split(answer.reply.text[:_LONGEST]):
            if sentence.rstrip().endswith("?") and ASKED.match(sentence):
                continue
            fault = _status_fault(sentence, told) or _fact_fault(sentence, told, known) or _yes_no_fault(sentence, told)
            if fault is not None:
                return self._marks.failed(fault[0], f"{fault[1]}, in: {sentence.strip()[:120]}")
        return self._marks.passed()


class _Told:
    """What the results say, prepared once: a reply may have hundreds of sentences, a result hundreds of fields."""

    def __init__(self, leaves: Sequence[_Leaf], world: str) -> None:
        telling = [([word for word in leaf.words if word not in _VAGUE], leaf) for leaf in leaves]
        self._telling = [
            (len(words), frozenset(stem for word in words for stem in stems(word)), leaf)
            for words, leaf in telling
            if words
        ]
        fields = [leaf for leaf in leaves if is_status_field(leaf.key) and isinstance(leaf.value, str)]
        self.statuses = {(matter, state) for leaf in fields for matter, state, _, _ in states_in(str(leaf.value))}
        self.anywhere = {(matter, state) for matter, state, _, _ in states_in(world.replace("_", " "))}
        flags = [leaf for leaf in leaves if isinstance(leaf.value, bool)]
        self.flags = [(leaf, [word for word in leaf.words if word not in _IS]) for leaf in flags]
        self._shown: dict[tuple[int, str], tuple[Fact, ...]] = {}

    def named(self, sentence: str) -> list[_Leaf]:
        """Return the fields that a sentence names by all telling words of their names, the most telling ones."""
        said = set(stems(folded(sentence)))
        found = [(count, leaf) for count, words, leaf in self._telling if words <= said]
        most = max((count for count, _ in found), default=0)
        return [leaf for count, leaf in found if count == most]

    def has(self, leaf: _Leaf, kind: str) -> bool:
        """Tell whether a field's value is a fact of this kind."""
        if kind == "number":
            return _is_number(leaf.value) and not leaf.money and any(word not in _VAGUE for word in leaf.words)
        place = (id(leaf), "amount" if kind == "amount" and leaf.money else "")
        if place not in self._shown:
            self._shown[place] = facts(_as_text(leaf, kind))
        return any(fact.kind == kind for fact in self._shown[place])


class _Known:
    """What a reply may state: every fact of the conversation, and what can be worked out from its amounts."""

    def __init__(self, texts: Sequence[str], leaves: Sequence[_Leaf], reply: str) -> None:
        numbers = [str(leaf.value) for leaf in leaves if _is_number(leaf.value)]
        every = [fact for text in texts for fact in _facts_of(text)]
        self.keys = frozenset(key for fact in every for key in fact.offers) | offered([" ".join(numbers)])
        self.kinds = {fact.kind for fact in every} | ({"amount", "percent"} if numbers else set())
        self._letters = "".join(mark for text in texts for mark in text.casefold() if mark.isalnum())
        amounts = {
            key[1] for fact in every if fact.kind == "amount" for key in fact.offers if isinstance(key[1], Decimal)
        }
        amounts |= {Decimal(str(leaf.value)) for leaf in leaves if leaf.money}
        said = {key[1] for fact in _facts_of(reply) if fact.kind == "amount" for key in fact.offers}
        # What the reply names itself is what it most likely adds up.
        self._amounts = sorted(amounts, key=lambda value: (value not in said, -value))[:_MOST_AMOUNTS]
        shares = {key[1] for key in self.keys if key[0] == "percent" and isinstance(key[1], Decimal)}
        self._shares = sorted(shares)[:_MOST_AMOUNTS]
        self._made: frozenset[int] | None = None

    def has(self, fact: Fact) -> bool:
        """Tell whether a fact stands somewhere, or follows from what does."""
        if stands(fact, self.keys):
            return True
        if fact.kind == "id":
            bare = "".join(mark for mark in fact.raw.casefold() if mark.isalnum())
            return bare in self._letters or _NO_ID.fullmatch(fact.raw) is not None
        values = [part for key in fact.needs for part in key if isinstance(part, Decimal)]
        if fact.kind == "percent":
            return any(("number", value) in self.keys for value in values)
        if self._made is None:
            self._made = frozenset(_cents(value) for value in self._worked_out())
        return fact.kind == "amount" and any(_cents(value) in self._made for value in values)

    def _worked_out(self) -> Iterator[Decimal]:
        """Yield the sums, differences, multiples and shares of known amounts, and the sums of three and of all."""
        amounts = self._amounts
        yield sum(amounts, Decimal())
        yield from (sum(three, Decimal()) for three in combinations(amounts[:_TRIPLES], 3))
        for one, other in combinations(amounts, 2):
            yield from (one + other, abs(one - other))
        for one in amounts:
            yield from (one * count for count in range(2, 10))
            for share in self._shares:
                yield from (one * share / 100, one - one * share / 100)


def _cents(value: Decimal) -> int:
    return round(value * 100)


@lru_cache(maxsize=2048)
def _facts_of(text: str) -> tuple[Fact, ...]:
    """Return a text's facts; the texts of one conversation are asked for with each of its turns."""
    return facts(text)


def _fact_fault(sentence: str, told: _Told, known: _Known) -> tuple[str, str] | None:
    every = facts(sentence)
    unsure = _OPEN_VALUE.search(sentence) is not None
    said = [fact for fact in every if fact.kind == "id" or (fact.kind in _KINDS and not unsure)]
    named: list[_Leaf] | None = None
    for kind in ("amount", "date", "number"):
        given = [fact for fact in (every if kind == "number" else said) if fact.kind == kind]
        if len(given) != 1:
            continue
        named = told.named(sentence) if named is None else named
        fields = [leaf for leaf in named if told.has(leaf, kind)]
        if kind == "number":
            fields = [leaf for leaf in fields if _counts(sentence, given[0], leaf)]
        if len({str(leaf.value) for leaf in fields}) == 1 and not stands(
            given[0], offered([_as_text(fields[0], kind)])
        ):
            return "wrong_fact", f"{given[0].raw}, but {fields[0].key} is {fields[0].value}"
    for fact in said:
        if fact.kind in known.kinds and not known.has(fact):
            return "unknown_fact", f"{fact.raw} stands in no result and nowhere in the conversation"
    return None


def _counts(sentence: str, number: Fact, leaf: _Leaf) -> bool:
    """Tell whether a number stands right before what the field counts: "5 seats left" and ``seats_left``."""
    after = stems(folded(plain(sentence)[number.start + len(number.raw) :]))[:2]
    return any(one in after for word in leaf.words if word not in _VAGUE for one in stems(word))


def _as_text(leaf: _Leaf, kind: str) -> str:
    """Return a leaf's value as text; a bare number of money is one of the currency said, whichever that is."""
    if kind == "amount" and leaf.money:
        return " ".join(f"{sign}{leaf.value}" for sign in "$€£¥₹") + f" {leaf.value}"
    return str(leaf.value)


def _status_fault(sentence: str, told: _Told) -> tuple[str, str] | None:
    known = told.statuses
    if not known:
        return None
    for matter, state, start, _ in states_in(sentence):
        others = {one for what, one in known if what == matter}
        if (
            not others
            or (matter, state) in known
            or (matter, state) in told.anywhere
            or _OPEN.search(_clause(sentence, start))
        ):
            continue
        return "wrong_status", f"{state}, but the result says {', '.join(sorted(others))}"
    return None


def _yes_no_fault(sentence: str, told: _Told) -> tuple[str, str] | None:
    """Hold "is refundable" against ``refundable: false``."""
    if not told.flags:
        return None
    line = folded(sentence.replace("-", " ")).replace("non ", "not ")
    said = line.split()
    if not said or _OPEN_VALUE.match(sentence):
        return None
    line = f" {' '.join(said)} "
    for leaf, words in told.flags:
        if not words or f" {' '.join(words)} " not in line:
            continue
        for place in range(len(said) - len(words) + 1):
            if said[place : place + len(words)] == words:
                before = said[max(0, place - 5) : place]
                if not {"is", "are", "was", "has", "been", "includes", "its", "youre"} & set(before):
                    continue
                denied = bool({"not", "isnt", "arent", "no", "wasnt", "hasnt", "never", "un", "without"} & set(before))
                if denied == leaf.value and not {"if", "whether", "when", "unless"} & set(said[:place]):
                    return "wrong_status", f"{leaf.key} is {str(leaf.value).lower()}"
    return None


def _clause(sentence: str, start: int) -> str:
    return re.split(r",\s|;\s|\s(?:and|but|so)\s", sentence[:start])[-1]


def _leaves(
    value: Any, words: tuple[str, ...] = (), key: str = "", *, money: bool = False, depth: int = 0
) -> Iterator[_Leaf]:
    """Yield a result's values; ``money``: a field above tells that its numbers are amounts ({"prices": {"economy": 87}})."""
    if depth > 12:  # noqa: PLR2004 - deeper results are not told to customers
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            own = tuple(part.lower() for part in _PARTS.findall(str(name)))
            paid = not _MONEY.isdisjoint(own) and own[-1] not in _COUNTED
            yield from _leaves(
                inner, own, str(name), money=paid or (money and isinstance(inner, int | float)), depth=depth + 1
            )
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, words, key, money=money, depth=depth + 1)
    elif value is not None and key:
        yield _Leaf(words, key, value, money and _is_number(value))


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMERAL.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)
