"""From what a Python caller writes to an ``Ask``: text, messages as the OpenAI API writes them, neutral messages, or a ``Turn``.

Text and OpenAI messages become a request body that the gateway's own decoder reads: so the same words give the same turn, the
same errors and the same record as over HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from pointsman.domain.chat_json import messages_from_openai
from pointsman.domain.message import Message, Refusal, Tool
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import RequestError, UsageError
from pointsman.execution.ask import Ask, conversation_hash, neutral_parts
from pointsman.execution.python_tools import PythonTool, python_tool
from pointsman.library.outputs import Output
from pointsman.server.gateway.codec import MAX_HINT, Inbound
from pointsman.server.gateway.openai_request import CHANNELS, read_request

if TYPE_CHECKING:
    from pydantic import BaseModel

AnyMessage = Message | Mapping[str, Any]
"""A neutral message, or one as the OpenAI Chat Completions API writes it."""
Said = str | Turn | Sequence[AnyMessage]
"""What is asked: the customer's words, whole messages, or a whole turn."""
AnyTool = Tool | PythonTool | Mapping[str, Any] | Callable[..., Any] | str
"""A tool: a function, the name of a registered one, or a description of one that the caller runs."""

DIALECT = "library"


class WishArgs(TypedDict, total=False):
    """The same as ``Wishes``, for the signatures of the door."""

    history: Sequence[AnyMessage]
    system: str | None
    tools: Sequence[AnyTool]
    user: str | None
    conversation_id: str | None
    model: str
    channel: str
    metadata: Mapping[str, str] | None
    options: Mapping[str, Any] | None
    output: type[BaseModel] | Mapping[str, Any] | None


class Asked(msgspec.Struct, frozen=True):
    """A turn as it is asked, with the conversation up to it as the caller wrote it (``system`` apart)."""

    ask: Ask
    messages: tuple[AnyMessage, ...]
    output: Output | None = None

    def with_reply(self, reply: Reply) -> tuple[AnyMessage, ...]:
        """Return the conversation with the reply at its end, written the way the caller writes."""
        if any(isinstance(message, Message) for message in self.messages):
            return (*self.messages, Message("assistant", reply.parts))
        said: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
        if reply.tool_calls:
            said["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in reply.tool_calls
            ]
        refused = "".join(part.text for part in reply.parts if isinstance(part, Refusal))
        if refused:
            said["refusal"] = refused
        elif said["content"] is None and not reply.tool_calls:
            said["content"] = ""
        return (*self.messages, said)


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that may go with what is said. ``options`` are further fields of a Chat Completions request."""

    history: Sequence[AnyMessage] = ()
    system: str | None = None
    tools: Sequence[AnyTool] = ()
    user: str | None = None
    conversation_id: str | None = None
    model: str = "auto"
    channel: str = "chat"
    metadata: Mapping[str, str] | None = None
    options: Mapping[str, Any] | None = None
    output: Any = None


def ask_of(
    said: Said, wishes: Wishes, registered: Mapping[str, PythonTool], *, stream: bool, output: Output | None = None
) -> Asked:
    """Return the turn as it is asked; ``output`` is the shape that its reply is held to.

    Raises:
        UsageError, RequestError: what is written cannot be a turn; names the field.
    """
    started_ns, arrived_us = time.perf_counter_ns(), time.time_ns() // 1000
    messages = said.messages if isinstance(said, Turn) else _messages(said, wishes)
    inbound = (
        _of_turn(said, wishes, output) if isinstance(said, Turn) else _of_messages(messages, wishes, registered, output)
    )
    turn = msgspec.structs.replace(inbound.turn, stream=stream)
    given = _checked_id(wishes.conversation_id) or inbound.conversation_hint
    user = turn.metadata.get("user") or turn.metadata.get("user_id")
    ask = Ask(
        turn=turn,
        dialect=DIALECT,
        conversation_id=given or conversation_hash(inbound.parts, None, user),
        arrived_us=arrived_us,
        started_ns=started_ns,
        parts=inbound.parts,
        explicit_conversation=given is not None,
        contract=None if output is None else output.contract,
    )
    return Asked(ask, tuple(messages), output)


def _of_turn(turn: Turn, wishes: Wishes, output: Output | None) -> Inbound:
    others = msgspec.structs.replace(wishes, conversation_id=None, output=None)
    if others != Wishes():
        raise UsageError(
            "a Turn holds messages, tools and wishes itself: set them there, beside it only conversation_id and output"
        )
    if output is not None:
        if turn.output_format is not None:
            raise UsageError("the Turn has an output_format of its own: leave that out, or output")
        turn = msgspec.structs.replace(turn, output_format=output.contract.output_format())
    if not turn.messages:
        raise RequestError("messages: at least one message is needed", param="messages")
    return Inbound(turn, neutral_parts(turn))


def _of_messages(
    given: Sequence[AnyMessage], wishes: Wishes, registered: Mapping[str, PythonTool], output: Output | None
) -> Inbound:
    first: list[AnyMessage] = [] if wishes.system is None else [{"role": "system", "content": wishes.system}]
    messages = [*first, *given]
    neutral = any(isinstance(message, Message) for message in messages)
    # Where neutral messages stand among them, the decoder reads the wishes beside a message that is taken away again.
    body: dict[str, Any] = {
        "model": wishes.model,
        "messages": [{"role": "user", "content": "-"}] if neutral else messages,
    }
    if wishes.tools:
        body["tools"] = [_tool(tool, registered) for tool in wishes.tools]
    body |= {"user": wishes.user} if wishes.user is not None else {}
    body |= {"metadata": dict(wishes.metadata)} if wishes.metadata else {}
    body |= {} if output is None else {"response_format": output.response_format()}
    strange = body.keys() & (wishes.options or {}).keys() or {"stream"} & (wishes.options or {}).keys()
    if strange:
        raise UsageError(f"options: {min(strange)!r} has a parameter of its own")
    inbound = read_request(_encoded(body | dict(wishes.options or {})))
    turn = _with_channel(inbound.turn, wishes.channel)
    if not neutral:
        return msgspec.structs.replace(inbound, turn=turn)
    turn = msgspec.structs.replace(turn, messages=_as_neutral(messages))
    return msgspec.structs.replace(inbound, turn=turn, parts=neutral_parts(turn))


def _messages(said: str | Sequence[AnyMessage], wishes: Wishes) -> list[AnyMessage]:
    if isinstance(said, bytes | Mapping) or not isinstance(said, Sequence):
        raise UsageError(f"a turn is text, a list of messages or a Turn, not {type(said).__name__}")
    if isinstance(wishes.history, str | Mapping):
        raise UsageError("history is a list of messages")
    last: list[AnyMessage] = [{"role": "user", "content": said}] if isinstance(said, str) else list(said)
    messages = [*wishes.history, *last]
    for index, message in enumerate(messages):
        if not isinstance(message, Message | Mapping):
            raise UsageError(
                f"messages[{index}] is {type(message).__name__}, not a message: write {{'role': ..., 'content': ...}}"
            )
    return messages


def _as_neutral(messages: Sequence[AnyMessage]) -> tuple[Message, ...]:
    """Return all messages in the neutral shape; dicts that stand together are read together, as tool results need it."""
    found: list[Message] = []
    waiting: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, Message):
            found += messages_from_openai(waiting)
            waiting = []
            found.append(message)
        else:
            waiting.append(dict(message))
    return (*found, *messages_from_openai(waiting))


def _tool(tool: AnyTool, registered: Mapping[str, PythonTool]) -> dict[str, Any]:
    if isinstance(tool, Mapping):
        return dict(tool)
    if isinstance(tool, str):
        if tool not in registered:
            known = ", ".join(sorted(registered)) or "none"
            raise UsageError(f"no tool {tool!r} is registered; registered: {known}")
        tool = registered[tool]
    if not isinstance(tool, Tool | PythonTool):
        tool = next((known for known in registered.values() if known.function == tool), None) or python_tool(tool)
    function: dict[str, Any] = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    if isinstance(tool, Tool) and tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _with_channel(turn: Turn, channel: str) -> Turn:
    if channel not in CHANNELS:
        raise RequestError(f"channel: {channel!r} is not chat, voice or email", param="channel")
    # As over HTTP: metadata may name the channel too, and a channel said outright counts more.
    return turn if channel == "chat" else msgspec.structs.replace(turn, channel=CHANNELS[channel])


def _checked_id(conversation_id: str | None) -> str | None:
    if conversation_id is None:
        return None
    if not conversation_id or not conversation_id.isprintable() or len(conversation_id) > MAX_HINT:
        raise RequestError(f"conversation_id: 1 to {MAX_HINT} printable characters", param="conversation_id")
    return conversation_id


def _encoded(body: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise RequestError(f"the turn cannot be written as JSON: {error}") from None
