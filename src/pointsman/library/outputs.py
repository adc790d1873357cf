"""Shapes as Python gives them, a Pydantic model or a JSON Schema: of a reply, or of the fields that are added to a plan."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from pointsman.contracts import Contract
from pointsman.domain.message import JsonObject
from pointsman.domain.plan import accepted_schema
from pointsman.domain.reply import Reply
from pointsman.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

_MOST = 64
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_NAME = 64


class Output(msgspec.Struct, frozen=True):
    """What a reply must be: ``contract`` holds it to that; ``model`` is what its value is made into, None: plain JSON."""

    contract: Contract
    model: type[BaseModel] | None = None

    def response_format(self) -> JsonObject:
        """Return the wish as a Chat Completions request writes it."""
        wanted = self.contract.output_format()
        return {"type": "json_schema", "json_schema": {"name": wanted.name, "schema": wanted.schema}}

    def value(self, reply: Reply) -> Any:
        """Return what a reply says; None where it is no answer: tool calls, a refusal, a question for an approval, cut short."""
        if reply.tool_calls:
            return None
        verdict = self.contract.check(reply.text, truncated=reply.stop_reason == "max_tokens")
        if not verdict.ok or verdict.text is None:
            return None
        return verdict.value if self.model is None else self.model.model_validate_json(verdict.text)


class Outputs:
    """Outputs made once and kept, the last ``_MOST`` of them; and those that agents were given."""

    def __init__(self) -> None:
        self.of_agents: dict[str, Output] = {}
        self._made: OrderedDict[type | bytes, Output] = OrderedDict()

    def of(self, given: Any) -> Output:
        """Return the output of a Pydantic model, or of a JSON Schema.

        Raises:
            UsageError: it is neither, or no schema that a reply can be held to.
        """
        key = given if isinstance(given, type) else msgspec.json.encode(schema_of(given))
        known = self._made.get(key)
        if known is None:
            known = _output(given)
            self._made[key] = known
            if len(self._made) > _MOST:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return known


def _output(given: Any) -> Output:
    schema = schema_of(given)
    if not isinstance(given, type):
        title = schema.get("title")
        return Output(Contract(schema, name=_name(title if isinstance(title, str) else "")))
    return Output(Contract.from_pydantic(given, name=_name(given.__name__)), given)


def schema_of(given: Any) -> JsonObject:
    """Return a Pydantic model's JSON Schema, or the JSON Schema itself.

    Raises:
        UsageError: it is neither, or cannot be written as JSON.
    """
    if isinstance(given, type):
        from pydantic import BaseModel
        from pydantic.errors import PydanticUserError

        if issubclass(given, BaseModel):
            try:
                return given.model_json_schema(by_alias=True, mode="validation")
            except PydanticUserError as error:
                first = str(error).splitlines()[0]
                raise UsageError(f"{given.__name__} cannot be written as a JSON Schema: {first}") from None
    if not isinstance(given, Mapping):
        kind = given.__name__ if isinstance(given, type) else type(given).__name__
        raise UsageError(f"a shape is a Pydantic model (the class) or a JSON Schema (a dict), not {kind}")
    try:
        found: JsonObject = msgspec.json.decode(msgspec.json.encode(dict(given)))
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"the JSON Schema cannot be written as JSON: {error}") from None
    return found


def plan_fields(given: Any) -> JsonObject:
    """Return the JSON Schema of fields that are added to plans.

    Raises:
        UsageError: they cannot be added, or are no JSON Schema.
    """
    schema = schema_of(given)
    try:
        Contract(accepted_schema((), schema), name="plan schema")
    except ValueError as error:
        raise UsageError(f"a plan schema {error}") from None
    return schema


def _name(text: str) -> str:
    """Return a name that every provider takes."""
    return _NOT_IN_A_NAME.sub("_", text)[:_LONGEST_NAME].strip("_") or "reply"
