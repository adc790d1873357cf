"""Puts a client's messages into the neutral order: the results of one assistant message together, in call order."""

from __future__ import annotations

from pointsman.domain.message import Message, Part, Role, ToolCall, ToolResult
from pointsman.server.gateway.body import bad


class History:
    """Collects messages and holds them to the law both vendors share: every call is answered, once, right away.

    ``unique_ids``: a call id may occur only once in the whole conversation (Anthropic), not only in its message. Messages are
    known by their number; paths are written only when something is wrong with them.
    """

    def __init__(self, *, unique_ids: bool) -> None:
        self._unique_ids = unique_ids
        self._messages: list[Message] = []
        self._calls: dict[str, ToolCall] = {}
        self._results: dict[str, ToolResult] = {}
        self._asked_at = 0
        self._seen: set[str] = set()

    def add(self, role: Role, parts: tuple[Part, ...], number: int) -> None:
        """Take a message that is not a tool result.

        Raises:
            RequestError: calls before it are unanswered.
        """
        if self._calls:
            self._settle(number)
        self._messages.append(Message(role, parts))

    def add_assistant(self, parts: tuple[Part, ...], number: int) -> None:
        """Take a message of the model, with the calls it makes.

        Raises:
            RequestError: calls before it are unanswered, or a call id occurs twice.
        """
        self.add("assistant", parts, number)
        for part in parts:
            if type(part) is not ToolCall:
                continue
            if not part.id:
                raise bad(f"messages.{number}", "a tool call has an empty id")
            if part.id in self._calls or (self._unique_ids and part.id in self._seen):
                raise bad(f"messages.{number}", f"tool call ids must be unique; {part.id!r} occurs twice")
            self._calls[part.id] = part
        if self._calls:
            self._asked_at = number
            self._seen.update(self._calls)

    def add_result(self, result: ToolResult, where: str, id_field: str) -> None:
        """Take a tool result; the name of its tool is found through its call.

        Raises:
            RequestError: it answers no open call, or one that is answered already.
        """
        if not self._calls:
            raise bad(where, "a tool result must directly follow the assistant message that made the call")
        call = self._calls.get(result.call_id)
        if call is None:
            raise bad(f"{where}.{id_field}", f"no call {result.call_id!r} in messages.{self._asked_at}")
        if result.call_id in self._results:
            raise bad(f"{where}.{id_field}", f"the call {result.call_id!r} has two results")
        self._results[result.call_id] = ToolResult(
            result.call_id, result.content, call.name, result.is_error, result.cache
        )

    def finish(self) -> tuple[Message, ...]:
        """Return all messages.

        Raises:
            RequestError: the last calls are unanswered.
        """
        if self._calls:
            self._settle(self._asked_at)
        return tuple(self._messages)

    def _settle(self, number: int) -> None:
        missing = [call_id for call_id in self._calls if call_id not in self._results]
        if missing:
            names = ", ".join(missing)
            asked = f"messages.{self._asked_at}"
            raise bad(
                f"messages.{number}", f"each tool call of {asked} needs a result right after it; missing: {names}"
            )
        self._messages.append(Message("tool", tuple(self._results[call_id] for call_id in self._calls)))
        self._calls = {}
        self._results = {}
