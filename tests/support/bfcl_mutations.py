"""Right calls of a BFCL case, and what goes wrong with calls: for comparing two checkers."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

Calls = list[dict[str, dict[str, Any]]]


def right(
    answers: list[Any], chance: random.Random, language: str = "python", functions: list[Any] | None = None
) -> Calls:
    """Return calls that a case allows: any of the values, arguments that may be left out sometimes there.

    Values of Java and JavaScript stand as text in their own syntax, by the types of ``functions``.
    """
    calls: Calls = []
    for answer in answers:
        name, allowed = next(iter(answer.items()))
        arguments: dict[str, Any] = {}
        for argument, values in allowed.items():
            real = [value for value in values if value != ""]
            if not real or ("" in values and chance.random() < 0.4):
                continue
            arguments[argument] = _instance(chance.choice(real), chance)
            if language != "python" and functions:
                details = functions[0]["parameters"]["properties"].get(argument, {})
                arguments[argument] = _written(arguments[argument], details.get("type", "any"), language, chance)
        calls.append({name: arguments})
    return calls


def mutated(calls: Calls, functions: list[Any], chance: random.Random) -> Calls:
    """Return the calls with one to three things changed."""
    changed = copy.deepcopy(calls)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        chance.choice(_CHANGES)(changed, functions, chance)
    return changed


def _written(value: Any, kind: str, language: str, chance: random.Random) -> Any:
    if chance.random() < 0.05:
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        inner = ", ".join(f'"{one}"' if isinstance(one, str) else str(one).lower() for one in value)
        java = {"ArrayList": f"new ArrayList<>(Arrays.asList({inner}))"}.get(kind, f"new int[]{{{inner}}}")
        return java if language == "java" else chance.choice([f"[{inner}]", f"new Array({inner})"])
    if isinstance(value, dict):
        pairs = [(key, f'"{one}"' if isinstance(one, str) else str(one).lower()) for key, one in value.items()]
        java = "new HashMap<String, Object>() {{ " + " ".join(f'put("{key}", {one});' for key, one in pairs) + " }}"
        return java if language == "java" else "{" + ", ".join(f'"{key}": {one}' for key, one in pairs) + "}"
    mark = {"float": "f", "long": "L", "Bigint": "n"}.get(kind, "") if language == "java" or kind == "Bigint" else ""
    return f"{value}{mark}"


def _instance(value: Any, chance: random.Random) -> Any:
    """Return a value as a model would send it: an allowed object gives lists of values for its keys."""
    if isinstance(value, dict):
        return {
            key: _instance(chance.choice(real), chance)
            for key, options in value.items()
            if isinstance(options, list) and (real := [one for one in options if one != ""])
        }
    if isinstance(value, list):
        return [_instance(item, chance) for item in value]
    return copy.deepcopy(value)


def _arguments(calls: Calls, chance: random.Random) -> dict[str, Any]:
    return next(iter(chance.choice(calls).values())) if calls else {}


def _values(change: Callable[[Any, random.Random], Any]) -> Callable[[Calls, list[Any], random.Random], None]:
    def mutate(calls: Calls, functions: list[Any], chance: random.Random) -> None:
        arguments = _arguments(calls, chance)
        if arguments:
            name = chance.choice(list(arguments))
            arguments[name] = change(arguments[name], chance)

    return mutate


def _deep(change: Callable[[Any, random.Random], Any]) -> Callable[[Any, random.Random], Any]:
    """Apply a change inside lists and objects as well as to the whole."""

    def mutate(value: Any, chance: random.Random) -> Any:
        if isinstance(value, list) and value and chance.random() < 0.7:
            place = chance.randrange(len(value))
            return [*value[:place], mutate(value[place], chance), *value[place + 1 :]]
        if isinstance(value, dict) and value and chance.random() < 0.7:
            key = chance.choice(list(value))
            return {**value, key: mutate(value[key], chance)}
        return change(value, chance)

    return mutate


def _spelled(value: Any, chance: random.Random) -> Any:
    if not isinstance(value, str):
        return value
    ways: list[Callable[[str], str]] = [
        str.upper,
        str.title,
        lambda text: text.replace(" ", ""),
        lambda text: text.replace(", ", ","),
        lambda text: text + ".",
        lambda text: "-" + text,
        lambda text: text.replace("e", "é"),
        lambda text: text[:-1],
        lambda text: f"'{text}'",
        lambda text: text + "\n",
        lambda text: text.replace("/", "_").replace("-", "*"),
    ]
    return chance.choice(ways)(value)


def _number(value: Any, chance: random.Random) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return chance.choice([value + 1, -value, float(value), value * 1.0000001, str(value), value == 1, int(value)])


def _kind(value: Any, chance: random.Random) -> Any:
    return chance.choice(
        [str(value), [value], {"value": value}, None, True, False, 0, 1, 1.0, "", [], {}, (value,), tuple([value] * 2)]
    )


def _shape(value: Any, chance: random.Random) -> Any:
    if isinstance(value, list) and value:
        shuffled = chance.sample(value, len(value))
        return chance.choice([shuffled, value[:-1], [*value, value[0]], [*value, "x"], tuple(value), [value], value[0]])
    if isinstance(value, dict) and value:
        key = chance.choice(list(value))
        fewer = {name: one for name, one in value.items() if name != key}
        return chance.choice([fewer, {**value, "added": 1}, {**value, key: [value[key]]}, [value], {key: None}])
    return value


def _drop(calls: Calls, functions: list[Any], chance: random.Random) -> None:
    arguments = _arguments(calls, chance)
    if arguments:
        del arguments[chance.choice(list(arguments))]


def _invent(calls: Calls, functions: list[Any], chance: random.Random) -> None:
    known = [name for function in functions for name in function["parameters"]["properties"]]
    _arguments(calls, chance)[chance.choice([*known, "invented"])] = chance.choice(["x", 1, 2.5, True, [], {}])


def _rename(calls: Calls, functions: list[Any], chance: random.Random) -> None:
    if calls:
        place = chance.randrange(len(calls))
        name, arguments = next(iter(calls[place].items()))
        others = [function["name"] for function in functions]
        calls[place] = {chance.choice([name.replace(".", "_"), name.upper(), name + "_1", *others]): arguments}


def _count(calls: Calls, functions: list[Any], chance: random.Random) -> None:
    if not calls:
        return
    way = chance.randrange(4)
    if way == 0:
        calls.append(copy.deepcopy(chance.choice(calls)))
    elif way == 1:
        del calls[chance.randrange(len(calls))]
    elif way == 2:
        chance.shuffle(calls)
    else:
        calls[chance.randrange(len(calls))] = copy.deepcopy(chance.choice(calls))


_CHANGES: tuple[Callable[[Calls, list[Any], random.Random], None], ...] = (
    *(_values(_deep(_spelled)),) * 3,
    *(_values(_deep(_number)),) * 3,
    _values(_deep(_kind)),
    _values(_deep(_shape)),
    _values(_shape),
    _drop,
    _invent,
    _rename,
    _count,
)
