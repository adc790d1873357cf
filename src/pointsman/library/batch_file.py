"""Reads a file of work for a batch: one request a line, as the OpenAI Chat Completions API writes it, with an ``id``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, RequestError, UsageError
from pointsman.execution.batches.desk import BatchItem
from pointsman.server.gateway.openai_request import read_request

_LINE_LIMIT = 64 * 1024 * 1024


class BadLine(msgspec.Struct, frozen=True):
    """A line that cannot be sent, counted from 1, and why."""

    line: int
    reason: str


def read_batch_file(path: Path, model: str) -> tuple[list[BatchItem], list[BadLine]]:
    """Return the items of a file, and the lines that are none. Empty lines are passed over.

    A line is ``{"id": "a", "messages": [...], ...}``, the line of an OpenAI batch file (``{"custom_id": "a", "body": {...}}``),
    or ``{"id": "a", "turn": {...}}`` with a neutral ``Turn``. A line may name no other model than ``model``.

    Raises:
        UsageError: the file cannot be read.
    """
    items: list[BatchItem] = []
    bad: list[BadLine] = []
    lines_by_id: dict[str, int] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    item = _item(line.lstrip(b"\xef\xbb\xbf") if number == 1 else line, model)
                    if item.id in lines_by_id:
                        raise RequestError(f"id {item.id!r} stands in line {lines_by_id[item.id]} too")
                except PointsmanError as error:
                    bad.append(BadLine(number, str(error)))
                else:
                    lines_by_id[item.id] = number
                    items.append(item)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    return items, bad


def _item(line: bytes, model: str) -> BatchItem:
    if len(line) > _LINE_LIMIT:
        raise RequestError("longer than 64 MiB")
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise RequestError("not an object with id and messages")
    item_id = found.pop("id", None)
    item_id = found.pop("custom_id", None) if item_id is None else item_id
    if not isinstance(item_id, str) or not 0 < len(item_id) <= 200:  # noqa: PLR2004 - as the desk takes them
        raise RequestError("id: a text of 1 to 200 characters is needed, to tell the results apart")
    turn = _neutral(found["turn"]) if "turn" in found else _openai(found)
    if turn.model not in {"auto", "", model, model.partition("/")[2]}:
        raise RequestError(f"model: the line names {turn.model}, the batch goes to {model}; leave it out")
    return BatchItem(item_id, turn)


def _neutral(raw: Any) -> Turn:
    try:
        turn = msgspec.convert(raw, Turn)
    except (msgspec.ValidationError, RecursionError) as error:
        raise RequestError(f"turn: {error}") from None
    if not turn.messages:
        raise RequestError("turn.messages: at least one message is needed")
    return turn


def _openai(found: dict[str, Any]) -> Turn:
    body = found.get("body", found)
    if not isinstance(body, dict):
        raise RequestError("body: must be an object")
    if "messages" not in body:
        raise RequestError("messages: this field is required (or turn, for a neutral one)")
    return read_request(msgspec.json.encode({"model": "auto", **body})).turn
