"""Reads cases out of any file: finds out its format, row by row, and reports what cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pointsman.errors import RequestError, UsageError
from pointsman.evaluation.case_rows import case_of, with_ids
from pointsman.evaluation.cases import Case
from pointsman.evaluation.importers.case_seam import CaseFormat, Found, Wanted
from pointsman.evaluation.importers.cases_bfcl import BfclCases
from pointsman.evaluation.importers.cases_conversations import MessageCases, SgdCases, TauCases
from pointsman.evaluation.importers.cases_exports import LangfuseExport, LiteLLMLogs, PromptfooResults
from pointsman.evaluation.importers.cases_requests import AnthropicRequests, OpenAIRequests
from pointsman.evaluation.importers.cases_traces import Traces
from pointsman.evaluation.importers.reader import json_kind, read_tool_book
from pointsman.evaluation.importers.row_parts import parts_of
from pointsman.evaluation.importers.rows_of import Row, rows_of
from pointsman.evaluation.importers.seam import Row as Data
from pointsman.evaluation.importers.tape_join import TapeJoin


class NeutralCases:
    """Our own case file, as Pointsman or people write it."""

    name = "cases"

    def recognises(self, row: Data) -> bool:
        """Tell by the head, by a turn, or by messages with gold or a tape beside them."""
        if "pointsman_cases" in row or "turn" in row:
            return True
        return isinstance(row.get("messages"), list) and any(name in row for name in ("gold", "tape", "conversation"))

    def companions(self, row: Data) -> Mapping[str, str]:  # noqa: ARG002 - it stands alone
        """Name no other file."""
        return {}

    def read(self, row: Data, wanted: Wanted) -> list[Found]:  # noqa: ARG002 - it says all itself
        """Read one case; the head holds none."""
        if "pointsman_cases" in row:
            return []
        if "turn" not in row:
            return [Found(case_of(row))]
        try:
            return [Found(with_ids(msgspec.convert({"id": "", "conversation_id": "", "source": "cases", **row}, Case)))]
        except msgspec.ValidationError as error:
            raise RequestError(f"not a case: {error}") from None


def case_formats() -> tuple[CaseFormat, ...]:
    """Return every format, most specific first: the first that recognises a row reads it."""
    return (
        NeutralCases(),
        BfclCases(),
        TauCases(),
        SgdCases(),
        Traces(),
        LiteLLMLogs(),
        LangfuseExport(),
        PromptfooResults(),
        AnthropicRequests(),
        OpenAIRequests(),
        MessageCases(),
    )


class Read(msgspec.Struct, frozen=True):
    """What became of one row: the cases found in it, or the ``problem``. ``format`` is the one that read it."""

    place: str
    format: str = ""
    found: tuple[Found, ...] = ()
    problem: str | None = None
    size: int = 0


class CaseSource:
    """One file to import. ``notes`` says which files beside it were used, once ``read`` has begun."""

    def __init__(
        self, path: Path, format_name: str = "auto", wanted: Wanted | None = None, tools: Path | None = None
    ) -> None:
        self.path = path
        self.notes: list[str] = []
        known = case_formats()
        self._formats = known
        if format_name != "auto":
            self._formats = tuple(one for one in known if one.name == format_name)
            if not self._formats:
                raise UsageError(
                    f"--format {format_name}: no such format. Known are auto, {', '.join(one.name for one in known)}."
                )
        self._fixed = format_name != "auto"
        self._wanted = wanted or Wanted()
        if tools is not None:
            self._wanted = msgspec.structs.replace(self._wanted, book=read_tool_book(tools))
            self.notes.append(f"tools from {tools.name}")
        self._tools_given = tools is not None
        self._beside: dict[tuple[str | None, str | None], Wanted] = {}

    def read(self) -> Iterator[Read]:
        """Yield what became of every row.

        Raises:
            UsageError: the file cannot be read at all.
        """
        join = TapeJoin()
        for row in rows_of(self.path):
            for read in self._row(row):
                yield msgspec.structs.replace(read, found=tuple(join.take(read.found)))
        if rest := tuple(join.rest()):
            yield Read("end", "", rest)

    def _row(self, row: Row) -> Iterator[Read]:
        data = row.data
        if data is None:
            yield Read(row.place, problem=row.problem, size=row.size)
            return
        chosen = next((one for one in self._formats if self._fixed or one.recognises(data)), None)
        if chosen is None:
            keys = ", ".join(sorted(map(str, data))[:8]) or "none"
            yield Read(row.place, problem=f"not a known kind of row (its fields: {keys[:120]})", size=row.size)
            return
        if "pointsman_cases" in data and not self._fixed:
            # The head of a case file: what follows is cases, also a line that could pass for something else.
            self._formats, self._fixed = (chosen,), True
        try:
            parts = parts_of(chosen.name, data)
        except (RequestError, TypeError, ValueError) as error:
            yield Read(row.place, problem=str(error), size=row.size)
            return
        if parts is None:
            yield self._part(chosen, row.place, data, row.size)
            return
        for number, (place, part) in enumerate(parts):
            yield self._part(chosen, f"{row.place}, {place}", part, 0 if number else row.size)

    def _part(self, chosen: CaseFormat, place: str, data: Any, size: int) -> Read:
        if not isinstance(data, Mapping):
            return Read(place, problem=f"{json_kind(data)}, not an object", size=size)
        try:
            found = chosen.read(data, self._beside_of(chosen.companions(data)))
            return Read(place, chosen.name, tuple(found), size=size)
        except RequestError as error:
            where = f" (at {error.param})" if error.param and error.param not in str(error) else ""
            return Read(place, problem=f"{error}{where}", size=size)
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError, OverflowError) as error:
            # Whatever a row of another make trips over is that row's problem; the rest goes in.
            return Read(place, problem=f"cannot be read ({type(error).__name__}: {str(error)[:120]})", size=size)

    def _beside_of(self, names: Mapping[str, str]) -> Wanted:
        key = (names.get("tools"), names.get("system"))
        if key not in self._beside:
            self._beside[key] = self._with_files(*key)
        return self._beside[key]

    def _with_files(self, tools: str | None, system: str | None) -> Wanted:
        wanted = self._wanted
        if tools and not self._tools_given:
            beside = self.path.with_name(tools)
            if beside.is_file():
                wanted = msgspec.structs.replace(wanted, book=read_tool_book(beside))
                self.notes.append(f"tools from {tools}")
            else:
                self.notes.append(f"no {tools} beside it: tools without schemas (--tools FILE gives them)")
        if system and (beside := self.path.with_name(system)).is_file():
            text = beside.read_text(encoding="utf-8", errors="replace")
            wanted = msgspec.structs.replace(wanted, system=text)
            self.notes.append(f"system prompt from {system}")
        return wanted
