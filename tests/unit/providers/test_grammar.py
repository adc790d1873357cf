"""The grammar for small models: its text, and that no schema or name can break it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no annotations

from pointsman.domain.message import Tool
from pointsman.providers.grammar import literal, tool_grammar
from pointsman.providers.schema_bounds import Bounds, covered

ORDER: Any = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "maxLength": 10},
        "why": {"enum": ["late", 'said "no"']},
        "lines": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    },
    "required": ["order_id"],
}

# One token of a GBNF rule body: a literal, a character class, a rule name, a repetition, or punctuation.
_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\["\\])*"|\[\^?(?:[^\]\\\n]|\\(?:x[0-9a-f]{2}|["\\/]))*\]'
    r"|[a-z][a-z0-9-]*|\{\d+(?:,\d*)?\}|[()|?*]|\s"
)


def rules_of(grammar: str) -> dict[str, list[str]]:
    """Return each rule's tokens; fails where a line is anything but ``name ::= tokens``."""
    rules: dict[str, list[str]] = {}
    for line in grammar.splitlines():
        name, sign, body = line.partition(" ::= ")
        assert sign, line
        assert name not in rules
        tokens = _TOKEN.findall(body)
        assert "".join(tokens) == body, line
        rules[name] = [token for token in tokens if token.strip()]
    return rules


def check(grammar: str) -> dict[str, list[str]]:
    """Check that every rule named is there, is not empty, and that brackets close."""
    assert grammar.isascii()
    rules = rules_of(grammar)
    assert "root" in rules
    for name, tokens in rules.items():
        assert tokens, name
        assert tokens.count("(") == tokens.count(")")
        for token in tokens:
            if token[0].isalpha():
                assert token in rules, f"{name} speaks of {token}, which no rule defines"
    for name in rules:
        assert name not in leads(name, rules), f"{name} begins with itself"
    return rules


def leads(name: str, rules: dict[str, list[str]]) -> set[str]:
    """Return the rules that a rule may begin with, over however many steps."""
    found: set[str] = set()
    todo = [name]
    while todo:
        new = firsts(rules[todo.pop()]) - found
        found |= new
        todo += new
    return found


def firsts(body: list[str]) -> set[str]:
    """Return the rules that one body may begin with."""
    found = set()
    first, before = True, [True]
    for number, token in enumerate(body):
        if token == "(":
            before.append(first)
        elif token == "|":
            first = before[-1]
        elif token == ")":
            optional = body[number + 1 : number + 2] in (["?"], ["*"])
            first = before.pop() if optional else False
        elif token[0] in '"[' or token[0].isalpha():
            if first and token[0].isalpha():
                found.add(token)
            first = False
    return found


def test_a_call_or_text() -> None:
    grammar = tool_grammar([Tool("find_order", "", ORDER), Tool("hang_up")], must_call=False)
    assert grammar.splitlines()[:11] == snapshot(
        [
            "root ::= call | text",
            'r0 ::= "\\"" char{0,10} "\\""',
            'r1 ::= "\\"order_id\\"" ":" r0',
            'r2 ::= "\\"late\\"" | "\\"said \\\\\\"no\\\\\\"\\""',
            'r3 ::= "\\"why\\"" ":" r2',
            'r4 ::= "[" (positive ("," positive){0,7})? "]"',
            'r5 ::= "\\"lines\\"" ":" r4',
            'r6 ::= ("," r5)?',
            'r7 ::= ("," r3)? r6',
            'r8 ::= "{" r1 r7 "}"',
            'call ::= "{\\"@tool\\":" ("\\"find_order\\"" ",\\"arguments\\":" r8 | "\\"hang_up\\"" ",\\"arguments\\":" "{}") "}"',
        ]
    )
    check(grammar)


def test_only_a_call() -> None:
    grammar = tool_grammar([Tool("hang_up")], must_call=True)
    assert grammar.splitlines()[0] == "root ::= call"
    assert "text" not in rules_of(grammar)


def test_text_cannot_begin_like_a_call() -> None:
    rules = rules_of(tool_grammar([], must_call=False))
    assert rules["root"] == ["text"]
    assert "".join(rules["text"]) == snapshot('[^{]any*|"{"([^"]any*|"\\""([^@]any*)?)?')


def test_a_json_reply_beside_tools() -> None:
    grammar = tool_grammar([Tool("hang_up")], must_call=False, reply={"enum": ["a", "b"]})
    assert rules_of(grammar)["root"][:2] == ["call", "|"]
    assert "text" not in check(grammar)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from([
    "type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "minLength",
    "maxLength", "minItems", "maxItems", "minimum", "maximum", "additionalProperties", "pattern",
])  # fmt: skip
REFS = st.sampled_from(
    ["#", "#/$defs/a", "#/properties/a", "#/$defs/a/properties/a", "#/nowhere", "http://example.com/x"]
)
KINDS = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
NAMES = st.sampled_from(["a", "b", 'quote"', "back\\slash", "größe", "日", "new\nline", "\x7f", '" | root | "', ""])


def objects(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(NAMES, below, max_size=4)},
        optional={"required": st.lists(NAMES, max_size=3), "$defs": st.fixed_dictionaries({"a": below})},
    )


SCHEMAS = st.recursive(
    st.fixed_dictionaries({"type": KINDS})
    | st.fixed_dictionaries({"enum": st.lists(JSON, min_size=1, max_size=3)})
    | st.fixed_dictionaries({"$ref": REFS})
    | st.fixed_dictionaries({"type": st.just("integer")}, optional={"minimum": st.integers(), "maximum": st.integers()})
    | st.fixed_dictionaries({"type": st.just("string"), "maxLength": st.integers(), "minLength": st.integers()}),
    lambda below: (
        objects(below)
        | st.fixed_dictionaries({"type": st.just("array"), "items": below}, optional={"maxItems": st.integers()})
        | st.fixed_dictionaries({"anyOf": st.lists(below, min_size=1, max_size=3)})
    ),
    max_leaves=10,
)
NONSENSE = st.dictionaries(WORDS, JSON | REFS | KINDS, max_size=5)


@given(st.lists(SCHEMAS | NONSENSE, max_size=3), st.booleans())
def test_any_schema_gives_a_whole_grammar(schemas: list[Any], must_call: bool) -> None:
    tools = [Tool(f"tool{number}", "", schema) for number, schema in enumerate(schemas)]
    check(tool_grammar(tools, must_call=must_call))


@given(SCHEMAS | NONSENSE)
def test_any_schema_gives_a_whole_reply_grammar(schema: Any) -> None:
    check(tool_grammar([], must_call=False, reply=schema))
    assert covered(schema) in {True, False}


@given(st.text(), st.lists(st.text(), min_size=1), st.text())
def test_no_name_or_value_leaves_its_literal(name: str, values: list[str], prop: str) -> None:
    """The rules are the same, literals aside, as for harmless words."""

    def shape(name: str, values: list[str], prop: str) -> list[list[str]]:
        schema = {"type": "object", "properties": {prop: {"enum": values}}, "required": [prop]}
        rules = check(tool_grammar([Tool(name, "", schema)], must_call=True))
        return [["LITERAL" if token.startswith('"') else token for token in tokens] for tokens in rules.values()]

    harmless = [f"v{sorted(set(values)).index(value)}" for value in values]
    assert shape(name, values, prop) == shape("name", harmless, "prop")


def test_a_literal_escapes_quotes_and_backslashes() -> None:
    assert literal('a"b\\') == r'"a\"b\\"'


def test_the_size_grows_with_the_schema_not_with_its_square() -> None:
    def size(count: int) -> int:
        leaf = {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(count)}}
        nested = {"type": "object", "properties": {f"q{number}": leaf for number in range(3)}}
        return len(tool_grammar([Tool("t", "", nested)], must_call=True))

    assert size(80) < 3 * size(40)


def test_a_schema_nested_very_deep_is_cut_not_followed() -> None:
    schema: Any = {"type": "string"}
    for _ in range(500):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    check(tool_grammar([Tool("t", "", schema)], must_call=True))
    assert not covered(schema)


@pytest.mark.parametrize(
    ("schema", "held"),
    [
        ({"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}}, True),
        ({"type": "integer", "minimum": 1, "maximum": 5}, True),
        ({"type": "integer", "minimum": 0}, True),
        ({"type": "integer", "minimum": 7}, False),
        ({"type": "number", "maximum": 3}, False),
        ({"type": "string", "pattern": "^a$"}, False),
        ({"type": "string", "format": "date"}, True),
        ({"anyOf": [{"type": "null"}, {"enum": [1]}]}, True),
        ({"oneOf": [{"type": "null"}, {"enum": [1]}]}, False),
        ({"type": ["string", "null"]}, True),
        ({"type": "array", "items": {"type": "string", "pattern": "x"}}, False),
        ({"type": "array", "minItems": 1000}, False),
        ({"type": "object", "patternProperties": {"a": {}}}, False),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}, True),
        ({"$ref": "#/$defs/b"}, False),
        ({}, True),
    ],
)
def test_which_schemas_the_grammar_holds_in_full(schema: Any, held: bool) -> None:
    assert covered(schema) is held


def test_numbers_near_each_other_are_listed() -> None:
    assert list(Bounds({"exclusiveMinimum": 0, "maximum": 3}).numbers) == [1, 2, 3]
    assert Bounds({"minimum": 5, "maximum": 1}).numbers == range(0)
    assert Bounds({"minLength": 3}).size("minLength", "maxLength", 80) == (3, 80)
    assert Bounds({"maxItems": 0}).size("minItems", "maxItems", 8) == (0, 0)


def times(after: str, draw: Any, depth: int) -> int:
    """Return how often to write what ``after`` (``?``, ``*``, ``{2,5}``) follows."""
    low, high = {"": (1, 1), "?": (0, 1), "*": (0, 3)}.get(after) or [int(number) for number in after[1:-1].split(",")]
    return low if depth >= 6 else draw(low, min(high, low + 2))


def written(rules: dict[str, list[str]], name: str, draw: Any, depth: int = 0) -> str:
    """Return a text that a rule allows: alternatives, options and repetitions as ``draw`` (low, high) says."""

    def alternatives(position: int) -> tuple[list[list[tuple[Any, str]]], int]:
        found: list[list[tuple[Any, str]]] = [[]]
        body = rules[name]
        while position < len(body) and body[position] != ")":
            token = body[position]
            position += 1
            if token == "|":
                found.append([])
                continue
            item: Any = token
            if token == "(":
                item, position = alternatives(position)
                position += 1
            after = body[position] if position < len(body) and body[position][0] in "?*{" else ""
            position += bool(after)
            found[-1].append((item, after))
        return found, position

    def emit(item: Any) -> str:
        if isinstance(item, list):
            chosen = item[draw(0, len(item) - 1) if depth < 6 else 0]
            return "".join(emit(part) for part, after in chosen for _ in range(times(after, draw, depth)))
        if item.startswith('"'):
            return re.sub(r"\\(.)", r"\1", item[1:-1])
        if item.startswith("["):
            return {"[1-9]": "7", "[0-9]": "0"}.get(item, "n")
        return written(rules, item, draw, depth + 1)

    return emit(alternatives(0)[0])


META = Draft202012Validator(Draft202012Validator.META_SCHEMA)


def checkable(schema: Any) -> bool:
    whole = META.is_valid(schema)
    return whole and covered(schema) and "$ref" not in json.dumps(schema)


@given(SCHEMAS.filter(checkable), st.data())
def test_whatever_the_grammar_allows_is_valid_where_it_says_so(schema: Any, data: st.DataObject) -> None:
    rules = check(tool_grammar([], must_call=False, reply=schema))
    text = written(rules, "root", lambda low, high: data.draw(st.integers(low, high)))
    Draft202012Validator(schema).validate(json.loads(text))
