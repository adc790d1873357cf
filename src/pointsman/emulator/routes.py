"""Which server a path belongs to. Any prefix is allowed before the path proper, as with a gateway in front."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote

import msgspec

from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.faces import AnthropicFace, Face, GeminiFace, OpenAIFace
from pointsman.emulator.records import Recorded

ANTHROPIC: Face = AnthropicFace()
OPENAI: Face = OpenAIFace()
GROQ: Face = OpenAIFace(groq=True)
GEMINI: Face = GeminiFace()

_GEMINI_CALL = re.compile(r"/v1(?:beta)?/models/(?P<model>[^:]+):(?P<verb>\w+)$")
_MODEL = re.compile(r"/(?P<version>v1|v1beta)/models(?:/(?P<model>.+))?$")


class Target(msgspec.Struct, frozen=True):
    """What a request wants, and of which server."""

    face: Face
    what: Literal["reply", "count", "models", "model", "unknown"]
    model: str = ""
    stream: bool = False


_VERBS: dict[str, Literal["reply", "count"]] = {
    "generateContent": "reply",
    "streamGenerateContent": "reply",
    "countTokens": "count",
}
_POSTS: tuple[tuple[str, Target], ...] = (
    ("/openai/v1/chat/completions", Target(GROQ, "reply")),
    ("/chat/completions", Target(OPENAI, "reply")),
    ("/responses/input_tokens", Target(OPENAI, "count")),
    ("/messages/count_tokens", Target(ANTHROPIC, "count")),
    ("/messages", Target(ANTHROPIC, "reply")),
)


def target_of(record: Recorded) -> Target:
    """Return what a request wants; an unknown path gets ``unknown`` in the dialect its headers speak."""
    for ending, target in _POSTS:
        if record.path.endswith(ending) and record.method == "POST":
            return target
    called = _GEMINI_CALL.search(record.path)
    if called and record.method == "POST" and called["verb"] in _VERBS:
        return Target(GEMINI, _VERBS[called["verb"]], unquote(called["model"]), called["verb"].startswith("stream"))
    found = _MODEL.search(record.path)
    if found and record.method == "GET":
        name = unquote(found["model"] or "")
        return Target(_lister(record), "model" if name else "models", name)
    return Target(_lister(record), "unknown")


def _lister(record: Recorded) -> Face:
    """Tell three servers apart that share ``/v1/models``: by the headers only one of them is sent."""
    if "/v1beta/" in record.path or "x-goog-api-key" in record.headers or "key" in record.query:
        return GEMINI
    return ANTHROPIC if "anthropic-version" in record.headers else OPENAI


def unknown_path(record: Recorded) -> RejectedError:
    """Return the refusal of a path no server has."""
    return RejectedError(f"Invalid URL ({record.method} {record.path})", status=404)
