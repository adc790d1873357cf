"""Checks the arguments of tool calls where a dialect wants a JSON object, not text."""

from __future__ import annotations

import msgspec

from pointsman.errors import ProviderError

_OBJECT: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])


def is_object(arguments: str) -> bool:
    """Return True when ``arguments`` is the JSON text of an object."""
    try:
        _OBJECT.decode(arguments)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True


def as_object(name: str, arguments: str) -> msgspec.Raw:
    """Return the arguments as a raw JSON object, byte for byte; no text at all means no arguments.

    Raises:
        ProviderError: (``invalid_tool_arguments``) the model wrote something else: half an object would look like a whole.
    """
    if not arguments.strip():
        return msgspec.Raw(b"{}")
    if not is_object(arguments):
        raise invalid(name)
    return msgspec.Raw(arguments.encode())


def invalid(name: str) -> ProviderError:
    """Return the error for arguments that are not a JSON object."""
    return ProviderError(
        f"the model called the tool {name!r} with arguments that are not a JSON object",
        kind="invalid_tool_arguments",
        retry="other",
    )
