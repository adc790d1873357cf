"""The rules of BFCL's checker of calls, for comparable numbers. For customers' traffic see the grader ``strict``.

The rules are those of bfcl-eval 2026.3.23 (ShishirPatil/gorilla, Apache-2.0), odd ones included (docs/reference/graders.md):
strings lose case, spaces and ``,./-_*^`` before they are compared; parallel calls are matched greedily, in the order of
the gold calls; one level of nesting is checked for types. The agreement is tested against the original on 50,000 pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice, product
from typing import Any, Final, Literal

import msgspec

from pointsman.domain.message import JsonObject, Tool
from pointsman.evaluation.cases import Gold, GoldCall
from pointsman.evaluation.grading_bfcl_values import JAVA, JAVASCRIPT, java_value, javascript_value

Mode = Literal["simple", "multiple", "parallel", "irrelevance", "relevance"]
Name = tuple[str, ...]

_TYPES: Final[dict[str, type]] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_FROM_SCHEMA: Final = {"number": "float", "object": "dict"}
_DROPPED: Final = str.maketrans("'", '"', " ,./-_*^")
_MOST_OBJECTS: Final = 200
_NUMBERED: Final = re.compile(r"_\d+$")


class Fault(msgspec.Struct, frozen=True):
    """Why calls are refused: BFCL's own word for it, and the argument."""

    error_type: str
    text: str = ""


class Wants(msgspec.Struct, frozen=True):
    """What the checker is told of a case.

    ``functions`` are tool schemas in BFCL's words (``dict``, ``float``, ``tuple``); ``answers`` one object per gold call:
    its name, and for each argument the allowed values ("" among them: it may be left out).
    """

    mode: Mode
    functions: tuple[JsonObject, ...] = ()
    answers: tuple[JsonObject, ...] = ()
    language: str = "python"


def oracle_of(category: str, language: str, functions: Sequence[JsonObject], gold: Any) -> JsonObject:
    """Return what ``Gold.oracle`` holds of a BFCL case, from the fields of its data set.

    ``gold`` is the possible answer: a list of ``{name: {argument: [values]}}``, or the object of older data sets, which
    numbers calls of one name (``play_1``, ``play_2``).
    """
    answers = [{name: values} for name, values in gold.items()] if isinstance(gold, dict) else list(gold or ())
    known = [str(function.get("name", "")) for function in functions]
    named = [{_gold_name(name, known): values for name, values in answer.items()} for answer in answers]
    wants = Wants(mode_of(category), tuple(functions), tuple(named), language)
    return {"benchmark": "bfcl", "category": category, **msgspec.structs.asdict(wants)}


def gold_calls(oracle: JsonObject) -> tuple[GoldCall, ...]:
    """Return the calls of a BFCL case (see ``oracle_of``) as gold calls, for the graders that do not know BFCL's words.

    Allowed objects give lists of values for each key; here every whole object they allow is listed, up to 200 of them.
    """
    found = []
    for answer in oracle.get("answers", ()):
        for name, arguments in answer.items():
            if not isinstance(arguments, dict):
                continue  # a row of the data set is broken so; its own checker refuses every answer to it
            values = {
                key: tuple(_whole([one for one in allowed if one != ""])) or ("",) for key, allowed in arguments.items()
            }
            optional = frozenset(key for key, allowed in arguments.items() if "" in allowed)
            found.append(GoldCall(name, values, optional))
    return tuple(found)


def _whole(allowed: list[Any]) -> Iterator[Any]:
    return islice(chain.from_iterable(map(_objects, allowed)), _MOST_OBJECTS)


def _objects(value: Any) -> Iterator[Any]:
    """Yield what an allowed value allows: objects with one of the values for each key, keys with "" among them left out too."""
    if isinstance(value, dict) and all(isinstance(options, list) for options in value.values()):
        each = [[(key, one) for one in options] for key, options in value.items()]
        yield from ({key: one for key, one in picked if one != ""} for picked in product(*each))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield from (list(items) for items in product(*[list(_whole([item])) for item in value]))
    else:
        yield value


def mode_of(category: str) -> Mode:
    """Return which of the checks a category of BFCL asks for."""
    if category in ("relevance", "irrelevance", "live_irrelevance"):
        return "irrelevance"  # the data sets of 2024 call the test for irrelevance "relevance"
    if category == "live_relevance":
        return "relevance"
    return "parallel" if "parallel" in category else "multiple" if "multiple" in category else "simple"


def wants_of(gold: Gold, tools: Sequence[Tool]) -> Wants | None:
    """Return what the checker wants of a case: its own words where the case brings them, else read from the gold calls."""
    if gold.oracle is not None and gold.oracle.get("benchmark") == "bfcl":
        return msgspec.convert(
            {key: value for key, value in gold.oracle.items() if key in Wants.__struct_fields__}, Wants
        )
    if gold.kind == "no_call":
        return Wants("irrelevance")
    if gold.kind != "calls":
        return None
    answers = tuple(
        {
            call.name: {
                name: [*values, *([""] if name in call.optional else ())] for name, values in call.arguments.items()
            }
        }
        for call in gold.calls
    )
    mode: Mode = "parallel" if len(answers) > 1 else "multiple" if len(tools) > 1 else "simple"
    return Wants(mode, tuple(map(_function, tools)), answers)


def calls_fault(wants: Wants, calls: Sequence[tuple[str, JsonObject]], *, flattened: bool) -> Fault | None:
    """Return why calls are refused; None where they are right. ``flattened``: a name may stand with ``_`` for its dots.

    Values of kinds the checker was not made for are refused too, as ``unreadable``: the original breaks off there.
    """
    try:
        if wants.mode == "parallel":
            return _parallel(wants, calls, flattened=flattened)
        if len(calls) != (1 if wants.mode == "simple" else len(wants.answers)):
            return Fault(f"{wants.mode}_function_checker:wrong_count", f"{len(calls)} calls")
        function = wants.functions[0] if wants.mode == "simple" else _described(wants, wants.answers[0])
        return _call(function, calls[0], wants.answers[0], wants.language, flattened=flattened)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError, RecursionError) as error:
        return Fault("unreadable", f"{type(error).__name__}: {error}"[:120])


def _parallel(wants: Wants, calls: Sequence[tuple[str, JsonObject]], *, flattened: bool) -> Fault | None:
    if len(calls) != len(wants.answers):
        return Fault("parallel_function_checker_no_order:wrong_count", f"{len(calls)} calls for {len(wants.answers)}")
    left = list(calls)
    for answer in wants.answers:
        function = _described(wants, answer)
        faults: list[Fault] = []
        for place, call in enumerate(left):
            fault = _call(function, call, answer, wants.language, flattened=flattened)
            if fault is None:
                del left[place]
                break
            faults.append(fault)
        else:
            near = min(faults, key=lambda fault: fault.error_type.endswith("wrong_func_name"))
            return Fault("parallel_function_checker_no_order:cannot_find_match", f"{near.error_type} {near.text}")
    return None


def _described(wants: Wants, answer: JsonObject) -> JsonObject:
    name = next(iter(answer))
    return {function["name"]: function for function in reversed(wants.functions)}[name]


def _call(
    function: JsonObject, call: tuple[str, JsonObject], answer: JsonObject, language: str, *, flattened: bool
) -> Fault | None:
    allowed: JsonObject = next(iter(answer.values()))
    details: JsonObject = function["parameters"]["properties"]
    required = function["parameters"]["required"]
    name, arguments = call
    expected = function["name"]
    if name != expected and not (flattened and name == expected.replace(".", "_")):
        return Fault("simple_function_checker:wrong_func_name", name[:80])
    for argument in required:
        if argument not in arguments:
            return Fault("simple_function_checker:missing_required", f"/{argument}")
    for argument, value in arguments.items():
        if argument not in details or argument not in allowed:
            return Fault("simple_function_checker:unexpected_param", f"/{argument}")
        word = _argument(value, allowed[argument], details[argument], language)
        if word is not None:
            return Fault(word, f"/{argument} = {value!r}"[:120])
    for argument, values in allowed.items():
        if argument not in arguments and "" not in values:
            return Fault("simple_function_checker:missing_optional", f"/{argument}")
    return None


def _argument(value: Any, allowed: list[Any], details: JsonObject, language: str) -> str | None:
    """Return BFCL's word for what is wrong with a value."""
    if language != "python":
        if type(value) is not str:
            return f"type_error:{'java' if language == 'java' else 'js'}"
        value, outer, inner = _foreign(value, details, language)
    else:
        value, outer, inner = _python(value, details)
    meant = _meant(allowed)
    other = meant is not None and meant is not outer
    if type(value) is not outer:
        if meant is None or type(value) is not meant:
            return "type_error:simple"
        other = True
    elif inner is not None and not any(_nested(value, answer, inner) for answer in allowed):
        return "type_error:nested"
    # A value of another type than the schema's stands for a variable: compared as it is.
    return (None if value in allowed else "value_error:others") if other else _by_type(value, allowed, outer, inner)


def _python(value: Any, details: JsonObject) -> tuple[Any, type, type | None]:
    """Return a value as the checker takes it, its type by the schema, and that of its items."""
    kind = details["type"]
    inner = _TYPES[details["items"]["type"]] if kind in ("array", "tuple") else None
    if kind == "tuple" and type(value) is tuple:
        value = list(value)
    if kind == "float" and type(value) is int:
        value = float(value)
    return value, _TYPES[kind], inner


def _foreign(text: str, details: JsonObject, language: str) -> tuple[Any, type, type | None]:
    """Do the same for a value of Java or JavaScript, which stands as text."""
    kind = details["type"]
    types, read = (JAVA, java_value) if language == "java" else (JAVASCRIPT, javascript_value)
    if kind not in ("Array", "ArrayList", "array"):
        return read(text, kind), types[kind], None
    items = details["items"]["type"]
    return read(text, kind, items), types[kind], types[items]


def _by_type(value: Any, allowed: list[Any], outer: type, inner: type | None) -> str | None:
    if outer is dict:
        return _dict(value, allowed)
    if outer is list and inner is dict:
        return _dicts(value, allowed)
    if outer is str:
        known = [_plain(answer) for answer in allowed if type(answer) is str]
        return None if _plain(value) in known else "value_error:string"
    if outer is list:
        lists = [_each_plain(answer) for answer in allowed]
        return None if _each_plain(value) in lists else "value_error:list/tuple"
    return None if value in allowed else "value_error:others"


def _meant(allowed: Sequence[Any]) -> type | None:
    """Return the type of the first value that is not the mark of an optional argument."""
    return next((type(answer) for answer in allowed if answer != ""), None)


def _nested(values: Any, answer: Any, inner: type) -> bool:
    """Tell whether a list's items are of the type the schema says, or of the type of this answer's items."""
    return type(answer) is not list or all(type(item) is inner or type(item) is _meant(answer) for item in values)


def _dict(value: JsonObject, allowed: list[Any]) -> str | None:
    word: str | None = "dict_checker:unclear"
    for answer in allowed:
        if answer != "":
            word = _entries(value, answer)
            if word is None:
                break
    return word


def _entries(value: JsonObject, answer: JsonObject) -> str | None:
    if any(key not in value and "" not in values for key, values in answer.items()):
        return "value_error:dict_key"
    for key, given in value.items():
        if key not in answer:
            return "value_error:dict_key"
        if _plain(given) not in _each_plain(answer[key]):
            return "value_error:dict_value"
    return None


def _dicts(value: list[Any], allowed: list[Any]) -> str | None:
    word: str | None = "list_dict_checker:unclear"
    for answer in allowed:
        if len(value) != len(answer):
            word = "value_error:list_dict_count"
            continue
        word = next((fault for item, one in zip(value, answer, strict=True) if (fault := _dict(item, [one]))), None)
        if word is None:
            break
    return word


def _each_plain(values: Any) -> list[Any]:
    return [_plain(values[place]) for place in range(len(values))]


def _plain(value: Any) -> Any:
    return value.translate(_DROPPED).lower() if type(value) is str else value


def _gold_name(name: str, known: list[str]) -> str:
    if name in known:
        return name
    bare = _NUMBERED.sub("", name)
    return bare if bare in known else max((one for one in known if one and one in name), key=len, default=name)


def _function(tool: Tool) -> JsonObject:
    properties = {name: _details(schema) for name, schema in tool.parameters.get("properties", {}).items()}
    return {
        "name": tool.name,
        "parameters": {"properties": properties, "required": tool.parameters.get("required", [])},
    }


def _details(schema: Any) -> JsonObject:
    """Return a JSON Schema in BFCL's words; what it has no word for is ``any``."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    word = _FROM_SCHEMA.get(kind, kind) if isinstance(kind, str) else "any"
    if word == "array":
        return {"type": "array", "items": _details(schema.get("items", {}))}
    return {"type": word if word in _TYPES else "any"}
