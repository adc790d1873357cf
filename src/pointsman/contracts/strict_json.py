"""JSON exactly as RFC 8259 has it, and a little stricter: what two parsers could read differently is refused.

Refused are a key that stands twice, NaN and infinities (also as 1e999), lone surrogates, and nesting without end. Integers
keep every digit.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_CHARS = 2_000_000
"""The longest reply that is read: far above what any model writes in one reply."""

MAX_DEPTH = 100
"""The deepest nesting that is read."""

_EXACT = 15
"""Every number of this many characters is a float without loss that matters here: its whole part stays what it is."""

_STRUCTURE = re.compile(r'[\[{]+|[\]}]+|"(?:[^"\\]|\\.)*+(?:"|\Z)', re.DOTALL)


class NotJson(ValueError):
    """The text is not JSON; the message says why and where."""


def decode(text: str) -> Any:
    """Return the value of ``text``.

    Raises:
        NotJson: it is not JSON, or one of the things refused here.
    """
    if len(text) > MAX_CHARS:
        raise NotJson(f"longer than the {MAX_CHARS:,} characters that are read")
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    try:
        value = _DECODER.decode(text)
        text.encode()
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise NotJson(f"{_plain(error.msg)} at line {error.lineno}, column {error.colno}") from None
    except UnicodeEncodeError:
        raise NotJson("half of a surrogate pair stands in a string: it is no character") from None
    except RecursionError:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels") from None
    except NotJson:
        raise
    except ValueError:  # Python's own limit of 4,300 digits
        raise NotJson("a number has too many digits") from None
    return value


def _plain(said: str) -> str:
    # Some of Python's sentences go on with the place: ours names it itself.
    return said[:1].lower() + said[1:].removesuffix(" at")


def _depth(text: str) -> int:
    depth = deepest = 0
    for found in _STRUCTURE.finditer(text):
        mark = found[0]
        if mark[0] == '"':
            continue
        depth += len(mark) if mark[0] in "[{" else -len(mark)
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise NotJson(f"the key {twice!r:.80} stands twice in one object: which value counts is not certain")
    return made


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotJson(f"the number {digits:.40} is too large")
    if len(digits) > _EXACT and value.is_integer() and not _is_whole(digits):
        # 9007199254740993.5 would count as the integer 9007199254740994.
        raise NotJson(f"the number {digits:.40} cannot be read without losing digits")
    return value


def _is_whole(digits: str) -> bool:
    try:
        exact = Decimal(digits)
        return exact == exact.to_integral_value()
    except InvalidOperation:  # an exponent beyond what even decimals hold
        return False


def _constant(word: str) -> Any:
    raise NotJson(f"{word} is not a JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_constant=_constant)


def same(one: Any, other: Any) -> bool:
    """Return whether two decoded values are the same, types included (1, 1.0 and True are three values)."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
