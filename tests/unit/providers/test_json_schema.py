"""Schemas are cut to what a provider takes, and what is cut is still told."""

from __future__ import annotations

from typing import Any

import pytest

from pointsman.errors import RequestError
from pointsman.providers.json_schema import for_anthropic, is_strict

CLOSED = {"type": "object", "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (
            {"type": "integer", "minimum": 1, "maximum": 5},
            {"type": "integer", "description": "{minimum: 1, maximum: 5}"},
        ),
        ({"type": "string", "format": "date", "title": "Day"}, {"type": "string", "format": "date", "title": "Day"}),
        (
            {"type": "string", "format": "regex", "description": "A pattern"},
            {"type": "string", "description": "A pattern\n\n{format: regex}"},
        ),
        (
            {"type": "array", "items": {"type": "null"}, "minItems": 1},
            {"type": "array", "items": {"type": "null"}, "minItems": 1},
        ),
        ({"type": "array", "minItems": 2}, {"type": "array", "description": "{minItems: 2}"}),
        ({"oneOf": [{"type": "null"}, {"const": 1}]}, {"anyOf": [{"type": "null"}, {"const": 1}]}),
        ({"enum": ["a", None]}, {"enum": ["a", None]}),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}},
            {"$defs": {"a": {"type": "null"}}, "$ref": "#/$defs/a"},
        ),
        (
            {"type": ["string", "null"], "maxLength": 3},
            {"anyOf": [{"type": "string", "description": "{maxLength: 3}"}, {"type": "null"}]},
        ),
        (
            {"type": "object", "properties": {"a": {"type": "boolean", "default": True}}, "additionalProperties": True},
            {**CLOSED, "properties": {"a": {"type": "boolean", "description": "{default: True}"}}},
        ),
    ],
)
def test_the_subset_of_anthropic(schema: dict[str, Any], sent: dict[str, Any]) -> None:
    before = repr(schema)

    assert for_anthropic(schema) == sent
    assert repr(schema) == before


SIMPLE = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"}]


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({}, {"anyOf": SIMPLE}),
        ({"properties": {"a": True}}, {**CLOSED, "properties": {"a": {"anyOf": SIMPLE}}}),
        ({"items": {"description": "x"}}, {"type": "array", "items": {"anyOf": SIMPLE, "description": "x"}}),
    ],
)
def test_a_node_without_type_gets_the_types_that_can_be_said(schema: dict[str, Any], sent: dict[str, Any]) -> None:
    assert for_anthropic(schema) == sent


@pytest.mark.parametrize("schema", [False, {"type": "object", "properties": {"a": "string"}}, {"items": 3}])
def test_what_is_no_schema_is_refused_with_its_place(schema: Any) -> None:
    with pytest.raises(RequestError, match=r"response_format\.schema"):
        for_anthropic(schema)


def test_an_object_of_several_parts_is_sent_as_one() -> None:
    base = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    own = {"type": "object", "properties": {"total": {"type": "number", "minimum": 0}}, "required": ["total"]}
    schema = {
        "allOf": [{"$ref": "#/definitions/base"}, own],
        "definitions": {"base": base},
        "unevaluatedProperties": False,
    }
    sent = for_anthropic(schema)
    assert "allOf" not in sent
    assert sent["properties"] == {"id": {"type": "string"}, "total": {"type": "number", "description": "{minimum: 0}"}}
    assert (sent["required"], sent["additionalProperties"]) == (["id", "total"], False)
    assert sent["definitions"]["base"]["additionalProperties"] is False
    alone = {"allOf": [{"$ref": "#/$defs/a"}], "description": "x", "$defs": {"a": {"enum": ["p", "q"]}}}
    assert for_anthropic(alone) == {"$defs": {"a": {"enum": ["p", "q"]}}, "enum": ["p", "q"], "description": "x"}
    clash = {"allOf": [base, {"properties": {"id": {"type": "integer"}}}]}
    assert "allOf" in for_anthropic(clash)


def test_a_schema_that_refers_to_itself_is_refused_before_the_provider_does() -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}
    for schema in ({"$defs": {"node": tree}, "$ref": "#/$defs/node"}, {**CLOSED, "properties": {"a": {"$ref": "#"}}}):
        with pytest.raises(RequestError, match="recursive"):
            for_anthropic(schema)


def test_references_that_multiply_do_not_run_away() -> None:
    laughs: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    with pytest.raises(RequestError, match="too large"):
        for_anthropic({"$ref": "#/$defs/d0", "$defs": {**laughs, "d40": {"type": "string"}}})


def test_an_endless_schema_is_refused() -> None:
    schema: dict[str, Any] = {"type": "array"}
    for _ in range(200):
        schema = {"type": "array", "items": schema}
    with pytest.raises(RequestError, match="nested"):
        for_anthropic(schema)
    assert not is_strict({**CLOSED, "properties": {"a": schema}, "required": ["a"]})


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({**CLOSED, "properties": {}, "required": []}, True),
        ({**CLOSED, "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]}, True),
        ({**CLOSED, "properties": {"a": {"type": "string"}}, "required": []}, False),
        ({"type": "object", "properties": {}, "required": []}, False),
        ({**CLOSED, "properties": {"a": {"type": "object"}}, "required": ["a"]}, False),
        ({**CLOSED, "properties": {"a": {"type": "string", "default": "x"}}, "required": ["a"]}, False),
        (
            {**CLOSED, "properties": {"a": {"$ref": "#/$defs/b"}}, "required": ["a"], "$defs": {"b": {"type": "null"}}},
            True,
        ),
        ({**CLOSED, "properties": {"a": {"$ref": "#/$defs/b", "title": "x"}}, "required": ["a"]}, False),
        ({"type": "array", "items": {"type": "string"}}, False),
        (None, False),
    ],
)
def test_what_is_strict_for_openai(schema: Any, strict: bool) -> None:
    assert is_strict(schema) is strict
