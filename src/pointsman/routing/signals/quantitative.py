"""Quantitative reasoning: does a right answer take arithmetic, rather than looking a number up?"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pointsman.domain.turn import Session
from pointsman.routing.lexicon.match import Lexicon, Words, wordset
from pointsman.routing.reading import Reading

NAME: Final = "quantitative"

_CALCULATE: Final = Lexicon(
    {
        "sum": """calculate, what will/would/do we/i/it/that pay/cost/owe, cost me over, cost ~ over ~
        years/months, over ~ years ~ cost, how much ~ each, how much will ~ pay/cost, how much ~ altogether, how
        many ~ altogether, how many ~ in all, how many ~ each, twice as many, half as many, times as many, times
        more, calculation, calculator, compute, add up, adds up, work out ~ cost/total/price/much, sum of, square
        root, divided by, multiplied by, times ~ equals, plus ~ equals, minus ~ equals, average of, on average,
        percent of, percentage of, percent off, prorated, pro rated, prorate, pro rata, break even, compound
        interest, interest over, split ~ between/ways/among, per person, each pay, how much would i save, how much
        will i save, how much do i save, how much i save, save per, cheaper per, cost per, total cost, in total,
        total ~ if, difference in price, price difference, how much more, how much less, how many more, how much is
        left, how much ~ left, how many ~ left, how much ~ after, how much ~ if, how much ~ owe, how many ~ would,
        how long ~ pay off, monthly payments, exchange rate, convert, conversion, how many days/weeks/months/hours
        between/until/from, what is/are ~ plus, what is/are ~ minus, what is/are ~ times, what is/are ~ divided,
        whats ~ plus, whats ~ minus, whats ~ times, whats ~ divided, whats ~ percent, what is ~ percent, reconcile,
        doesnt add up, dont add up, how much total, altogether, how many ~ total, profit, ratio, berechnen,
        ausrechnen, wie viel ~ insgesamt, prozent von, insgesamt, calcular, cuánto ~ total, en total, calculer,
        combien ~ total, au total, calcolare, in totale, quanto ~ totale"""
    }
)
_ASKS: Final = wordset(
    """much many total percent save difference left cost equals cheaper sum worth cuánto combien wieviel viel
    quanto hoeveel cuántos"""
)
_QUANTITY: Final = re.compile(
    r"(?<![\w-])(?:[$€£]\s?\d[\d.,]*|\d{1,4}(?:[.,]\d+)*\s?(?:%|percent|usd|eur|gbp|dollars?|euros?|pounds?|€|£)?)(?![\w-])",
    re.IGNORECASE,
)
# Both begin with a fixed class of characters, so that the engine skips to it: five times as fast as one pattern for all.
_FORMULA: Final = re.compile(
    r"\d(?:\s?%\s?(?i:of|off|from|von|de)\b|\s?[+*×÷^]\s?\d|\s[/xX]\s\d|\s-\s\d+\s?=)",
)
_EQUALS_WHAT: Final = re.compile(r"=\s?\?")
_OPERATORS: Final = ("%", "+", "*", "/", "^", "×", "÷", " x ", " X ")
_NUMBER_WORDS: Final = wordset(
    """two three four five six seven eight nine ten eleven twelve fifteen twenty thirty fifty hundred dozen
    zwei drei vier fünf sechs sieben acht neun zehn zwölf zwanzig dos tres cuatro cinco seis siete ocho nueve diez doce veinte
    deux trois quatre cinq sept huit neuf dix douze vingt due tre quattro cinque sei sette otto nove dieci dodici venti
    dois duas três quatro sete oito dez doze vinte twee drie vijf zes zeven negen tien"""
)
_EACH: Final = wordset(
    "each apiece per cada chacun chacune jeweils je pro ciascuno ciascuna luno luna por par à a elk stuk"
)
_MONEY: Final = wordset(
    """euro euros eur dollar dollars usd pound pounds gbp franken chf reais real pesos dólares dólar francs cents"""
)
_TWO: Final = 2


class Quantitative(msgspec.Struct, frozen=True):
    """``needed``: the turn asks for arithmetic over quantities."""

    needed: bool


def measure(reading: Reading, session: Session) -> Quantitative:  # noqa: ARG001 - every signal has this shape
    """Look for words of calculation, a formula, or a how-much question over two or more quantities."""
    return reading.user.once(NAME, _judge)


def _judge(user: Words) -> Quantitative:
    if _CALCULATE.any(user.vocabulary, user.padded) or _priced_by_unit(user):
        return Quantitative(needed=True)
    if not user.digits:
        return Quantitative(needed=False)
    head = user.text[:2000]
    if _is_formula(user, head):
        return Quantitative(needed=True)
    if user.vocabulary.isdisjoint(_ASKS) or not _has_two_numbers(user):
        return Quantitative(needed=False)
    return Quantitative(needed=len(_QUANTITY.findall(head)) >= _TWO)


def _is_formula(user: Words, head: str) -> bool:
    """Look for a formula, behind tests that cost next to nothing: an equals sign alone ("size=400") makes none."""
    equals = "=" in head
    if equals and "?" in user.vocabulary and _EQUALS_WHAT.search(head):
        return True
    possible = any(mark in head for mark in _OPERATORS) or (equals and ("-" in head or "x" in user.vocabulary))
    return possible and _FORMULA.search(head) is not None


def _priced_by_unit(user: Words) -> bool:
    """Return whether a question gives a price per unit and how many units, some in words ("três noites a 15 euros cada?")."""
    words = user.vocabulary & _NUMBER_WORDS
    if not words or user.vocabulary.isdisjoint(_EACH):
        return False
    if user.vocabulary.isdisjoint(_MONEY) and not any(sign in user.text for sign in "€$£"):
        return False
    return len(words) + bool(user.digits) >= _TWO and ("?" in user.vocabulary or not user.vocabulary.isdisjoint(_ASKS))


def _has_two_numbers(user: Words) -> bool:
    """Tell cheaply whether the pattern, which is tried at every character, can find two quantities."""
    return len(user.numbers) >= _TWO or (len(user.numbers) == 1 and user.tokens.count(user.numbers[0]) >= _TWO)
