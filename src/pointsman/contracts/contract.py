"""A contract: the schema a reply must satisfy, and what becomes of a reply that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pointsman.contracts import verdict as verdicts
from pointsman.contracts.compiling import compiled, version_of
from pointsman.contracts.expected import Expected, marked, unmarked
from pointsman.contracts.faults import faults, pointer
from pointsman.contracts.finding import Found, NotFound, find
from pointsman.contracts.fitting import Fitting
from pointsman.contracts.refusals import refuses, refuses_in_json
from pointsman.contracts.schema_bounds import load
from pointsman.contracts.strict_json import NotJson, decode
from pointsman.contracts.unwrapping import Inner, all_names, declared_names, nearly_inside, text_of, valid_inside
from pointsman.contracts.verdict import Failure, Repair, Verdict
from pointsman.domain.message import JsonObject, OutputFormat

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError
    from pydantic import BaseModel

_MOST_CHECKS = 200_000
"""About how many checks are made to tell what is wrong with one reply: a tenth of a second at worst."""
_UNNAMED = OutputFormat().name
_LONGEST_NAME = 64

Also = Callable[[str], tuple[Failure, ...]]
"""A further check of a valid reply's JSON text, beyond what a schema can say."""


class Contract:
    """A schema compiled once, and checked against many replies. Safe to share between threads.

    ``name`` is how reports call it. ``version`` is a hash of the schema's content (12 hex digits). ``strict`` is the wish
    passed to providers that can hold a model to a schema; it changes nothing here: every reply is checked in full.
    ``expect_optional`` counts every optional field as expected; else only those marked ``"x-expected": true`` are.
    ``repair`` False rejects what would be repaired.

    Raises:
        UsageError: the schema is wrong or out of bounds; the message names the contract and the JSON pointer.
    """

    def __init__(  # noqa: PLR0913 - a contract's terms, by name
        self,
        schema: JsonObject,
        *,
        name: str = "reply",
        strict: bool | None = None,
        expect_optional: bool = False,
        repair: bool = True,
        also: Also | None = None,
    ) -> None:
        validator, self._recursive = compiled(schema, name)
        self.schema = schema
        self.name = name
        self.strict = strict
        self.version = version_of(schema, "expect_optional;" if expect_optional else "")
        self._repair = repair
        self._also = also
        self._validator = validator
        self._is_valid = validator.is_valid
        self._declared = declared_names(schema)
        self._expected: Expected | None = None
        if expect_optional or marked(schema):
            self._expected = Expected(schema, every=expect_optional, fits=Fitting(schema))
        self._array_wanted = self._is_valid([1]) or (not self._is_valid({}) and _root_types(schema) == {"array"})

    @classmethod
    def from_pydantic(
        cls, model: type[BaseModel], *, name: str | None = None, expect_optional: bool = False
    ) -> Contract:
        """Return the contract of a Pydantic model: its JSON Schema, and its own validators on what satisfies that."""

        def also(text: str) -> tuple[Failure, ...]:
            return _own_faults(model, text)

        schema = model.model_json_schema(by_alias=True, mode="validation")
        return cls(schema, name=name or model.__name__, expect_optional=expect_optional, also=also)

    @classmethod
    def from_output_format(cls, wanted: OutputFormat | None) -> Contract | None:
        """Return the contract a request asks for by its own output format; None where it asks for plain text."""
        if wanted is None or wanted.kind == "text":
            return None
        if wanted.kind == "json_object" or wanted.schema is None:
            return cls({"type": "object"}, name=wanted.name if wanted.schema is not None else "json_object")
        title = wanted.schema.get("title")
        # Anthropic's requests name no format, and Pydantic's schemas have the model's name for title.
        named = title[:_LONGEST_NAME].strip() if wanted.name == _UNNAMED and isinstance(title, str) else ""
        return cls(wanted.schema, name=named or wanted.name, strict=wanted.strict)

    def output_format(self) -> OutputFormat:
        """Return what to ask a provider for, so that the reply is likely to satisfy the contract."""
        return OutputFormat("json_schema", unmarked(self.schema), self.name, self.strict)

    def check(self, text: str, *, truncated: bool = False, refusal: bool = False) -> Verdict:
        """Say what becomes of a reply. Never raises, whatever the text holds.

        ``truncated``: the provider said that the reply ran into the output limit. ``refusal``: the provider said that the
        model declined. Neither is needed to find a reply that breaks off or declines in words.
        """
        if refusal:
            return self._rejected((Failure("refusal", "", "the model declined"),))
        try:
            value = decode(text)
        except NotJson as problem:
            return self._search(text, str(problem), truncated=truncated)
        # A lone number has no end of its own: cut off, it is another number.
        open_ended = truncated and isinstance(value, int | float) and not isinstance(value, bool)
        if self._is_valid(value) and not open_ended:
            wrong = self._beyond_schema(text, value)
            if wrong:
                return self._rejected(wrong)
            return Verdict("ok", self.name, self.version, value, text)
        return self._mismatch(Found(text, value, (), ()), truncated=truncated)

    def retry_message(self, verdict: Verdict) -> str:
        """Return what to tell the model about its rejected reply, for the one retry."""
        return verdicts.retry_message(verdict)

    def _search(self, text: str, problem: str, *, truncated: bool) -> Verdict:
        """Go on with a reply that is not JSON as it stands."""
        if not text.strip():
            word: Failure = Failure("invalid_json", "", "the reply is empty")
            return self._rejected((_CUT, word) if truncated else (word,))
        try:
            found = find(text, array_wanted=self._array_wanted)
        except NotFound as none:
            return self._unreadable(text, none, problem, truncated=truncated)
        if truncated:
            # What was cut away may have been more than white space.
            return self._rejected((_CUT, *found.failures))
        if self._valid(found.text, found.value):
            return self._repaired(found)
        return self._mismatch(found, truncated=False)

    def _unreadable(self, text: str, none: NotFound, problem: str, *, truncated: bool) -> Verdict:
        fenced = (Failure("fenced", "", "the JSON stands in a code fence"),) if none.fenced else ()
        if none.empty and not truncated and refuses(text):
            return self._rejected((Failure("refusal", "", "the model declined in words, without JSON"),))
        if truncated or none.cut:
            return self._rejected(
                (*fenced, Failure("truncated", "", f"the reply breaks off: {none}") if none.cut else _CUT)
            )
        said = f"not JSON: {none}" if none.empty or str(none) == problem else f"not JSON: {problem}; {none}"
        return self._rejected((*fenced, Failure("invalid_json", "", said)))

    def _mismatch(self, found: Found, *, truncated: bool) -> Verdict:
        """Go on with JSON that does not satisfy the schema: a wrapped payload, or its faults."""
        cut = (_CUT,) if truncated else ()
        if refuses_in_json(found.value):
            return self._rejected((*cut, *found.failures, Failure("refusal", "", "the model declined, in JSON")))
        inner, candidates = valid_inside(found.value, self._declared, self._fits)
        if inner is not None and not truncated:
            return self._unwrapped(found, inner)
        if candidates:
            return self._rejected((*cut, *found.failures, *map(_uncertain, candidates)))
        meant = nearly_inside(found.value, self._declared)
        if meant is not None:
            wrong = _below(meant, self._faults(meant.value))
            return self._rejected((*cut, *found.failures, _wrapped(meant), *wrong))
        return self._rejected((*cut, *found.failures, *self._faults(found.value, found.text)))

    def _unwrapped(self, found: Found, inner: Inner) -> Verdict:
        text = text_of(found.text, inner.steps)
        failures = (*found.failures, _wrapped(inner))
        wrong = self._beyond_schema(text, inner.value)
        if wrong:
            return self._rejected((*failures, *_below(inner, wrong)))
        return self._repaired(Found(text, inner.value, failures, (*found.repairs, *inner.repairs)))

    def _repaired(self, found: Found) -> Verdict:
        if not self._repair:
            return self._rejected(found.failures)
        return Verdict(
            "repaired", self.name, self.version, found.value, found.text, found.failures, _each_once(found.repairs)
        )

    def _rejected(self, failures: tuple[Failure, ...]) -> Verdict:
        return Verdict("rejected", self.name, self.version, failures=failures)

    def _valid(self, text: str, value: Any) -> bool:
        return self._is_valid(value) and not self._beyond_schema(text, value)

    def _fits(self, value: Any) -> bool:
        """Return whether an inner value is a payload: valid, with nothing dropped."""
        return self._is_valid(value) and not (self._expected and self._expected.dropped(value))

    def _beyond_schema(self, text: str, value: Any) -> tuple[Failure, ...]:
        wrong = self._expected.dropped(value) if self._expected else ()
        return wrong or (self._also(text) if self._also else ())

    def _faults(self, value: Any, text: str | None = None) -> tuple[Failure, ...]:
        if self._is_valid(value):
            return self._beyond_schema(text, value) if text is not None else ()
        found = faults(self._errors(value), all_names(self.schema)) or (_SOMEWHERE,)
        dropped = self._expected.dropped(value) if self._expected else ()
        return found + tuple(one for one in dropped if one not in found)

    def _errors(self, value: Any) -> Iterable[ValidationError]:
        """Return what the validator objects to: all of it, the first thing of a long reply, nothing of an intertwined one."""
        from jsonschema_rs import ValidationError

        nodes, depth = _extent(value)
        checks = load(self.schema, depth)
        if checks is None or checks > _MOST_CHECKS:
            return ()
        if checks * nodes <= _MOST_CHECKS:
            return self._validator.iter_errors(value)
        try:
            self._validator.validate(value)
        except ValidationError as first:
            return (first,)
        return ()


_SOMEWHERE = Failure("wrong_type", "", "it does not satisfy the schema, which is too intertwined to say where")
_CUT = Failure("truncated", "", "the reply ran into the output limit")


def _wrapped(inner: Inner) -> Failure:
    return Failure("wrapped_payload", inner.pointer, "the payload stands inside another value instead of alone")


def _below(inner: Inner, wrong: tuple[Failure, ...]) -> tuple[Failure, ...]:
    return tuple(Failure(one.kind, inner.pointer + one.pointer, one.message) for one in wrong)


def _uncertain(inner: Inner) -> Failure:
    return Failure(
        "wrapped_payload", inner.pointer, "a value that satisfies the schema stands here, but not alone in the reply"
    )


def _each_once(repairs: tuple[Repair, ...]) -> tuple[Repair, ...]:
    return tuple(dict.fromkeys(repairs))


def _extent(value: Any) -> tuple[int, int]:
    """Return how many values there are, and how deep they are nested."""
    nodes = deepest = 0
    stack = [(value, 0)]
    while stack:
        node, depth = stack.pop()
        nodes += 1
        deepest = max(deepest, depth)
        below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        stack += [(one, depth + 1) for one in below]
    return nodes, deepest


def _root_types(schema: JsonObject) -> set[str]:
    kind = schema.get("type")
    return {kind} if isinstance(kind, str) else set(kind) if isinstance(kind, list) else set()


def _own_faults(model: type[BaseModel], text: str) -> tuple[Failure, ...]:
    """Return what the model's own validators object to; everything else is the schema's to say."""
    from pydantic import ValidationError

    try:
        model.model_validate_json(text)
    except ValidationError as error:
        return tuple(
            Failure("wrong_type", pointer(one["loc"]), one["msg"])
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        )
    except Exception as error:  # noqa: BLE001 - validators are the program's own code, and a reply may be what breaks them
        return (Failure("wrong_type", "", f"the model's own validator failed: {type(error).__name__}: {error}"[:500]),)
    return ()
