"""Values of Java and JavaScript that stand as text in a call, read as BFCL's checker reads them.

What counts as a literal, and what is left a text, follows bfcl-eval 2026.3.23 (Apache-2.0) to the letter: its patterns are the
rules. Agreement is tested against the original. A text that is no literal of its type stays a text.
"""

from __future__ import annotations

import re
from typing import Any, Final

JAVA: Final[dict[str, type]] = {
    **dict.fromkeys(("byte", "short", "integer", "long"), int),
    **dict.fromkeys(("float", "double"), float),
    **dict.fromkeys(("char", "String", "any"), str),
    **dict.fromkeys(("Array", "ArrayList", "Queue", "Stack"), list),
    **dict.fromkeys(("HashMap", "Hashtable"), dict),
    "boolean": bool,
    "Set": set,
}
JAVASCRIPT: Final[dict[str, type]] = {
    **dict.fromkeys(("String", "any"), str),
    **dict.fromkeys(("integer", "Bigint"), int),
    "float": float,
    "Boolean": bool,
    "dict": dict,
    "array": list,
}
_LONGEST: Final = 10_000

_WHOLE: Final = re.compile(r"^-?\d+$")
_LONG: Final = re.compile(r"^-?\d+[lL]$")
_FLOAT: Final = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?[fF]$")
_DOUBLE: Final = re.compile(r"^-?\d+(\.\d+)?([eE][+-]?\d+)?$")
_FRACTION: Final = re.compile(r"^-?\d+(\.\d+)?$")
_BIG: Final = re.compile(r"^-?\d+n$")
_AS_LIST: Final = re.compile(r"new\s+ArrayList<\w*>\(Arrays\.asList\((.+?)\)\)")
_ADDING: Final = re.compile(r"new\s+ArrayList<\w*>\(\)\s*\{\{\s*(.+?)\s*\}\}", re.DOTALL)
_ADD: Final = re.compile(r"add\((.+?)\)")
_EMPTY_LIST: Final = re.compile(r"new\s+ArrayList<\w*>\(\)")
_ARRAY: Final = re.compile(r"new\s+\w+\[\]\s*\{(.*?)\}")
_MAP: Final = re.compile(r"new\s+HashMap<.*?>\s*\(\)\s*\{\s*\{?\s*(.*?)\s*\}?\s*\}", re.DOTALL)
_PUT: Final = re.compile(r"put\(\"(.*?)\",\s*(.*?)\)")
_EMPTY_MAP: Final = re.compile(r"new\s+HashMap<.*?>\s*\(\)")
_TABLE: Final = re.compile(r"\[\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\]|\bnew\s+Array\(\s*\[.*?\]\s*(,\s*\[.*?\]\s*)*\)")
_ROW: Final = re.compile(r"\[(.*?)\]")
_LIST: Final = re.compile(r"\[(.*?)\]|\bnew\s+Array\((.*?)\)")
_OBJECT: Final = re.compile(r"\{(.*?)\}")
_PAIR: Final = re.compile(r"([^:]+):\s*(.*?)(?:,\s*(?=[^,]+:)|$)")


def java_value(text: str, kind: str, items: str | None = None) -> Any:
    """Return what a Java expression stands for.

    Raises:
        ValueError: a kind that BFCL cannot read either, or a text out of bounds.
    """
    _bound(text)
    if kind in ("byte", "short", "integer"):
        return int(text) if _WHOLE.match(text) else text
    if kind == "long":
        return int(re.sub(r"[lL]$", "", text)) if _LONG.match(text) else text
    if kind == "float":
        return float(re.sub(r"[fF]$", "", text)) if _FLOAT.match(text) else text
    if kind == "double":
        return float(text) if _DOUBLE.match(text) else text
    if kind == "boolean":
        return text == "true" if text in ("true", "false") else text
    return _java_other(text, kind, items)


def _java_other(text: str, kind: str, items: str | None) -> Any:
    if kind in ("char", "String", "any"):
        return text
    if kind == "ArrayList":
        return _array_list(text, items)
    if kind == "Array":
        found = _ARRAY.search(text)
        return [_java_item(part.strip(), items) for part in found[1].split(",") if part.strip()] if found else text
    if kind == "HashMap":
        found = _MAP.search(text)
        if found:
            return {key: _java_bare(value.strip()) for key, value in _PUT.findall(found[1])}
        return {} if _EMPTY_MAP.search(text) else text
    raise ValueError(f"{kind} is not read")


def _array_list(text: str, items: str | None) -> Any:
    def item(part: str) -> Any:
        return part[1:-1] if items in ("char", "String") else _java_item(part, items)

    if found := _AS_LIST.search(text):
        return [item(part.strip()) for part in found[1].split(",")]
    if found := _ADDING.search(text):
        return [item(part.strip()) for part in _ADD.findall(found[1])]
    return [] if _EMPTY_LIST.search(text) else text


def _java_item(text: str, items: str | None) -> Any:
    return java_value(text, items) if items else _java_bare(text)


def _java_bare(text: str) -> Any:
    """Read a value of no stated type."""
    if text.startswith('"') and text.endswith('"') and text not in ("true", "false"):
        return text[1:-1]
    if _LONG.match(text):
        return int(text[:-1])
    if _FLOAT.match(text):
        return float(re.sub(r"[fF]$", "", text))
    return _bare(text)


def javascript_value(text: str, kind: str, items: str | None = None) -> Any:
    """Return what a JavaScript expression stands for.

    Raises:
        ValueError: an unknown kind, or a text out of bounds.
    """
    _bound(text)
    if kind == "String":
        return text[1:-1] if _quoted(text) else text
    if kind == "Boolean":
        return text == "true" if text in ("true", "false") else text
    if kind in ("dict", "array"):
        return _javascript_collection(text.strip(), kind, items)
    return _javascript_number(text, kind)


def _javascript_number(text: str, kind: str) -> Any:
    if kind == "integer":
        return int(text) if _WHOLE.match(text) else text
    if kind == "float":
        return float(text) if _FRACTION.match(text) else text
    if kind == "Bigint":
        return int(text[:-1]) if _BIG.match(text) else text
    if kind == "any":
        return text
    raise ValueError(f"{kind} is not read")


def _javascript_collection(text: str, kind: str, items: str | None = None) -> Any:
    try:
        return _javascript_list(text, items) if kind == "array" else _javascript_object(text)
    except (ValueError, TypeError, RecursionError):
        return text


def _javascript_list(text: str, items: str | None) -> Any:
    if table := _TABLE.match(text):
        rows = [row.strip() for row in _ROW.findall(table[0])]
        if rows and rows[0].startswith("["):
            rows[0] = rows[0][1:]
        return [[_javascript_bare(part) for part in row.split(",")] for row in rows]
    found = _LIST.match(text)
    if found is None:
        return text
    inner = (found[1] if found[1] is not None else found[2]).strip()
    parts = [part.strip() for part in inner.split(",")] if inner else []
    if not items:
        return [_javascript_bare(part) for part in parts]
    return [javascript_value(part, items, "String" if part.startswith(("'", '"')) else None) for part in parts]


def _javascript_object(text: str) -> Any:
    found = _OBJECT.match(text)
    if text == "{}" or found is None:
        return {} if text == "{}" else text
    made = {}
    for key, value in ((key, value.strip()) for key, value in _PAIR.findall(found[1])):
        name = key.strip().strip("'\"")
        if value.startswith("[") and value.endswith("]"):
            made[name] = _javascript_collection(value, "array")
        elif value.startswith("{") and value.endswith("}"):
            made[name] = _javascript_collection(value, "dict")
        else:
            made[name] = _javascript_bare(value.strip("'\""))
    return made


def _javascript_bare(text: str) -> Any:
    text = text.strip()
    return text[1:-1] if _quoted(text) else _bare(text)


def _bare(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _quoted(text: str) -> bool:
    return any(text.startswith(mark) and text.endswith(mark) for mark in "\"'")


def _bound(text: str) -> None:
    if len(text) > _LONGEST:
        raise ValueError("the text is too long for a literal")
