"""The three servers, each as one object with the same face: check and read a request, write replies, streams and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from pointsman.emulator import (
    anthropic_request,
    anthropic_wire,
    gemini_request,
    gemini_wire,
    openai_request,
    openai_wire,
)
from pointsman.emulator.anthropic_checks import check_messages
from pointsman.emulator.exchange import Ask, Frame, RejectedError, Reply
from pointsman.emulator.gemini_checks import check_generate
from pointsman.emulator.models import Dialect, ModelFacts, ModelTable
from pointsman.emulator.openai_checks import check_completion
from pointsman.emulator.script import Quirks


class Incoming(msgspec.Struct, frozen=True):
    """A POST request before it is understood. ``model`` and ``stream`` come from the path where the dialect has them there."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    size: int
    counting: bool = False
    model: str = ""
    stream: bool = False


class Face(Protocol):
    """One dialect's server."""

    dialect: Dialect

    def find(self, name: str, table: ModelTable) -> ModelFacts | None:
        """Return the facts of a model this server has, else None."""
        ...

    def read(self, incoming: Incoming, table: ModelTable) -> Ask:
        """Check a request as the real server does and return it.

        Raises:
            RejectedError: the real server would refuse it.
        """
        ...

    def whole(self, reply: Reply, quirks: Quirks) -> dict[str, Any]:
        """Return the body of a reply that is not streamed."""
        ...

    def frames(self, reply: Reply, quirks: Quirks) -> Iterator[Frame]:
        """Yield the events of a stream."""
        ...

    def ping(self) -> Frame | None:
        """Return the dialect's keep-alive event, None if it has none."""
        ...

    def count(self, ask: Ask) -> dict[str, Any]:
        """Return the answer to a request for a token count."""
        ...

    def error(self, error: RejectedError, serial: int) -> dict[str, Any]:
        """Return the body of an error answer."""
        ...

    def error_frame(self, error: RejectedError, serial: int) -> Frame:
        """Return the error event of a stream."""
        ...

    def headers(self, serial: int, facts: ModelFacts | None) -> dict[str, str]:
        """Return the headers of every answer."""
        ...

    def listing(self, models: list[ModelFacts], query: Mapping[str, str]) -> dict[str, Any]:
        """Return the list of models."""
        ...

    def info(self, facts: ModelFacts) -> dict[str, Any]:
        """Return one model of the list."""
        ...


class AnthropicFace:
    """Anthropic Messages, versions 2023-06-01 and 2026-10-21."""

    dialect: Dialect = "anthropic"

    def find(self, name: str, table: ModelTable) -> ModelFacts | None:
        """Find a Claude model."""
        return table.find(name, "anthropic")

    def read(self, incoming: Incoming, table: ModelTable) -> Ask:
        """Check and read a Messages request."""
        facts = check_messages(
            incoming.body,
            incoming.headers,
            self.find(str(incoming.body.get("model")), table),
            size=incoming.size,
            counting=incoming.counting,
        )
        return anthropic_request.read(incoming.body, facts)

    def whole(self, reply: Reply, quirks: Quirks) -> dict[str, Any]:
        """Return a message."""
        return anthropic_wire.whole(reply, quirks)

    def frames(self, reply: Reply, quirks: Quirks) -> Iterator[Frame]:
        """Yield the events of a message."""
        return anthropic_wire.frames(reply, quirks)

    def ping(self) -> Frame | None:
        """Return a ping."""
        return anthropic_wire.PING

    def count(self, ask: Ask) -> dict[str, Any]:
        """Return the count of input tokens."""
        return anthropic_wire.count_reply(ask)

    def error(self, error: RejectedError, serial: int) -> dict[str, Any]:
        """Return an error body."""
        return anthropic_wire.error_body(error, serial)

    def error_frame(self, error: RejectedError, serial: int) -> Frame:
        """Return an error event."""
        return anthropic_wire.error_frame(error, serial)

    def headers(self, serial: int, facts: ModelFacts | None) -> dict[str, str]:  # noqa: ARG002 - the same for every model
        """Return the request id and organisation."""
        return anthropic_wire.headers(serial)

    def listing(self, models: list[ModelFacts], query: Mapping[str, str]) -> dict[str, Any]:
        """Return one page of models."""
        limit = query.get("limit", "20")
        if not limit.isdigit() or not 1 <= int(limit) <= 1000:  # noqa: PLR2004 - documented bound
            raise RejectedError("limit: Input should be between 1 and 1000")
        names = [facts.name for facts in models]
        start = names.index(query["after_id"]) + 1 if query.get("after_id") in names else 0
        page = [anthropic_wire.model_info(facts) for facts in models[start : start + int(limit)]]
        return {
            "data": page,
            "has_more": start + len(page) < len(models),
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
        }

    def info(self, facts: ModelFacts) -> dict[str, Any]:
        """Return one model."""
        return anthropic_wire.model_info(facts)


class OpenAIFace:
    """OpenAI Chat Completions, and the servers compatible with it."""

    dialect: Dialect = "openai"

    def __init__(self, *, groq: bool = False) -> None:
        self._groq = groq

    def find(self, name: str, table: ModelTable) -> ModelFacts | None:
        """Find a model of OpenAI or of a compatible server."""
        return table.find(name, "openai", groq=self._groq)

    def read(self, incoming: Incoming, table: ModelTable) -> Ask:
        """Check and read a completion request."""
        if incoming.counting:
            return openai_request.read_count(incoming.body, table)
        found = self.find(str(incoming.body.get("model")), table)
        facts = check_completion(incoming.body, found, size=incoming.size)
        return openai_request.read(incoming.body, facts)

    def whole(self, reply: Reply, quirks: Quirks) -> dict[str, Any]:
        """Return a completion."""
        return openai_wire.whole(reply, quirks)

    def frames(self, reply: Reply, quirks: Quirks) -> Iterator[Frame]:
        """Yield the chunks of a completion."""
        return openai_wire.frames(reply, quirks)

    def ping(self) -> Frame | None:
        """Return None: the dialect has no ping event."""
        return None

    def count(self, ask: Ask) -> dict[str, Any]:
        """Return the count of input tokens."""
        return openai_wire.count_reply(ask)

    def error(self, error: RejectedError, serial: int) -> dict[str, Any]:  # noqa: ARG002 - the id is in a header
        """Return an error body."""
        return openai_wire.error_body(error)

    def error_frame(self, error: RejectedError, serial: int) -> Frame:  # noqa: ARG002 - the id is in a header
        """Return an error chunk."""
        return openai_wire.error_frame(error)

    def headers(self, serial: int, facts: ModelFacts | None) -> dict[str, str]:
        """Return the request id and, for OpenAI's own models, its version headers."""
        return openai_wire.headers(serial, facts)

    def listing(self, models: list[ModelFacts], query: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002 - one page holds all
        """Return all models."""
        return {"object": "list", "data": [openai_wire.model_info(facts) for facts in models]}

    def info(self, facts: ModelFacts) -> dict[str, Any]:
        """Return one model."""
        return openai_wire.model_info(facts)


class GeminiFace:
    """Gemini generateContent, on ``/v1`` and ``/v1beta``."""

    dialect: Dialect = "gemini"

    def find(self, name: str, table: ModelTable) -> ModelFacts | None:
        """Find a Gemini model."""
        return table.find(name, "gemini")

    def read(self, incoming: Incoming, table: ModelTable) -> Ask:
        """Check and read a request, in either case of field names."""
        body = gemini_request.camel(incoming.body)
        if incoming.counting and isinstance(body.get("generateContentRequest"), dict):
            body = body["generateContentRequest"]
        facts = check_generate(body, self.find(incoming.model, table), incoming.model, size=incoming.size)
        return gemini_request.read(body, facts, incoming.model, stream=incoming.stream)

    def whole(self, reply: Reply, quirks: Quirks) -> dict[str, Any]:
        """Return a response."""
        return gemini_wire.whole(reply, quirks)

    def frames(self, reply: Reply, quirks: Quirks) -> Iterator[Frame]:
        """Yield the frames of a stream."""
        return gemini_wire.frames(reply, quirks)

    def ping(self) -> Frame | None:
        """Return None: the official SDK accepts nothing but data frames."""
        return None

    def count(self, ask: Ask) -> dict[str, Any]:
        """Return the count of prompt tokens."""
        return gemini_wire.count_reply(ask)

    def error(self, error: RejectedError, serial: int) -> dict[str, Any]:  # noqa: ARG002 - the dialect has no request id
        """Return an error body."""
        return gemini_wire.error_body(error)

    def error_frame(self, error: RejectedError, serial: int) -> Frame:  # noqa: ARG002 - the dialect has no request id
        """Return an error frame."""
        return gemini_wire.error_frame(error)

    def headers(self, serial: int, facts: ModelFacts | None) -> dict[str, str]:  # noqa: ARG002 - the dialect has none
        """Return nothing: no request id and no rate headers."""
        return {}

    def listing(self, models: list[ModelFacts], query: Mapping[str, str]) -> dict[str, Any]:
        """Return one page of models."""
        return gemini_wire.listing(models, query)

    def info(self, facts: ModelFacts) -> dict[str, Any]:
        """Return one model."""
        return gemini_wire.model_info(facts)
