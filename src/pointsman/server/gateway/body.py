"""Reads request bodies: checks what no decoder checks, and says where a body is wrong in the client's own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from pointsman.errors import RequestError

MAX_DEPTH = 100
"""Levels of nested objects and arrays. Real requests stay below 30; deeper ones only serve to exhaust a stack."""

_T = TypeVar("_T")
_FIELDS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"'))
_WHERE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<field>[^`]*)`$")
_INDEX = re.compile(r"\[(\d+)\]")


def fields(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the top-level fields as raw slices, after checking encoding and depth of the whole body.

    Raises:
        RequestError: not UTF-8, not JSON, not an object, or nested deeper than ``MAX_DEPTH``.
    """
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise RequestError(f"The request body is not valid UTF-8 at byte {error.start}.") from None
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(body)
    return typed(_FIELDS, body)


def _check_depth(body: bytes) -> None:
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NOT_STRUCTURE)
    structure = b"".join(bare.split(b'"')[::2])
    # Each pass removes at least the innermost level, at C speed; a Python loop per bracket would cost far more.
    for _ in range(MAX_DEPTH):
        inner = structure.replace(b"[]", b"").replace(b"{}", b"")
        if inner == structure:
            return  # nothing left, or brackets that do not match: the decoder says what is wrong
        structure = inner
    if structure:
        raise RequestError(f"The request body is nested deeper than {MAX_DEPTH} levels.")


def typed(decoder: msgspec.json.Decoder[_T], raw: bytes | msgspec.Raw, where: str = "") -> _T:
    """Decode ``raw``; ``where`` is the path that leads to it.

    Raises:
        RequestError: with the path of the field at fault as ``param``.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _translated(str(error), where) from None
    except msgspec.DecodeError as error:
        at = f"{where}: " if where else ""
        raise RequestError(f"{at}The request body is not valid JSON: {error}.", param=where or None) from None
    except RecursionError:
        raise RequestError(f"The request body is nested deeper than {MAX_DEPTH} levels.", param=where or None) from None


def _translated(text: str, where: str) -> RequestError:
    match = _WHERE.match(text)
    what, path = (match["what"], match["path"] or "") if match else (text, "")
    # "`key` in `$.a`" and "$.a[...]" are about a member whose name msgspec does not give: the path ends at its owner.
    path = _INDEX.sub(r".\1", path.rpartition("$")[2].replace("[...]", ""))
    steps = [where, *path.split(".")]
    if missing := _MISSING.match(what):
        steps.append(missing["field"])
        what = "this field is required"
    param = ".".join(step for step in steps if step)
    return bad(param, what) if param else RequestError(f"The request body: {what}")


def bad(param: str, what: str) -> RequestError:
    """Return the error for a wrong field: its path, then what is wrong with it."""
    return RequestError(f"{param}: {what}", param=param)


def extras(found: Mapping[str, msgspec.Raw], known: frozenset[str]) -> dict[str, Any]:
    """Return the fields this version has no word for, decoded; null says nothing and is left out.

    Raises:
        RequestError: one of them is not valid JSON.
    """
    kept: dict[str, Any] = {}
    for name, raw in found.items():
        if name not in known and (value := typed(_ANY, raw, name)) is not None:
            kept[name] = value
    return kept


def store_parts(found: dict[str, msgspec.Raw]) -> tuple[tuple[str, bytes], ...]:
    """Return the body as named raw slices, in the order the store wants; ``found`` loses what has a name of its own."""
    parts: list[tuple[str, bytes]] = []
    messages = _LIST.decode(found.pop("messages"))
    for name in ("system", "tools"):
        raw = found.pop(name, None)
        if raw is not None:
            parts.append((name, bytes(raw)))
    parts.insert(0, ("params", msgspec.json.encode(found)))
    parts.extend([("message", bytes(raw)) for raw in messages])
    return tuple(parts)
