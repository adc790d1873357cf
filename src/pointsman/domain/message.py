"""Messages, tools and output formats in one neutral shape, between all wire dialects.

A conversation is a tuple of messages; a message is a role and a tuple of parts. Tool results stand in messages of role
``tool`` (all results of one assistant message in one message, in call order), never inside a user message.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
JsonObject = dict[str, Any]


class CacheMark(msgspec.Struct, frozen=True, tag="cache_mark"):
    """The client asks that the prompt be cached up to and including this part. ``ttl`` as written: "5m", "1h", None."""

    ttl: str | None = None


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Plain text."""

    text: str
    cache: CacheMark | None = None


class Image(msgspec.Struct, frozen=True, tag="image"):
    """An image: either base64 ``data`` with its ``media_type``, or a ``url`` that the provider fetches."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    detail: str | None = None
    cache: CacheMark | None = None


class Document(msgspec.Struct, frozen=True, tag="document"):
    """A file beside the text (PDF, audio): ``media_type`` tells which modality it needs."""

    media_type: str
    data: str | None = None
    url: str | None = None
    name: str | None = None
    cache: CacheMark | None = None


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """A call the model asks for. ``arguments`` is the JSON text as the model wrote it: it may be invalid.

    ``origin_state`` is opaque provider state that must travel back with this call to the same provider (Gemini's
    thought signature); see ``Reasoning``.
    """

    id: str
    name: str
    arguments: str
    origin: str | None = None
    origin_state: str | None = None
    cache: CacheMark | None = None


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a tool returned for the call ``call_id``. ``name`` is empty where the dialect does not carry it."""

    call_id: str
    content: tuple[Text | Image | Document, ...]
    name: str = ""
    is_error: bool = False
    cache: CacheMark | None = None


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning"):
    """Reasoning of a model. ``state`` is opaque (signature, encrypted content) and goes only back to ``origin``.

    ``origin`` is a model id ``provider/name`` or a provider; ``redacted`` means ``state`` is all there is.
    """

    origin: str
    text: str = ""
    state: str | None = None
    redacted: bool = False


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The model's own words of refusal, where the dialect keeps them apart from text."""

    text: str


Part = Text | Image | Document | ToolCall | ToolResult | Reasoning | Refusal


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All plain text of the message, parts joined by newlines."""
        return "\n".join(part.text for part in self.parts if type(part) is Text)


class Tool(msgspec.Struct, frozen=True):
    """A tool the model may call. ``parameters`` is a JSON Schema; ``strict`` None means the client did not say."""

    name: str
    description: str = ""
    parameters: JsonObject = msgspec.field(default_factory=dict)
    strict: bool | None = None
    cache: CacheMark | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """Which tools may or must be called. ``names``: the one tool of ``named``, or the allowed subset of auto/required.

    ``parallel`` None means the client did not say.
    """

    mode: Literal["auto", "none", "required", "named"] = "auto"
    names: tuple[str, ...] = ()
    parallel: bool | None = None


class OutputFormat(msgspec.Struct, frozen=True):
    """The shape the reply's text must have."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: JsonObject | None = None
    name: str = "reply"
    strict: bool | None = None
    description: str | None = None
