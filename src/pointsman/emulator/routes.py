"""Which server a path belongs to. Any prefix is allowed before the path proper, as with a gateway in front."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote

import msgspec

from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.faces import AnthropicFace, Face, OpenAIFace
from pointsman.emulator.records import Recorded

ANTHROPIC: Face = AnthropicFace()
OPENAI: Face = OpenAIFace()
GROQ: Face = OpenAIFace(groq=True)

_GEMINI_CALL = re.compile(r"/v1(?:beta)?/models/(?P<model>[^:]+):(?P<verb>\w+)$")
_MODEL = re.compile(r"/(?P<version>v1|v1beta)/models(?:/(?P<model>.+))?$")


class Target(msgspec.Struct, frozen=True):
    """What a request wants, and of which server."""

    face: Face
    what: Literal["reply", "count", "models", "model", "unknown"]
    model: str = ""
    stream: bool = False
    version: str = ""


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
    found = _MODEL.search(record.path)
    if found and record.method == "GET":
        name = unquote(found["model"] or "")
        return Target(_lister(record), "model" if name else "models", name)
    return Target(_lister(record), "unknown")


def _lister(record: Recorded) -> Face:
    return ANTHROPIC if "anthropic-version" in record.headers else OPENAI


def unknown_path(record: Recorded) -> RejectedError:
    """Return the refusal of a path no server has."""
    return RejectedError(f"Invalid URL ({record.method} {record.path})", status=404)
