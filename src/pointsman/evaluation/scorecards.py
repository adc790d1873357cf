"""Scorecards: what a good reply is, as people write it down. A YAML file of weighted criteria in categories.

A criterion is decided by a rule (a grader of this package), by words that one speaker must or must not say, by a field (of a
plan), or by a question to a judge. Plans are graded apart from replies, by criteria of their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.errors import UsageError
from pointsman.evaluation.graders.registry import grader

Speaker = Literal["agent", "customer", "tool"]
RollUp = Literal["weighted", "all_must_pass"]

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$"
Name = Annotated[str, Field(pattern=_NAME)]
Weight = Annotated[float, Field(gt=0, le=1000)]
Phrase = Annotated[str, Field(min_length=1, max_length=300)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Says(_Part):
    """Words that a speaker says. Of what is given, everything must hold; letters' case does not count.

    ``any_of``: at least one of the phrases. ``all_of``: each. ``none_of``: none. ``matches``: a regular expression. ``within``:
    the reply that is graded, or everything this speaker said up to and including it; a customer speaks before the reply only.
    """

    speaker: Speaker = "agent"
    any_of: tuple[Phrase, ...] = ()
    all_of: tuple[Phrase, ...] = ()
    none_of: tuple[Phrase, ...] = ()
    matches: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    within: Literal["reply", "conversation"] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not (self.any_of or self.all_of or self.none_of or self.matches):
            raise ValueError("say what is looked for: any_of, all_of, none_of or matches")
        if self.matches is not None:
            compiled(self.matches)
        if self.within == "reply" and self.speaker != "agent":
            raise ValueError(f"the reply is the agent's: a {self.speaker} speaks within the conversation")
        return self

    @property
    def in_reply(self) -> bool:
        """Whether only the graded reply is looked at."""
        return (self.within or ("reply" if self.speaker == "agent" else "conversation")) == "reply"


class PlanField(_Part):
    """A field of a plan, and what it must be. A field that the plan does not have does not hold."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    one_of: tuple[str | float | bool, ...] = ()
    filled: bool | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.one_of and self.filled is None and self.at_least is None:
            raise ValueError("say what the field must be: one_of, filled or at_least")
        return self


class Criterion(_Part):
    """One criterion, decided by exactly one of ``rule``, ``says``, ``field`` and ``ask``.

    ``required``: a card cannot pass without it, whatever the weights. ``answer``: what the judge must say. ``evidence``: who must
    have said the words on which the judge's answer rests; left out, anyone.
    """

    name: Name
    weight: Weight = 1.0
    required: bool = False
    rule: str | None = None
    says: Says | None = None
    field: PlanField | None = None
    ask: Annotated[str, Field(min_length=5, max_length=2000)] | None = None
    answer: Literal["yes", "no"] = "yes"
    evidence: Speaker | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in ("rule", "says", "field", "ask") if getattr(self, name) is not None]
        if len(ways) != 1:
            found = f"has {' and '.join(ways)}" if ways else "has none"
            raise ValueError(f"a criterion is decided by exactly one of rule, says, field and ask; {self.name} {found}")
        if self.rule is not None:
            try:
                grader(self.rule)
            except UsageError as error:
                raise ValueError(str(error)) from None
        if self.ask is None and (self.answer != "yes" or self.evidence is not None):
            raise ValueError("answer and evidence are about a judge's answer: they go with ask")
        return self

    @property
    def how(self) -> str:
        """By which of the four it is decided."""
        return next(name for name in ("rule", "says", "field", "ask") if getattr(self, name) is not None)


class Category(_Part):
    """Criteria that belong together, with their weight in the card."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    weight: Weight = 1.0
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1, max_length=200)]


class Block(_Part):
    """What is graded together: categories, how they add up, and from which score on it passes."""

    roll_up: RollUp = "weighted"
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _names(self) -> Self:
        for kind, names in (
            ("category", [category.name for category in self.categories]),
            ("criterion", [criterion.name for criterion in self.criteria()]),
        ):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"the {kind} {twice} stands twice: give each a name of its own")
        return self

    def criteria(self) -> Iterator[Criterion]:
        """Yield the criteria, category by category."""
        for category in self.categories:
            yield from category.criteria


class Card(Block):
    """A scorecard. ``plan``: what a good plan is, graded apart."""

    name: Name
    plan: Block | None = None

    @model_validator(mode="after")
    def _right_kinds(self) -> Self:
        odd = next((one.name for one in self.criteria() if one.field is not None), None)
        if odd is not None:
            raise ValueError(f"{odd}: field is for plans; put it below plan")
        odd = next(
            (one.name for one in (self.plan.criteria() if self.plan else ()) if one.how in ("rule", "says")), None
        )
        if odd is not None:
            raise ValueError(f"plan: {odd}: a plan is graded by field or ask")
        return self

    @cached_property
    def version(self) -> str:
        """12 hex digits of what the card says and of the rules' versions it uses."""
        used = sorted({f"{one.rule}@{grader(one.rule).version}" for one in self.criteria() if one.rule is not None})
        content = msgspec.json.encode([self.model_dump(mode="json"), used], order="deterministic")
        return hashlib.sha256(content).hexdigest()[:12]

    @cached_property
    def asks(self) -> bool:
        """Whether a judge is needed for replies."""
        return any(one.ask is not None for one in self.criteria())

    @cached_property
    def asks_of_plans(self) -> bool:
        """Whether a judge is needed for plans."""
        return self.plan is not None and any(one.ask is not None for one in self.plan.criteria())


@lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern, compiled for any case.

    Raises:
        ValueError: it is none, or could take very long: a repeat of something that repeats.
    """
    try:
        found = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{pattern[:60]!r} is no regular expression: {error}") from None
    if _NESTED.search(pattern):
        raise ValueError(f"{pattern[:60]!r} repeats what repeats, which can take hours on some texts: write it without")
    return found


_NESTED = re.compile(r"\((?:[^()\\]|\\.)*[+*](?:[^()\\]|\\.)*\)[+*{]")


def read_card(path: Path) -> Card:
    """Read a scorecard.

    Raises:
        UsageError: the file is wrong; names file, line and field.
    """
    return card_from(LocatedYaml.read(path, UsageError))


def card_from(file: LocatedYaml) -> Card:
    """Return the card of a decoded file.

    Raises:
        UsageError: as ``read_card``.
    """
    if not isinstance(file.data, dict):
        raise file.at(1, "a scorecard has a name and categories; see docs/how-to/write-a-scorecard.md")
    try:
        return Card.model_validate(file.data)
    except ValidationError as problem:
        first = dict(problem.errors()[0])
        raise file.problem(_place(first, file.data), _sentence(first)) from None


def _place(error: dict[str, Any], data: Any) -> tuple[str | int, ...]:
    """Return where in the file an error is: as far as its place leads into the data, which the names of unions do not."""
    place: list[str | int] = []
    for part in error["loc"]:
        inside = isinstance(data, dict) and part in data
        inside = inside or (isinstance(data, list) and isinstance(part, int) and part < len(data))
        if not inside:
            break
        place.append(part)
        data = data[part]
    return tuple(place)


def _sentence(error: dict[str, Any]) -> str:
    last = str(error["loc"][-1])[:40] if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return f"{last!r} is not a field here"
    if error["type"] == "missing":
        return f"{last} is missing"
    if error["type"] == "string_pattern_mismatch":
        return f"{str(error['input'])[:40]!r} is no name: letters, digits, _ . and -, at most 60"
    return str(error["msg"]).removeprefix("Value error, ")
