"""A GBNF grammar (llama.cpp's) that lets a small model write plain text, one valid tool call, or one JSON value of a schema.

Small models ramble inside a loose grammar: measured here, plain JSON-schema grammars ran into the token limit in 14 of 20
tries, this compact form in none. So no free white space, bounded strings and lists, required properties first.
Format: https://github.com/ggml-org/llama.cpp/tree/master/grammars

Names and values of a client stand in the grammar only inside literals, as ASCII JSON with quotes and backslashes escaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pointsman.domain.message import JsonObject, Tool
from pointsman.providers.schema_bounds import Bounds, kinds_of, named

CALL_KEY = "@tool"
"""First key of a call. Plain text may begin with any JSON but this: ``text`` below forbids its first character there."""

_DEPTH = 32
_TEXT = r"""text ::= [^{] any* | "{" ([^"] any* | "\"" ([^@] any*)?)?
any ::= [^\x00]"""
_COMMON = r"""char ::= [^"\\\x00-\x1f\x7f] | "\\" ["\\/bfnrt]
string ::= "\"" char{0,80} "\""
natural ::= "0" | positive
positive ::= [1-9] [0-9]{0,11}
integer ::= "-"? natural
fraction ::= "." [0-9]{1,6}
number ::= integer fraction?
boolean ::= "true" | "false"
scalar ::= string | number | boolean | "null"
pair ::= string ":" scalar
free-object ::= "{" (pair ("," pair){0,7})? "}"
value ::= scalar | free-object | "[" (scalar ("," scalar){0,7})? "]" """.rstrip()


def tool_grammar(tools: Iterable[Tool], *, must_call: bool, reply: JsonObject | None = None) -> str:
    """Return the grammar of a reply: a call of one of ``tools``, or else text, or a JSON value of the schema ``reply``.

    With ``must_call`` only a call is allowed.
    """
    rules = _Rules()
    calls = [rules.call(tool) for tool in tools]
    if calls:
        opening = literal("{" + json.dumps(CALL_KEY) + ":")
        rules.lines["call"] = f'{opening} ({" | ".join(calls)}) "}}"'
    choices = ["call"] if calls else []
    if not (must_call and calls):
        choices.append("text" if reply is None else rules.schema(reply))
    root = f"root ::= {' | '.join(choices)}"
    tail = [_TEXT, _COMMON] if "text" in choices else [_COMMON]
    return "\n".join([root, *(f"{name} ::= {body}" for name, body in rules.lines.items()), *tail]) + "\n"


def literal(text: str) -> str:
    """Return ASCII ``text`` without control characters as a GBNF literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json(value: Any) -> str:
    return literal(json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f"))


class _Rules:
    """Collects the rules of one grammar. Total: any JSON is taken for a schema, what is unknown in it allows more."""

    def __init__(self) -> None:
        self.lines: dict[str, str] = {}
        self._document: Any = {}
        self._refs: dict[str, str] = {}
        self._leading: list[str] = []

    def call(self, tool: Tool) -> str:
        """Return the part of a call that follows its key: name and arguments."""
        arguments = self.schema({"type": "object", **tool.parameters})
        return f"{_json(tool.name)} {literal(',' + json.dumps('arguments') + ':')} {arguments}"

    def schema(self, document: Any) -> str:
        """Return the expression for a whole schema, to which its ``$ref`` belong."""
        self._document, self._refs = document, {}
        return self._value(document, 0)

    def _rule(self, body: str) -> str:
        name = f"r{len(self.lines)}"
        self.lines[name] = body
        return name

    def _value(self, schema: Any, depth: int) -> str:
        if not isinstance(schema, dict) or depth > _DEPTH:
            return "value"
        if isinstance(schema.get("$ref"), str):
            return self._ref(schema["$ref"], depth)
        if "const" in schema:
            return _json(schema["const"])
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._either(_json(value) for value in schema["enum"])
        for word in ("anyOf", "oneOf", "allOf"):
            variants = schema.get(word)
            if isinstance(variants, list) and variants and "properties" not in schema:
                chosen = variants[:1] if word == "allOf" else variants
                return self._either(self._value(node, depth + 1) for node in chosen)
        return self._either(self._kind(kind, schema, depth) for kind in kinds_of(schema) or [""])

    def _either(self, choices: Iterable[str]) -> str:
        unique = list(dict.fromkeys(choices))
        return unique[0] if len(unique) == 1 else self._rule(" | ".join(unique))

    def _ref(self, ref: str, depth: int) -> str:
        """Return the rule of a named schema: written once, so a schema may hold itself, but not begin with itself."""
        if ref in self._leading:
            return "value"
        if ref not in self._refs:
            target = named(self._document, ref)
            if target is None:
                return "value"
            self._refs[ref] = self._rule("")
            outer, self._leading = self._leading, [*self._leading, ref]
            self.lines[self._refs[ref]] = self._value(target, depth + 1)
            self._leading = outer
        return self._refs[ref]

    def _kind(self, kind: str, schema: JsonObject, depth: int) -> str:
        bounds = Bounds(schema)
        if kind in ("object", "array"):
            # Behind the opening bracket the same schema may stand again.
            outer, self._leading = self._leading, []
            found = self._object(schema, depth) if kind == "object" else self._array(schema, bounds, depth)
            self._leading = outer
            return found
        if kind == "string" and bounds.limited("minLength", "maxLength"):
            least, most = bounds.size("minLength", "maxLength", 80)
            return self._rule(f'"\\"" char{{{least},{most}}} "\\""')
        if kind == "integer":
            return self._either(map(_json, bounds.numbers)) if bounds.numbers else bounds.integer_rule
        if kind == "number" and bounds.integer_rule != "integer":
            return f"({bounds.integer_rule} fraction?)"
        return {"string": "string", "number": "number", "boolean": "boolean", "null": '"null"'}.get(kind, "value")

    def _array(self, schema: JsonObject, bounds: Bounds, depth: int) -> str:
        least, most = bounds.size("minItems", "maxItems", 8)
        if most == 0:
            return '"[]"'
        item = self._value(schema.get("items"), depth + 1)
        filled = f'{item} ("," {item}){{{max(0, least - 1)},{most - 1}}}'
        return self._rule(f'"[" {filled} "]"' if least else f'"[" ({filled})? "]"')

    def _object(self, schema: JsonObject, depth: int) -> str:
        found = schema.get("properties")
        properties: JsonObject = found if isinstance(found, dict) else {}
        listed = schema.get("required")
        required = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
        required = list(dict.fromkeys(required))
        optional = [name for name in properties if name not in required]
        if not required and not optional:
            return self._map(schema.get("additionalProperties"), depth)
        fields = {name: self._field(name, properties.get(name), depth) for name in [*required, *optional]}
        tails = self._tails([fields[name] for name in optional])
        if required:
            body = ' "," '.join(fields[name] for name in required)
            return self._rule(f'"{{" {body} {tails[0]} "}}"')
        # With nothing required, each property may be the first one; the ones behind it follow in order.
        starts = [f"{fields[name]} {tails[number + 1]}" for number, name in enumerate(optional)]
        return self._rule(f'"{{" ({" | ".join(starts)})? "}}"')

    def _field(self, name: str, schema: Any, depth: int) -> str:
        return self._rule(f"{_json(name)} {literal(':')} {self._value(schema, depth + 1)}")

    def _tails(self, fields: list[str]) -> list[str]:
        """Return, for each place in ``fields``, the rule for any of the fields from there on, each after a comma."""
        tails = [""]
        for field in reversed(fields):
            tails.insert(0, self._rule(f'("," {field})? {tails[0]}'.rstrip()))
        return tails

    def _map(self, values: Any, depth: int) -> str:
        if not isinstance(values, dict):
            return '"{}"'
        entry = self._rule(f'string ":" {self._value(values, depth + 1)}')
        return self._rule(f'"{{" ({entry} ("," {entry}){{0,7}})? "}}"')
