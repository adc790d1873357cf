"""Finds the one JSON value of a reply that says more than JSON: fences, a sentence before it, a remark after it.

Two different values are nobody's to choose between, and text around a value that looks like more data (a key, a bracket left
open or closed) makes it uncertain that the value is whole: both are refused.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from pointsman.contracts.reading import Reading, Unreadable
from pointsman.contracts.strict_json import NotJson, decode, same
from pointsman.contracts.verdict import Failure, Repair
from pointsman.contracts.witness import confirmed

_OPENER = re.compile(r"[\[{]")
_FENCE = re.compile(r"(?:^|(?<=\n))[ \t]*(?:```|~~~)[^\n`~]*|```")
_FENCES = ("```", "~~~")
_LABEL = re.compile(r"[\w+.-]*")
_THINKS = re.compile(r"\s*<(?:think|thinking|reasoning)>", re.IGNORECASE)
_THOUGHT = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_BRACKETED_WORDS = re.compile(r"\{[^{}\[\]\"':]{1,80}\}|\[[^{}\[\]\"':]{1,200}\]")
_CITATION = re.compile(r"\[[0-9]{1,3}(?:\s*[,-]\s*[0-9]{1,3})*\]")
_KEY = re.compile(r"[\"'”’]\s*:")
_MORE = re.compile(r"\s*,\s*[^\s,;]")
_STRAY = re.compile(r"[\s\]},;]*")
_READ_FROM = 50
"""How many brackets that turn out to be words are looked behind, before a reply counts as unreadable."""
_MOST = 20
"""How many values are compared, where one is wanted."""


class Found(msgspec.Struct, frozen=True):
    """The JSON text of the value, what was wrong with the reply around and in it, and what was done about it."""

    text: str
    value: Any
    failures: tuple[Failure, ...]
    repairs: tuple[Repair, ...]


class NotFound(ValueError):
    """There is no value, or none that is certain. ``empty``: not even the beginning of one; ``cut``: it breaks off."""

    def __init__(self, message: str, *, empty: bool = False, cut: bool = False, fenced: bool = False) -> None:
        super().__init__(message)
        self.empty = empty
        self.cut = cut
        self.fenced = fenced


def find(text: str, *, array_wanted: bool) -> Found:
    """Return the one value of ``text``. ``array_wanted`` tells a list of numbers from a citation mark like ``[1]``.

    Raises:
        NotFound: see the class.
    """
    body, repairs = _without_reasoning(text)
    whole = _in_one_fence(body)
    if whole is not None:
        failures = _failures(fenced=True, text=False, repairs=())
        return Found(whole[0], whole[1], failures, (*repairs, Repair("fence removed")))
    values, gaps = _values(body, array_wanted=array_wanted)
    fenced = any(_FENCE.search(gap) for gap in gaps)
    chosen, spelled, value = _the_one(values, fenced=fenced)
    repairs += _around(gaps, fenced=fenced, several=len(values) > 1)
    failures = _failures(fenced=fenced, text=bool(repairs) and not fenced, repairs=chosen.repairs)
    return Found(spelled, value, failures, (*repairs, *chosen.repairs))


def _without_reasoning(text: str) -> tuple[str, list[Repair]]:
    """Return what follows a block of reasoning. A value inside the block is a draft, not the reply."""
    opens = _THINKS.match(text)
    closes = _THOUGHT.search(text)
    if opens is None and (closes is None or text.lstrip().startswith(("{", "[", *_FENCES))):
        return text, []
    if closes is None:
        raise NotFound("the reasoning before the reply does not end", cut=True)
    return text[closes.end() :], [Repair("reasoning before the reply removed")]


def _in_one_fence(body: str) -> tuple[str, Any] | None:
    """Return text and value where the reply is one fence around JSON (a lone number or string has no bracket to look for)."""
    bare = body.strip()
    mark = bare[:3]
    if mark not in _FENCES or not bare.endswith(mark) or len(bare) < 2 * len(mark):
        return None
    inner = bare[len(mark) : -len(mark)]
    label = _LABEL.match(inner)
    try:
        inside = inner[label.end() if label and "\n" in inner else 0 :].strip()
        return inside, decode(inside)
    except NotJson:
        return None


def _failures(*, fenced: bool, text: bool, repairs: tuple[Repair, ...]) -> tuple[Failure, ...]:
    found = [Failure("fenced", "", "the JSON stands in a code fence")] if fenced else []
    said = ["text stands before or after the JSON"] if text else []
    if repairs:
        said.append("not JSON as the standard has it: " + ", ".join(repair.what for repair in repairs))
    if said:
        found.append(Failure("invalid_json", "", "; ".join(said)))
    return tuple(found)


def _values(body: str, *, array_wanted: bool) -> tuple[list[Reading], list[str]]:
    """Return the values of ``body`` and the texts before, between and after them."""
    values: list[Reading] = []
    gaps: list[str] = []
    begun = at = tries = 0
    lead = len(body) - len(body.lstrip())
    while opener := _OPENER.search(body, at):
        start = opener.start()
        if not array_wanted and (words := _CITATION.match(body, start)) and start > lead:
            at = words.end()
            continue
        try:
            reading = Reading(body, start)
        except Unreadable as problem:
            words = _BRACKETED_WORDS.match(body, start)
            tries += 1
            if words is None or tries > _READ_FROM:
                fenced = _FENCE.search(body[:start]) is not None
                raise NotFound(_where(body, problem), cut=problem.cut, fenced=fenced) from None
            at = words.end()
            continue
        gaps.append(body[begun:start])
        values.append(reading)
        if len(values) > _MOST:
            raise NotFound(f"there are more than {_MOST} JSON values in it")
        begun = at = reading.end
    gaps.append(body[begun:])
    if not values:
        raise NotFound("there is no JSON in it", empty=True, fenced=_FENCE.search(body) is not None)
    return values, gaps


def _where(body: str, problem: Unreadable) -> str:
    line = body.count("\n", 0, problem.position) + 1
    column = problem.position - (body.rfind("\n", 0, problem.position) + 1) + 1
    return f"{problem} at line {line}, column {column}"


def _the_one(values: list[Reading], *, fenced: bool) -> tuple[Reading, str, Any]:
    """Return the value with its JSON text, once it is certain that the reply holds no other."""
    try:
        decoded = [decode(reading.spelled()) for reading in values]
    except NotJson as problem:
        raise NotFound(str(problem), fenced=fenced) from None
    if not all(same(decoded[0], other) for other in decoded[1:]):
        raise NotFound(f"there are {len(values)} different JSON values: which one counts is not certain", fenced=fenced)
    chosen, value = values[0], decoded[0]
    if chosen.repairs and not confirmed(chosen.source, value):
        raise NotFound("it is not JSON, and can be read in more than one way", fenced=fenced)
    return chosen, chosen.spelled(), value


def _around(gaps: list[str], *, fenced: bool, several: bool) -> list[Repair]:
    """Return what was left out around the value.

    Raises:
        NotFound: the text there looks like a part of the data.
    """
    done = [Repair("fence removed")] if fenced else []
    for number, gap in enumerate(gaps):
        rest = _FENCE.sub("", gap)
        last = number == len(gaps) - 1
        if number and _MORE.match(rest) and not any(mark in rest for mark in "]}"):
            raise NotFound("more follows the JSON value after a comma: it may be a part of it", fenced=fenced)
        if _KEY.search(rest):
            raise NotFound("a key stands outside the JSON value: it may be a part of it", fenced=fenced)
        if any(mark in rest for mark in "]}"):
            bare = _BRACKETED_WORDS.sub("", _CITATION.sub("", rest))
            if any(mark in bare for mark in "]}") and not (last and _STRAY.fullmatch(bare)):
                raise NotFound("a closing bracket stands outside the JSON value: a part may be missing", fenced=fenced)
        if rest.strip():
            where = "after" if last else "before" if number == 0 else "between"
            done.append(Repair(f"text {where} the JSON removed"))
    if several:
        done.append(Repair("repeated value left out"))
    return done
