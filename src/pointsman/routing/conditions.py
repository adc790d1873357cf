"""Conditions of rules: CEL over the signals, compiled once, checked before any turn sees them.

CEL finds a misspelt field only when it reaches it, and ``||`` may hide it for months. So a condition is checked at load in
two ways: every ``signal.field`` it writes must exist, and it is evaluated on typed samples that take it down its branches.
"""

from __future__ import annotations

import difflib
import random
import re
import typing
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any

from pointsman.domain.turn import Turn
from pointsman.routing import cel_engine as cel

_STRINGS = re.compile(r"""[rR]?('''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")""", re.DOTALL)
_MACRO_VARIABLE = re.compile(r"\.(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,")
_FIELD = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\s*\.\s*([A-Za-z_]\w*)")
_TEXT_OR_FIELD = re.compile(
    f"(?P<text>{_STRINGS.pattern})|(?<![\\w.])(?P<name>[A-Za-z_]\\w*)\\s*\\.\\s*(?P<field>[A-Za-z_]\\w*)", re.DOTALL
)
_WORD_LITERAL = re.compile(r"(?<![\w.])(\w+\.\w+)\s*(?:==|!=)\s*('[^']*'|\"[^\"]*\")")
_WORD_LIST = re.compile(r"(?<![\w.])(\w+\.\w+)\s+in\s*\[([^\]]*)\]")
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")

SAMPLES = 64
TURN_FIELDS: dict[str, Any] = {
    "requested_model": str,
    "stream": bool,
    "output_format": typing.Literal["text", "json_object", "json_schema"],
    "metadata": dict[str, str],
}


class BadCondition(ValueError):
    """A condition cannot be used; the text says what to write instead."""


class Vocabulary:
    """What conditions may speak of: signal -> field -> type."""

    def __init__(self, values: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.fields: dict[str, dict[str, Any]] = {"turn": TURN_FIELDS}
        self.fields.update({name: dict(fields) for name, fields in (own or {}).items()})
        for name, value in values.items():
            self.fields[name] = typing.get_type_hints(type(value))
        rng = random.Random(20261121)  # noqa: S311 - samples for a type check, the same at every load
        self.samples = [self._sample(rng) for _ in range(SAMPLES)]
        self._contexts = [_context(sample) for sample in self.samples]

    def check(self, condition: Condition) -> None:
        """Check one condition.

        Raises:
            BadCondition: it names something unknown, fails on typed samples, or is no yes-or-no question.
        """
        self._check_names(condition)
        self._check_words(condition.source)
        for context in self._contexts:
            try:
                result = condition.program.execute(context)
            except KeyError as error:
                if condition.reads_free_maps:
                    continue  # a request may lack any metadata key: at run time that counts as "does not hold"
                raise BadCondition(f"there is no field {error}") from None
            except Exception as error:  # noqa: BLE001 - the package raises many kinds; all mean: not usable
                raise BadCondition(_explain(error)) from None
            if not isinstance(result, bool):
                raise BadCondition(f"gives {type(result).__name__}, not true or false: compare it with something")

    def _check_names(self, condition: Condition) -> None:
        bound = set(_MACRO_VARIABLE.findall(condition.bare))
        for name in condition.program.variables():
            if name not in self.fields and name not in bound:
                raise BadCondition(f"unknown signal {name!r}{near(name, self.fields)}")
        for name, field in _FIELD.findall(condition.bare):
            if name in self.fields and name not in bound and field not in self.fields[name]:
                raise BadCondition(f"signal {name!r} has no field {field!r}{near(field, self.fields[name])}")

    def _check_words(self, source: str) -> None:
        """Where a field takes only certain words, a comparison with any other word could never hold."""
        pairs = [(path, literal) for path, literal in _WORD_LITERAL.findall(source)]
        pairs += _WORD_LIST.findall(source)
        for path, literals in pairs:
            name, _, field = path.partition(".")
            allowed = _words(self.fields.get(name, {}).get(field))
            for single, double in _QUOTED.findall(literals) if allowed else ():
                word = single or double
                if word not in allowed:
                    raise BadCondition(f"{path} is never {word!r}{near(word, allowed)}")

    def _sample(self, rng: random.Random) -> dict[str, dict[str, Any]]:
        return {
            name: {field: _pick(kind, rng) for field, kind in fields.items()} for name, fields in self.fields.items()
        }


class Condition:
    """One compiled condition. Not changed after it is made; safe to share between threads.

    ``uses`` maps each signal it reads to the fields it reads (None: the signal as a whole). Where it reads only fields,
    ``flat`` asks the same of one plain variable per field: handing a map to CEL costs five times as much as its values.
    """

    __slots__ = ("bare", "flat", "program", "reads_free_maps", "source", "uses")

    def __init__(self, source: str) -> None:
        self.source = source
        self.bare = _STRINGS.sub("''", source)
        try:
            self.program = cel.compile(source)
        except Exception as error:  # noqa: BLE001 - the package raises several kinds for a bad expression
            raise BadCondition(_explain(error)) from None
        self.uses = _uses(self.bare, self.program.variables())
        self.reads_free_maps = "metadata" in source
        self.flat = self._flatten()

    def holds(self, context: cel.Context) -> bool:
        """Evaluate on a context that ``Reader`` built.

        Raises:
            Exception: whatever the package raises on values the condition did not expect; the caller turns it into a reason.
        """
        return (self.flat or self.program).execute(context) is True

    def _flatten(self) -> cel.Program | None:
        """Return the condition over flat variables; None where it reads a whole signal, or binds a name of its own."""
        if None in self.uses.values() or _MACRO_VARIABLE.search(self.bare) or "has(" in self.bare.replace(" ", ""):
            return None

        def flat(match: re.Match[str]) -> str:
            name = match["name"]
            return flat_name(name, match["field"]) if name in self.uses else match[0]

        return cel.compile(_TEXT_OR_FIELD.sub(flat, self.source))


def flat_name(signal: str, field: str) -> str:
    """Return the variable that stands for a field of a signal."""
    return f"{signal}__{field}"


def _uses(bare: str, variables: Iterable[str]) -> dict[str, frozenset[str] | None]:
    fields: dict[str, set[str]] = {}
    for name, field in _FIELD.findall(bare):
        fields.setdefault(name, set()).add(field)
    uses: dict[str, frozenset[str] | None] = {}
    for name in variables:
        mentions = len(re.findall(rf"(?<![\w.]){name}\b(?!\s*\()", bare))
        dotted = len(re.findall(rf"(?<![\w.]){name}\s*\.\s*[A-Za-z_]", bare))
        uses[name] = frozenset(fields.get(name, ())) if mentions == dotted else None
    return uses


class Reader:
    """Builds the evaluation context of a turn from only what some condition reads."""

    def __init__(self, conditions: Iterable[Condition]) -> None:
        flat: dict[str, tuple[str, str]] = {}
        whole: dict[str, None] = {}
        for condition in conditions:
            for name, fields in condition.uses.items():
                if condition.flat is None or fields is None:
                    whole[name] = None
                else:
                    flat.update({flat_name(name, field): (name, field) for field in fields})
        self._flat = tuple((variable, name, field) for variable, (name, field) in flat.items())
        self._whole = tuple(whole)

    def context(self, values: Mapping[str, Mapping[str, Any]]) -> cel.Context:
        """Return the context for ``values``, the signals (and ``turn``) as plain data."""
        # A field that a signal of one's own does not know is left out: asking for it is an error, so the rule does not hold.
        variables: dict[str, Any] = {
            variable: values[name][field] for variable, name, field in self._flat if field in values[name]
        }
        for name in self._whole:
            if name in values:
                variables[name] = values[name]
        context = cel.Context()
        context.update(variables)
        return context


def turn_fields(turn: Turn) -> dict[str, Any]:
    """Return what conditions see under the name ``turn``."""
    return {
        "requested_model": turn.model,
        "stream": turn.stream,
        "output_format": turn.output_format.kind if turn.output_format else "text",
        "metadata": turn.metadata,
    }


def near(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of ``known``, or all of them when none is near."""
    known = list(known)
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else f"; known: {', '.join(sorted(known))}"


def _context(values: Mapping[str, Mapping[str, Any]]) -> cel.Context:
    context = cel.Context()
    for name, fields in values.items():
        context.add_variable(name, fields)
    return context


def _words(kind: Any) -> tuple[str, ...]:
    """Return the words a Literal type allows, looking through ``| None``; empty where any text may stand."""
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return tuple(word for word in typing.get_args(kind) if isinstance(word, str))
    if origin in {typing.Union, UnionType}:
        kinds = [arg for arg in typing.get_args(kind) if arg is not NoneType]
        return _words(kinds[0]) if len(kinds) == 1 else ()
    return ()


def _pick(kind: Any, rng: random.Random) -> Any:  # noqa: PLR0911 - one line per type
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return rng.choice(typing.get_args(kind))
    if origin in {typing.Union, UnionType}:
        return _pick_optional(typing.get_args(kind), rng)
    if origin in {tuple, list, frozenset, set} or kind in {tuple, list}:
        inner = [arg for arg in typing.get_args(kind) if arg is not Ellipsis]
        return [_pick(inner[0] if inner else str, rng) for _ in range(rng.randint(0, 2))]
    if origin is dict or kind is dict:
        return {"plan": "pro"} if rng.random() < 0.5 else {}  # noqa: PLR2004 - as often empty as not
    if kind is bool:
        return rng.random() < 0.5  # noqa: PLR2004
    if kind is int:
        return rng.choice((0, 1, 2, 50, 500, 5000, 500_000))
    if kind is float:
        return rng.choice((-1.0, -0.5, 0.0, 0.5, 0.9, 1.0))
    return rng.choice(("", "word", "refund", "en"))


def _pick_optional(kinds: tuple[Any, ...], rng: random.Random) -> Any:
    """Pick from a union. A number that may be unknown is sampled as known: comparing null is an error in CEL.

    At run time such a rule counts as not matched and the decision says so.
    """
    known = [kind for kind in kinds if kind is not NoneType]
    if len(known) < len(kinds) and known[0] not in {int, float, bool} and rng.random() < 0.3:  # noqa: PLR2004
        return None
    return _pick(known[0], rng)


def _explain(error: BaseException) -> str:
    text = str(error).split("\n", 1)[0]
    if "No such overload" in text:
        return "compares or combines values of different kinds (a number with text, or a list with a number)"
    if "Undefined variable or function" in text:
        name = text.partition("'")[2].partition("'")[0]
        return f"there is no signal or function {name!r}"
    if "Failed to parse" in text:
        problem = text.rpartition("Syntax error: ")[2]
        return f"not a CEL expression ({problem[:120]}); use &&, ||, ! and == between signals"
    return text[:200]
