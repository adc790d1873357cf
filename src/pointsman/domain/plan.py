"""The plan that a planner hands to a worker: what the worker could get wrong, and nothing it can see for itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

import msgspec

from pointsman.domain.message import JsonObject

NextAction = Literal["reply", "call_tool", "escalate", "ask_clarifying"]
Risk = Literal["low", "medium", "high"]

TONE_LIMIT: Final = 120
ITEMS_LIMIT: Final = 3
ITEM_LIMIT: Final = 300
"""Characters of one item of ``must_mention`` or ``forbidden``."""
FIELDS: Final = (
    "intent",
    "tone",
    "must_mention",
    "forbidden",
    "next_action",
    "risk",
    "tool",
    "arguments",
    "confidence",
)


class Plan(msgspec.Struct, frozen=True):
    """What to do about one turn. ``tool`` and ``arguments`` are set where they are known already.

    ``tone`` has at most ``TONE_LIMIT`` characters, ``must_mention`` and ``forbidden`` at most ``ITEMS_LIMIT`` items.
    ``confidence`` is what the planner claims, from 0 to 1: nothing has measured it. ``extra`` holds the fields that a policy
    or an agent has added.
    """

    intent: str
    next_action: NextAction
    tone: str = ""
    must_mention: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    risk: Risk = "medium"
    tool: str | None = None
    arguments: JsonObject = msgspec.field(default_factory=dict)
    confidence: float | None = None
    extra: JsonObject = msgspec.field(default_factory=dict)


def plan_schema(tools: Iterable[str] = (), extension: JsonObject | None = None) -> JsonObject:
    """Return the JSON Schema that a planner is given: closed objects, every field required, as strict modes want it.

    ``arguments`` is a list of names and values there, since a free object cannot be closed. ``extension`` is an object
    schema whose properties are added.
    """
    items = {"type": "array", "maxItems": ITEMS_LIMIT, "items": {"type": "string", "maxLength": ITEM_LIMIT}}
    pair = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
        "required": ["name", "value"],
        "additionalProperties": False,
    }
    properties: JsonObject = {
        "intent": {"type": "string", "minLength": 1, "maxLength": 200},
        "tone": {"type": "string", "maxLength": TONE_LIMIT},
        "must_mention": items,
        "forbidden": items,
        "next_action": {"type": "string", "enum": list(get_args(NextAction))},
        "risk": {"type": "string", "enum": list(get_args(Risk))},
        "tool": {"type": "string", "enum": ["", *dict.fromkeys(tools)], "description": "Empty: none."},
        "arguments": {"type": "array", "items": pair, "description": "Known arguments of the tool; values as JSON."},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    }
    added = extended(extension)
    return {
        "type": "object",
        "properties": {**properties, **added},
        "required": [*properties, *added],
        "additionalProperties": False,
        **({"$defs": extension["$defs"]} if extension and "$defs" in extension else {}),
    }


def accepted_schema(tools: Iterable[str] = (), extension: JsonObject | None = None) -> JsonObject:
    """Return what a plan is checked against: as ``plan_schema``, but ``arguments`` may be the object they stand for."""
    schema = plan_schema(tools, extension)
    properties = dict(schema["properties"])
    properties["arguments"] = {"anyOf": [properties["arguments"], {"type": "object"}, {"type": "null"}]}
    properties["tool"] = {"enum": [*properties["tool"]["enum"], None]}
    wanted = (extension or {}).get("required", ())
    optional = {"tool", "arguments", *(name for name in extended(extension) if name not in wanted)}
    required = [name for name in schema["required"] if name not in optional]
    return {**schema, "properties": properties, "required": required}


def extended(extension: Mapping[str, Any] | None) -> JsonObject:
    """Return the properties that an extension adds.

    Raises:
        ValueError: it is no object schema, or names a field that every plan has.
    """
    if not extension:
        return {}
    properties = extension.get("properties")
    if extension.get("type", "object") != "object" or not isinstance(properties, Mapping) or not properties:
        raise ValueError("must be the JSON Schema of an object with properties")
    taken = [name for name in properties if name in FIELDS]
    if taken:
        raise ValueError(f"every plan has {', '.join(taken)} already; name your field otherwise")
    strange = [name for name, schema in properties.items() if not isinstance(schema, Mapping | bool)]
    if strange:
        raise ValueError(f"{strange[0]}: must be a JSON Schema, for example {{type: string}}")
    return dict(properties)


def plan_from(value: Mapping[str, Any], parameters: Mapping[str, JsonObject]) -> Plan:
    """Return the plan of a value that fits ``accepted_schema``; ``parameters`` are the schemas of the offered tools.

    Raises:
        ValueError: the parts of the plan do not go together; the sentence is fit to be told to the planner.
    """
    tool = value.get("tool") or None
    next_action: NextAction = value["next_action"]
    if next_action == "call_tool" and tool is None:
        raise ValueError("next_action is call_tool, but no tool is named")
    return Plan(
        intent=value["intent"],
        next_action=next_action,
        tone=value["tone"],
        must_mention=_items(value["must_mention"]),
        forbidden=_items(value["forbidden"]),
        risk=value["risk"],
        tool=tool,
        arguments=_arguments(value.get("arguments"), parameters.get(tool or "", {})) if tool else {},
        confidence=value["confidence"],
        extra={name: found for name, found in value.items() if name not in FIELDS},
    )


def _items(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.strip() for item in value if item.strip()))


def _arguments(value: Any, parameters: JsonObject) -> JsonObject:
    if isinstance(value, Mapping):
        return dict(value)
    properties = parameters.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    return {pair["name"]: _typed(pair["value"], known.get(pair["name"])) for pair in value or ()}


def _typed(text: str, schema: Any) -> Any:
    """Return a value as the tool's schema wants it: a string stays one, anything else is read as JSON where it is some."""
    if isinstance(schema, Mapping) and schema.get("type") == "string" and not text.startswith('"'):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
