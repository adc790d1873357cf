"""Reads a turn from what the user gives on the command line: text, a history file, a tools file, standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from pointsman.domain.chat_json import messages_from_openai, tools_from_openai
from pointsman.domain.message import Message, Text, Tool
from pointsman.domain.turn import Channel, Turn
from pointsman.errors import RequestError, UsageError

STDIN = "-"
MAX_BYTES = 64 * 1024 * 1024


def read_turn(text: str | None, history: str | None, tools: str | None, channel: Channel, model: str) -> Turn:
    """Return the turn: the history's messages with ``text`` as the customer's last one.

    Raises:
        UsageError: nothing to route, or a file that cannot be read or understood; names file and field.
    """
    if [text, history, tools].count(STDIN) > 1:
        raise UsageError("standard input (-) can be read once: give it for the text, the history or the tools")
    said = _read(STDIN) if text == STDIN else text
    messages, offered = read_history(history) if history else ((), ())
    if tools is not None:
        offered = read_tools(tools)
    if said is not None and said.strip():
        messages = (*messages, Message("user", (Text(said),)))
    elif said is not None and not messages:
        raise UsageError('the text is empty: say what the customer writes, for example "Where is my order?"')
    if not messages:
        raise UsageError("nothing to route: give a text, or --history FILE whose last message is to be answered")
    return Turn(messages=messages, tools=offered, channel=channel, model=model)


def read_history(source: str) -> tuple[tuple[Message, ...], tuple[Tool, ...]]:
    """Read a conversation so far: a JSON list of OpenAI-style messages, an object that holds one, or one message a line.

    Raises:
        UsageError: the file cannot be read or understood; names file and field.
    """
    data = _messages_data(_json(source), source)
    tools = data.get("tools")
    try:
        # Recordings may list tools by name only; without schemas they are not offered to anybody.
        named_only = isinstance(tools, list) and all(isinstance(tool, str) for tool in tools)
        offered = () if tools is None or named_only else tools_from_openai(tools)
        return messages_from_openai(data["messages"]), offered
    except RequestError as error:
        raise UsageError(f"{_name(source)}: {error}") from None


def read_tools(source: str) -> tuple[Tool, ...]:
    """Read a JSON list of OpenAI-style tools, or an object with a list under ``tools``.

    Raises:
        UsageError: the file cannot be read or understood; names file and field.
    """
    data = _json(source)
    if isinstance(data, dict) and "tools" in data:
        data = data["tools"]
    try:
        return tools_from_openai(data)
    except RequestError as error:
        raise UsageError(f"{_name(source)}: {error}") from None


def _messages_data(data: Any, source: str) -> dict[str, Any]:
    if isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict) and "messages" in data[0]:
        data = data[0]
    if isinstance(data, list):
        if data and all(isinstance(item, dict) and "messages" in item for item in data):
            raise UsageError(
                f"{_name(source)}: holds {len(data)} conversations; keep one, or route them all with "
                "`pointsman replay-route`"
            )
        return {"messages": data}
    if isinstance(data, dict) and "messages" in data:
        return data
    if isinstance(data, dict) and "role" in data:
        return {"messages": [data]}
    raise UsageError(f'{_name(source)}: must be a list of messages, or an object with "messages"')


def _json(source: str) -> Any:
    raw = _read(source)
    if not raw.strip():
        raise UsageError(f"{_name(source)}: is empty")
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        lines = [line for line in raw.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].lstrip().startswith("{"):
            return [_json_line(line, number, source) for number, line in enumerate(lines, 1)]
        raise UsageError(f"{_name(source)}: is not JSON: {error}") from None


def _json_line(line: str, number: int, source: str) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"{_name(source)}:{number}: is not JSON: {error}") from None


def _read(source: str) -> str:
    try:
        raw = sys.stdin.buffer.read(MAX_BYTES + 1) if source == STDIN else _bytes(Path(source))
    except OSError as error:
        raise UsageError(f"{_name(source)}: cannot be read: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"{_name(source)}: larger than {MAX_BYTES // 2**20} MiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{_name(source)}: is not UTF-8 text (byte {error.start})") from None


def _bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _name(source: str) -> str:
    return "standard input" if source == STDIN else source
