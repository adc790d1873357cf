"""Opens a file of conversations, finds out its format, and reads it a line at a time.

A line that cannot be read is reported with its number and the reason, and the rest goes on: months of captured traffic
always hold a few broken rows, and one of them must not cost the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pointsman.domain.chat_json import tools_from_openai
from pointsman.domain.message import Tool
from pointsman.errors import RequestError, UsageError
from pointsman.evaluation.conversation import Conversation
from pointsman.evaluation.importers.openai_jsonl import OpenAIJsonl
from pointsman.evaluation.importers.seam import Importer, Row, ToolBook
from pointsman.evaluation.importers.sgd import Sgd
from pointsman.evaluation.importers.tau import Tau

IMPORTERS: tuple[Importer, ...] = (Tau(), Sgd(), OpenAIJsonl())
"""Every format, most specific first: the first that recognises a row reads the file."""

MAX_LINE = 64 * 1024 * 1024
"""A longer line, in bytes, is reported and skipped: it would not be one conversation."""

_NOT_LINES = {
    b"\x1f\x8b": "a gzip file: unpack it first (gunzip)",
    b"PK\x03\x04": "a zip file: unpack it first",
    b"PAR1": "a Parquet file: write it out as one JSON object a line first",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
}
"""What people hand over by mistake, by its first bytes."""


class Line(msgspec.Struct, frozen=True):
    """One line read: its number from 1, its ``size`` in bytes, and either a conversation or the ``problem`` with it."""

    number: int
    size: int
    conversation: Conversation | None = None
    problem: str | None = None


class ConversationFile:
    """A file of conversations, one JSON object a line.

    ``format`` is "auto" until the first row that some importer recognises. ``notes`` says which files beside it were
    used and what was missing; both are complete once ``lines`` has been read.
    """

    def __init__(
        self, path: Path, *, format_name: str = "auto", tools: Path | None = None, max_line: int = MAX_LINE
    ) -> None:
        if not path.is_file():
            what = "not a file" if path.exists() else "no such file"
            raise UsageError(f"{path}: {what}. Give a JSONL file of conversations.")
        self.path = path
        self.size = path.stat().st_size
        self.format = format_name
        self.notes: list[str] = []
        self._guessed = format_name == "auto"
        self._importer = None if self._guessed else importer_named(format_name)
        self._book = None if tools is None else read_tool_book(tools)
        self._tools_given = tools
        self._system: str | None = None
        self._ready = False
        self._max_line = max_line

    def lines(self) -> Iterator[Line]:
        """Yield every line that is not blank.

        Raises:
            UsageError: the file cannot be read, or is one JSON array instead of lines.
        """
        try:
            with self.path.open("rb") as stream:
                for number, (raw, size) in enumerate(raw_lines(stream, self._max_line), 1):
                    if raw is None:
                        yield Line(number, size, problem=f"longer than {self._max_line:,} bytes")
                    elif raw.strip():
                        yield self._line(number, size, raw)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read: {error.strerror}.") from error

    def _line(self, number: int, size: int, raw: bytes) -> Line:
        if number == 1 and (wrong := next((what for start, what in _NOT_LINES.items() if raw.startswith(start)), None)):
            raise UsageError(f"{self.path}: this is {wrong}.")
        if number == 1 and raw.lstrip(b"\xef\xbb\xbf \t")[:1] == b"[":
            raise UsageError(
                f"{self.path}: this is one JSON array, not one conversation a line. Turn it into lines first, for "
                f"example with: jq -c '.[]' {self.path.name} > lines.jsonl"
            )
        try:
            row = json_object(raw)
            return Line(number, size, conversation=self._reader_for(row).read(row, self._tools(), self._system))
        except RequestError as error:
            where = f" (at {error.param})" if error.param and error.param not in str(error) else ""
            return Line(number, size, problem=f"{error}{where}")

    def _reader_for(self, row: Row) -> Importer:
        """Return the file's importer; the first row recognised settles it, and which files beside it are used."""
        if self._importer is None or self._guessed:
            found = next((importer for importer in IMPORTERS if importer.recognises(row)), None)
            if found is None:
                keys = ", ".join(sorted(map(str, row))[:8]) or "none"
                raise RequestError(f"not a known kind of conversation (its fields: {keys}); it needs messages")
            if self._importer not in {None, found}:
                # Read as the file's kind it would get another data set's tools and system prompt.
                raise RequestError(
                    f"a {found.name} row in a file that began as {self.format}: give each kind its own file"
                )
            self._importer = found
            self.format = found.name
        if not self._ready:
            self._ready = True
            self._use_companions(self._importer.companions(row))
        return self._importer

    def _use_companions(self, names: Any) -> None:
        tools, system = names.get("tools"), names.get("system")
        if self._tools_given is not None:
            self.notes.append(f"tools from {self._tools_given.name}")
        elif tools:
            beside = self.path.with_name(tools)
            if beside.is_file():
                self._book = read_tool_book(beside)
                self.notes.append(f"tools from {tools}")
            else:
                self.notes.append(f"no {tools} beside it: tools without schemas (--tools FILE gives them)")
        if system and (beside := self.path.with_name(system)).is_file():
            self._system = beside.read_text(encoding="utf-8", errors="replace")
            self.notes.append(f"system prompt from {system}")

    def _tools(self) -> ToolBook:
        return self._book or ToolBook()


def importer_named(name: str) -> Importer:
    """Return the importer of format ``name``.

    Raises:
        UsageError: there is none.
    """
    for importer in IMPORTERS:
        if importer.name == name:
            return importer
    known = ", ".join(importer.name for importer in IMPORTERS)
    raise UsageError(f"--format {name}: no such format. Known are auto, {known}.")


def read_tool_book(path: Path) -> ToolBook:
    """Read tool schemas: a JSON list of OpenAI tools, or an object of them by name.

    Raises:
        UsageError: the file is missing, is not JSON, or a tool in it is wrong.
    """
    try:
        data = msgspec.json.decode(path.read_bytes())
        if isinstance(data, dict):
            keys, tools = list(data), tools_from_openai(list(data.values()))
        else:
            tools = tools_from_openai(data)
            keys = [tool.name for tool in tools]
    except OSError as error:
        raise UsageError(f"{path}: the tools file cannot be read: {error.strerror}.") from error
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply to be a list of OpenAI tools.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RequestError) as error:
        raise UsageError(f"{path}: not a list of OpenAI tools: {error}.") from error
    by_name: dict[str, Tool] = {tool.name: tool for tool in tools}
    by_name.update(zip(keys, tools, strict=True))
    # An object holds the tools of many conversations: one that names none does not get them all.
    return ToolBook(by_name=by_name, everyone=() if isinstance(data, dict) else tuple(tools))


def json_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object a line holds.

    Raises:
        RequestError: it holds none.
    """
    try:
        row = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except UnicodeDecodeError:
        raise RequestError("not UTF-8 text: write the file in UTF-8") from None
    except msgspec.DecodeError as error:
        raise RequestError(f"not valid JSON: {error}") from error
    except RecursionError:
        raise RequestError("nested too deeply to be a conversation") from None
    if not isinstance(row, dict):
        raise RequestError(f"{json_kind(row)}, not an object")
    return row


def json_kind(value: Any) -> str:
    """Say in JSON's own words what a value is."""
    match value:
        case None:
            return "a JSON null"
        case bool():
            return "a JSON true or false"
        case int() | float():
            return "a JSON number"
        case str():
            return "a JSON string"
        case list():
            return "a JSON list"
        case _:
            return "a JSON object"


def raw_lines(stream: BinaryIO, limit: int) -> Iterator[tuple[bytes | None, int]]:
    """Yield each line with its size; None instead of a line longer than ``limit``, which is never held whole."""
    while chunk := stream.readline(limit):
        size = len(chunk)
        whole = chunk.endswith(b"\n") or size < limit
        while not whole:
            more = stream.readline(limit)
            size += len(more)
            whole = more.endswith(b"\n") or not more
        yield (chunk if size <= limit else None), size
