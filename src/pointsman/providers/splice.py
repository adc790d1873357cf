"""Rewrite single top-level values of a JSON object without touching any other byte.

A relayed request must reach the provider as the client wrote it: number text, key order, spacing and escapes included.
"""

from __future__ import annotations

import re

import msgspec

from pointsman.errors import RequestError

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(rb"[^ \t\r\n,\]}]+")
_NESTING = re.compile(rb'[{}\[\]]|"(?:[^"\\]|\\.)*"', re.DOTALL)

_MODEL = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*')

Span = tuple[int, int]


class TopLevel:
    """Where the top-level values of a JSON object stand. ``spans`` lists every occurrence of a repeated key."""

    def __init__(self, body: bytes) -> None:
        """Find the spans of ``body``.

        Raises:
            RequestError: the body is not a JSON object.
        """
        self.body = body
        try:
            values = _OBJECT.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RequestError(f"the request body is not a JSON object: {error}") from None
        self._empty = not values
        self.spans: dict[str, list[Span]]
        self.end: int
        found = _walk(body, values) or _scan(body)
        self.spans, self.end = found

    def value(self, key: str) -> bytes | None:
        """Return the raw text of the value of ``key`` (the last one, as JSON parsers do), or None."""
        spans = self.spans.get(key)
        return None if not spans else self.body[spans[-1][0] : spans[-1][1]]

    def replaced(self, changes: dict[str, bytes]) -> bytes:
        """Return the body with these values put in place; keys that are absent are added at the end of the object."""
        edits = [(span, text) for key, text in changes.items() for span in self.spans.get(key, ())]
        pieces, position = [], 0
        for (start, stop), text in sorted(edits):
            pieces += [self.body[position:start], text]
            position = stop
        pieces.append(self.body[position : self.end])
        comma = not self._empty
        for key, text in changes.items():
            if key not in self.spans:
                pieces.append((b"," if comma else b"") + msgspec.json.encode(key) + b":" + text)
                comma = True
        pieces.append(self.body[self.end :])
        return b"".join(pieces)


def with_model(body: bytes, old: str, new: str, tail: bytes = b"") -> bytes | None:
    """Return a body known to be a JSON object with its model renamed and ``tail`` added before its end, or None.

    The ordinary case, at a tenth of ``TopLevel``'s price: the bytes ``"model"`` stand there once, so they are the top-level key
    (in a string the quotes would be escaped), and the value is the one that was decoded. A key spelled with escapes could
    hide behind that, so a body with escapes of ASCII letters is not certain, and None.
    """
    if body.count(b'"model"') != 1 or b"\\u00" in body:
        return None
    found = _MODEL.search(body)
    written = msgspec.json.encode(old)
    if found is None or not body.startswith(written, found.end()):
        return None
    start, stop = found.end(), found.end() + len(written)
    end = body.rfind(b"}") if tail else len(body)
    return b"".join((body[:start], msgspec.json.encode(new), body[stop:end], tail, body[end:]))


def _walk(body: bytes, values: dict[str, msgspec.Raw]) -> tuple[dict[str, list[Span]], int] | None:
    """Step from value to value by the lengths the C decoder found: fast whatever the body's size.

    Returns None where the steps do not fit, which only repeated keys bring about (the decoder keeps the last value).
    """
    spans: dict[str, list[Span]] = {}
    position = _after_space(body, 0) + 1
    for number, (key, raw) in enumerate(values.items()):
        position = _after_space(body, position)
        if number:
            if body[position : position + 1] != b",":
                return None
            position = _after_space(body, position + 1)
        literal = _STRING.match(body, position)
        if literal is None:
            return None
        start = _after_space(body, _after_space(body, literal.end()) + 1)
        position = start + len(raw)
        if body.find(raw, start, position) != start:
            return None
        spans[key] = [(start, position)]
    end = _after_space(body, position)
    return (spans, end) if body[end : end + 1] == b"}" else None


def _scan(body: bytes) -> tuple[dict[str, list[Span]], int]:
    """Read the object token by token: slower, but it sees every occurrence of a key. The body is valid JSON."""
    spans: dict[str, list[Span]] = {}
    position = _after_space(body, _after_space(body, 0) + 1)
    while body[position : position + 1] != b"}":
        literal = _STRING.match(body, position)
        if literal is None:
            raise RequestError("the request body is not a JSON object")
        start = _after_space(body, _after_space(body, literal.end()) + 1)
        position = _value_end(body, start)
        spans.setdefault(msgspec.json.decode(literal[0], type=str), []).append((start, position))
        position = _after_space(body, position)
        if body[position : position + 1] == b",":
            position = _after_space(body, position + 1)
    return spans, position


def _value_end(body: bytes, start: int) -> int:
    first = body[start : start + 1]
    if first == b'"':
        return _matched(_STRING, body, start).end()
    if first not in {b"{", b"["}:
        return _matched(_SCALAR, body, start).end()
    depth = 0
    for token in _NESTING.finditer(body, start):
        if token[0] in {b"{", b"["}:
            depth += 1
        elif token[0] in {b"}", b"]"}:
            depth -= 1
            if depth == 0:
                return token.end()
    raise RequestError("the request body is not a JSON object")


def _matched(pattern: re.Pattern[bytes], body: bytes, start: int) -> re.Match[bytes]:
    match = pattern.match(body, start)
    if match is None:
        raise RequestError("the request body is not a JSON object")
    return match


def _after_space(body: bytes, position: int) -> int:
    return _matched(_SPACE, body, position).end()
