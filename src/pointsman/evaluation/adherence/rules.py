"""The rules file: what an agent must and must not do, as people write it down.

A rule is about a call (``call``) or about words (``says``), and demands one thing of it: something before it (``needs``), nothing
after it (``nothing_after``), at most so many (``at_most``), never (``never``), or a tool result behind it (``needs_result``). A
rule with ``must_say`` is about what has to be said.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.errors import UsageError

Fact = Literal["date", "amount"]
Speaker = Literal["agent", "customer"]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=80)], ...], BeforeValidator(_listed)]
Phrases = Annotated[tuple[Annotated[str, Field(min_length=2, max_length=300)], ...], BeforeValidator(_listed)]
Plain = str | float | bool | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Value(_Part):
    """What an argument, or a field of a result, must be: all of what is given. A field that is not there is not it."""

    over: float | None = None
    under: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[Plain, ...] = ()
    not_one_of: tuple[Plain, ...] = ()


class Earlier(_Part):
    """A call that must stand before: made, answered, and gone well. ``same``: arguments with equal values in both calls.

    ``result``: fields that its result (JSON) must hold.
    """

    call: Names
    same: Names = ()
    where: dict[str, Value] = {}
    result: dict[str, Value] = {}


class Words(_Part):
    """Words to look for. ``any_of``: phrases. ``fact``: a promise that names a date or an amount.

    Denied words ("we cannot guarantee it"), questions, and words quoted from the customer are not said.
    """

    any_of: Phrases = ()
    fact: Fact | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.any_of) == (self.fact is not None):
            raise ValueError("says needs any_of (phrases) or fact (date, amount), one of them")
        return self


class Rule(_Part):
    """One rule. ``where`` narrows ``call`` down by its arguments, ``when_customer_says`` the rule to such conversations."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w .-]{0,79}$")]
    call: Names = ()
    where: dict[str, Value] = {}
    says: Words | None = None
    must_say: Phrases = ()
    when_customer_says: Phrases = ()
    needs: Earlier | None = None
    nothing_after: Names = ()
    at_most: Annotated[int, Field(ge=1, le=1000)] | None = None
    never: bool = False
    needs_result: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        about = [name for name in ("call", "says", "must_say") if getattr(self, name)]
        if len(about) != 1:
            raise ValueError(f"{self.name}: a rule is about exactly one of call, says and must_say")
        wanted = ("needs", "nothing_after", "at_most", "never", "needs_result")
        demands = [name for name in wanted if getattr(self, name)]
        if about != ["must_say"] and len(demands) != 1:
            raise ValueError(f"{self.name}: a rule demands exactly one of {', '.join(wanted)}")
        fits = {"call": set(wanted) - {"needs_result"}, "says": {"needs", "never", "needs_result"}, "must_say": set()}
        odd = [name for name in demands if name not in fits[about[0]]]
        if odd or (self.where and not self.call):
            raise ValueError(f"{self.name}: {(odd or ['where'])[0]} does not go with {about[0]}")
        if self.needs_result and (self.says is None or self.says.fact is None):
            raise ValueError(f"{self.name}: needs_result is about a fact: says: {{fact: date}}")
        return self


class Rules(_Part):
    """A rules file."""

    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two rules are called {twice}: give each a name of its own")
        return self


def read_rules(path: Path) -> Rules:
    """Read a rules file.

    Raises:
        UsageError: the file is wrong; names file, line and field.
    """
    file = LocatedYaml.read(path, UsageError)
    try:
        return Rules.model_validate(file.data or {})
    except ValidationError as problem:
        first = problem.errors()[0]
        place = tuple(first["loc"])
        text = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            text = f"{str(place[-1])[:40]!r} is not a field here"
            place = place[:-1]
        raise file.problem(place, f"{'.'.join(map(str, place)) or 'the file'}: {text}") from None
