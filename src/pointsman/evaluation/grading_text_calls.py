"""Reads calls that a model wrote as text in Python's syntax: ``[get_order(id="A-17"), ping()]``.

The text is parsed, never run: sums of plain numbers are worked out here, anything else that would need running is refused.
What is accepted is what BFCL's decoder accepts, so that its verdicts can be reproduced.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable
from typing import Any, Final

import msgspec

LONGEST: Final = 100_000
"""Characters: a longer text is no list of calls."""
_MOST_BITS: Final = 256
"""Whole numbers that a sum may reach, so that ``9 ** 9 ** 9`` costs nothing."""
_LONGEST_TEXT: Final = 10_000

_SUMS: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class NotCalls(Exception):
    """The text is not a list of calls; says why."""


class TextCall(msgspec.Struct, frozen=True):
    """One call. ``positional``: values without a name, which no tool schema can place. ``repeated``: a name stands twice."""

    name: str
    arguments: dict[Any, Any]
    positional: int = 0
    repeated: bool = False


def text_calls(text: str) -> tuple[TextCall, ...]:
    """Return the calls that ``text`` consists of; brackets around them and code marks may be left out.

    Raises:
        NotCalls: it is anything else, or holds more than calls.
    """
    if len(text) > LONGEST:
        raise NotCalls(f"the text is longer than {LONGEST} characters")
    bare = text.strip("`\n ")
    bare = bare if bare.startswith("[") else "[" + bare
    bare = bare if bare.endswith("]") else bare + "]"
    body = _parsed(bare.strip().strip("'"))
    if isinstance(body, ast.Call):
        return (_call(body),)
    if not isinstance(body, ast.List | ast.Tuple | ast.Set):
        raise NotCalls("it is not a list of calls")
    return tuple(map(_call, body.elts))


def _parsed(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            # "\d" in a model's string is a warning to Python; to us it is two characters.
            warnings.simplefilter("ignore")
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotCalls(f"it is not Python call syntax: {error}"[:200]) from None


def _call(node: ast.expr) -> TextCall:
    if not isinstance(node, ast.Call):
        raise NotCalls("something in the list is not a call")
    try:
        arguments = {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    except (RecursionError, TypeError, ArithmeticError, ValueError) as error:
        raise NotCalls(f"a value cannot be read: {error}"[:200]) from None
    return TextCall(_name(node.func), arguments, len(node.args), len(arguments) < len(node.keywords))


def _name(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def _value(node: ast.expr | None) -> Any:  # noqa: PLR0911 - one line per kind of value
    match node:
        case ast.Constant():
            return "..." if node.value is Ellipsis else node.value
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=bool() | int() | float() as number)):
            return -number if isinstance(node.op, ast.USub) else +number
        case ast.List():
            return [_value(item) for item in node.elts]
        case ast.Tuple():
            return tuple(_value(item) for item in node.elts)
        case ast.Dict():
            return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
        case ast.Name():
            return node.id
        case ast.Call():
            return {_name(node.func): _call(node).arguments} if node.keywords else ast.unparse(node)
        case ast.Subscript():
            return ast.unparse(node)
        case ast.BinOp():
            return _sum(node)
        case _:
            raise NotCalls(f"a value of a kind that is not read: {type(node).__name__}")


def _sum(node: ast.expr) -> Any:
    """Return what a sum of plain numbers comes to, or texts and lists put together or repeated."""
    if not isinstance(node, ast.BinOp):
        if isinstance(node, ast.UnaryOp | ast.Constant | ast.List | ast.Tuple):
            return _value(node)
        raise NotCalls("a sum of something else than numbers")
    left, right = _sum(node.left), _sum(node.right)
    long = sum(len(side) for side in (left, right) if isinstance(side, str | list | tuple))
    if isinstance(node.op, ast.Pow):
        return _bounded(_power(left, right))
    if type(node.op) not in _SUMS or (long and isinstance(node.op, ast.Mod)):
        raise NotCalls("a sum of something else than numbers")
    if isinstance(node.op, ast.Mult) and long:
        times = next((side for side in (left, right) if isinstance(side, int)), 0)
        if long * times > _LONGEST_TEXT:
            raise NotCalls("a repetition out of bounds")
    return _bounded(_SUMS[type(node.op)](left, right))


def _power(base: Any, exponent: Any) -> float:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        if base.bit_length() * exponent > _MOST_BITS * 2:
            raise NotCalls("a number out of bounds")
        return int(base**exponent)
    result = float(base) ** exponent
    if isinstance(result, complex):
        raise NotCalls("a number out of bounds")
    return float(result)


def _bounded(value: Any) -> Any:
    if (isinstance(value, int) and value.bit_length() > _MOST_BITS) or (
        isinstance(value, str) and len(value) > _LONGEST_TEXT
    ):
        raise NotCalls("a number or text out of bounds")
    return value
