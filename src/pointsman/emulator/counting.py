"""Deterministic token counts: one token for every four bytes of UTF-8, rounded up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from pointsman.emulator.exchange import Answer

BYTES_PER_TOKEN = 4
_IMAGE_BYTES = 3200
_BLOB = 512

_encode = msgspec.json.Encoder().encode


def count(text: str | bytes) -> int:
    """Return the tokens of ``text``; 0 only for nothing."""
    size = len(text.encode() if isinstance(text, str) else text)
    return -(-size // BYTES_PER_TOKEN)


def output_tokens(answer: Answer) -> tuple[int, int]:
    """Return (all output tokens, reasoning tokens among them) of an answer."""
    reasoning = count(answer.reasoning)
    calls = sum(count(call.name) + count(call.arguments) for call in answer.calls)
    return reasoning + count(answer.text) + count(answer.refusal) + calls, reasoning


def block(value: Any, *, ignore: Iterable[str] = ()) -> bytes:
    """Return the bytes that stand for a piece of prompt: JSON in the client's own key order.

    Keys in ``ignore`` are left out (a moving cache mark must not change the prefix). Long base64 data is replaced by a
    digest of fixed length, so that an image counts 800 tokens whatever its size.
    """
    return _encode(_plain(value, frozenset(ignore)))


def _plain(value: Any, ignore: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _shrunk(key, item, ignore) for key, item in value.items() if key not in ignore}
    if isinstance(value, list):
        return [_plain(item, ignore) for item in value]
    return value


def _shrunk(key: str, item: Any, ignore: frozenset[str]) -> Any:
    if key in {"data", "url", "file_data"} and isinstance(item, str) and len(item) > _BLOB:
        digest = hashlib.sha256(item.encode()).hexdigest()
        return digest * (_IMAGE_BYTES // len(digest))
    return _plain(item, ignore)
