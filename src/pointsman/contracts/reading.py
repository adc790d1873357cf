"""Reads text that is nearly JSON, and spells it as JSON: only where every token's meaning is certain.

What is read beyond JSON: quotes of another sort (``'a'``, typographic), names without quotes before a colon, Python's True,
False and None, comments, a comma too many before a closing bracket or one missing before a key, a line break inside a
string, a single quote with an escape, and invisible characters between tokens. Each use is recorded. Numbers and the
characters of strings are copied, never computed. Whatever else is found is ``Unreadable``: a bracket or quote is never added
where the text ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Literal

import msgspec

from pointsman.contracts.strict_json import MAX_DEPTH
from pointsman.contracts.verdict import Repair
from pointsman.contracts.witness import MAX_CHARS

_SPACE = re.compile(r"[ \t\r\n]+")
_INVISIBLE = re.compile("[\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060\u3000\ufeff\u000b\u000c\u0085]+")
_COMMENT = re.compile(r"//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_DATA = re.compile(r"[\"']\s*:|[\[\]{}]")
_STRICT = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_LOOSE = {
    '"': re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL),
    "'": re.compile(r"'([^'\\]*+(?:\\.[^'\\]*+)*+)'", re.DOTALL),
    "“": re.compile('“([^“”"\\\\\\n]*)”'),
    "‘": re.compile("‘([^‘’'\"\\\\\\n]*)’"),
}
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_CUT_NUMBER = re.compile(r"-?[0-9]*+(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]*+)?\Z")
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_NEXT_KEY = re.compile(r'"(?:[^"\\\n]|\\.)*+"\s*:')
_AFTER_NUMBER = frozenset(" \t\r\n,]}/#")
_PYTHON = {"True": "true", "False": "false", "None": "null"}


class Unreadable(ValueError):
    """The text at ``position`` has no certain meaning; ``cut``: it ends before its brackets and quotes are closed."""

    def __init__(self, message: str, position: int, *, cut: bool = False) -> None:
        super().__init__(message)
        self.position = position
        self.cut = cut


class Node(msgspec.Struct):
    """A value that was read: the pieces ``first:last`` of the spelling are its JSON text."""

    kind: Literal["object", "array", "string", "other"]
    first: int
    last: int = 0
    children: list[tuple[str | None, Node]] = msgspec.field(default_factory=list)


class Reading:
    """One value read from ``text`` at ``start``; ``end`` is where it ended, ``spelled`` its JSON text.

    Raises:
        Unreadable: see the class.
    """

    def __init__(self, text: str, start: int = 0) -> None:
        self._text = text
        self._start = start
        self._at = start
        self._pieces: list[str] = []
        self._done: dict[str, None] = {}
        self.root = self._value(0)
        self.end = self._at

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """What had to be done to spell the text as JSON, each sort once."""
        return tuple(Repair(what) for what in self._done)

    @property
    def source(self) -> str:
        """The text this was read from."""
        return self._text[self._start : self.end]

    def spelled(self, node: Node | None = None) -> str:
        """Return the JSON text of ``node`` (None: of the whole)."""
        node = node or self.root
        return "".join(self._pieces[node.first : node.last])

    def _value(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH} levels", self._at)
        self._skip()
        mark = self._peek()
        node = Node("other", len(self._pieces))
        if mark == "{":
            node.kind = "object"
            self._members(node, depth)
        elif mark == "[":
            node.kind = "array"
            self._items(node, depth)
        elif mark in _LOOSE:
            node.kind = "string"
            self._string(mark)
        elif mark == "-" or mark in "0123456789":
            self._number()
        else:
            self._word()
        node.last = len(self._pieces)
        return node

    def _peek(self) -> str:
        if self._at >= len(self._text):
            raise Unreadable("it ends before it is complete", self._at, cut=True)
        return self._text[self._at]

    def _take(self, mark: str) -> None:
        self._pieces.append(mark)
        self._at += 1

    def _skip(self) -> None:
        """Pass over white space (kept) and comments and invisible characters (left out)."""
        while self._at < len(self._text):
            if space := _SPACE.match(self._text, self._at):
                self._pieces.append(space[0])
            elif space := _INVISIBLE.match(self._text, self._at):
                self._done["invisible characters between values removed"] = None
            elif space := _COMMENT.match(self._text, self._at):
                if _DATA.search(space[0]):
                    raise Unreadable("a comment looks like data", self._at)
                self._done["comment removed"] = None
            else:
                return
            self._at = space.end()

    def _members(self, node: Node, depth: int) -> None:
        self._list(node, "}", lambda: self._member(node, depth))

    def _items(self, node: Node, depth: int) -> None:
        self._list(node, "]", lambda: node.children.append((None, self._value(depth + 1))))

    def _list(self, node: Node, closing: str, one: Callable[[], None]) -> None:
        self._take(self._peek())
        comma: int | None = None
        while True:
            self._skip()
            if self._peek() == closing:
                if comma is not None:
                    self._pieces[comma] = ""
                    self._done["trailing comma removed"] = None
                self._take(closing)
                return
            if node.children and comma is None:
                self._missing_comma(closing)
            one()
            self._skip()
            if self._done and self._at - self._start > MAX_CHARS:
                raise Unreadable(f"longer than the {MAX_CHARS:,} characters that are mended", self._at)
            comma = None
            if self._peek() == ",":
                comma = len(self._pieces)
                self._take(",")

    def _missing_comma(self, closing: str) -> None:
        """Go on only where a key follows the last member: between two values a comma might not be what is missing."""
        apart = self._pieces and self._pieces[-1].isspace()
        if closing != "}" or not apart or not _NEXT_KEY.match(self._text, self._at):
            raise Unreadable(f"{self._text[self._at]!r} stands where ',' or {closing!r} must", self._at)
        self._pieces.append(",")
        self._done["missing comma added"] = None

    def _member(self, node: Node, depth: int) -> None:
        mark = self._peek()
        first = len(self._pieces)
        if mark in _LOOSE:
            self._string(mark)
        elif word := _WORD.match(self._text, self._at):
            self._at = word.end()
            self._pieces.append(json.dumps(word[0]))
            self._done["quotes added around a key"] = None
        else:
            raise Unreadable(f"{mark!r} stands where a key must", self._at)
        key = str(json.loads("".join(self._pieces[first:])))
        self._skip()
        if self._peek() != ":":
            raise Unreadable(f"{self._peek()!r} stands where ':' must", self._at)
        self._take(":")
        node.children.append((key, self._value(depth + 1)))

    def _string(self, mark: str) -> None:
        if mark == '"' and (strict := _STRICT.match(self._text, self._at)):
            self._pieces.append(strict[0])
            self._at = strict.end()
            return
        found = _LOOSE[mark].match(self._text, self._at)
        if found is None:
            raise Unreadable("a string does not end", self._at, cut=mark in "\"'")
        self._pieces.append(self._respelled(found[1]))
        if mark != '"':
            self._done["quotes replaced"] = None
        self._at = found.end()

    def _respelled(self, inner: str) -> str:
        """Return a string of other quotes as JSON: escapes JSON knows stay as they are."""
        parts: list[str] = []
        at = 0
        for escape in _ESCAPE.finditer(inner):
            parts.append(self._plain(inner[at : escape.start()]))
            parts.append(self._escape(escape[0]))
            at = escape.end()
        parts.append(self._plain(inner[at:]))
        return f'"{"".join(parts)}"'

    def _plain(self, part: str) -> str:
        spelled = json.dumps(part, ensure_ascii=False)[1:-1]
        if len(spelled) != len(part) + part.count('"'):
            self._done["line break or control character in a string escaped"] = None
        return spelled

    def _escape(self, escape: str) -> str:
        if len(escape) > 2 or escape[1] in '"\\/bfnrt':  # noqa: PLR2004 - a backslash and one character
            return escape
        if escape[1] == "'":
            self._done["needless escape removed"] = None
            return "'"
        raise Unreadable(f"the escape {escape!r} is none of JSON's", self._at)

    def _number(self) -> None:
        found = _NUMBER.match(self._text, self._at)
        end = self._at if found is None else found.end()
        if _CUT_NUMBER.match(self._text, self._at):
            raise Unreadable("it ends inside or after a number", end, cut=True)
        if found is None or self._text[end] not in _AFTER_NUMBER:
            raise Unreadable(f"{self._text[self._at : end + 10]!r} is not a number as JSON writes it", self._at)
        self._pieces.append(found[0])
        self._at = end

    def _word(self) -> None:
        found = _WORD.match(self._text, self._at)
        if found is None:
            raise Unreadable(f"{self._text[self._at]!r} stands where a value must", self._at)
        word = found[0]
        if found.end() == len(self._text):
            raise Unreadable("it ends inside or after a word", found.end(), cut=True)
        if word in _PYTHON:
            self._done["Python's True, False or None spelled as JSON"] = None
        elif word not in {"true", "false", "null"}:
            raise Unreadable(f"{word!r:.40} is not a JSON value", self._at)
        self._pieces.append(_PYTHON.get(word, word))
        self._at = found.end()
