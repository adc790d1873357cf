"""A JSON Schema made ready to check replies: refused with a clear error where it is wrong, hostile or unbounded."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from pointsman.contracts.faults import pointer
from pointsman.contracts.schema_bounds import check_bounds
from pointsman.domain.message import JsonObject
from pointsman.errors import UsageError

if TYPE_CHECKING:
    import jsonschema_rs

_REGEX_BYTES = 10 << 20
_BACKTRACKS = 50_000
_VERSION_CHARS = 12


def version_of(schema: JsonObject, options: str = "") -> str:
    """Return the content hash of a schema: equal schemas have equal versions, whatever the order of their keys."""
    text = json.dumps(schema, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256((options + text).encode()).hexdigest()[:_VERSION_CHARS]


def compiled(schema: Any, name: str) -> tuple[jsonschema_rs.Validator, bool]:
    """Return the validator of ``schema``, and whether it is recursive.

    Patterns run on an engine whose time is linear in the reply; those it cannot express (look-around, back references) on one
    that gives up after a fixed number of steps, which counts as not matching.

    Raises:
        UsageError: the schema is not valid, or out of bounds; the message names the contract and the JSON pointer.
    """
    import jsonschema_rs

    if not isinstance(schema, dict):
        raise UsageError(f"contract {name!r}: a JSON Schema is an object, not {type(schema).__name__}")
    try:
        recursive = check_bounds(schema, name)
    except RecursionError:
        raise UsageError(f"contract {name!r}: the schema's references are chained too deep") from None
    linear = jsonschema_rs.RegexOptions(size_limit=_REGEX_BYTES, dfa_size_limit=_REGEX_BYTES)
    try:
        return _validator(schema, linear), recursive
    except jsonschema_rs.ValidationError:
        bounded = jsonschema_rs.FancyRegexOptions(
            backtrack_limit=_BACKTRACKS, size_limit=_REGEX_BYTES, dfa_size_limit=_REGEX_BYTES
        )
    try:
        return _validator(schema, bounded), recursive
    except jsonschema_rs.ValidationError as error:
        where = pointer(error.instance_path) or "/"
        said = f"{error.message[:300]} or too large a one" if error.message.endswith('"regex"') else error.message[:300]
        raise UsageError(f"contract {name!r}: the JSON Schema is wrong at {where}: {said}") from None


def _validator(
    schema: JsonObject, patterns: jsonschema_rs.RegexOptions | jsonschema_rs.FancyRegexOptions
) -> jsonschema_rs.Validator:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(schema, validate_formats=True, offline=True, pattern_options=patterns)
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, jsonschema_rs.ValidationError):
            raise
        raise UsageError(f"the JSON Schema cannot be compiled: {error}") from None
