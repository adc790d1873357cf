"""The case file: one case a line, written by ``pointsman import``, by people and by programs.

A line is either what this module writes (a ``turn`` in our own neutral words, nothing lost) or what ``case_rows`` reads
(``messages`` in OpenAI roles). The first line may be the head, ``{"pointsman_cases": 1}``.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from pointsman.domain.turn import Turn
from pointsman.errors import RequestError, UsageError
from pointsman.evaluation.case_rows import case_of, with_ids
from pointsman.evaluation.cases import Case, CaseVersion
from pointsman.evaluation.importers.reader import MAX_LINE, json_object, raw_lines

FORMAT = 1
HEAD = b'{"pointsman_cases":1}\n'

_CASE = msgspec.json.Decoder(Case)
_USUAL = Turn(())


class CaseLine(msgspec.Struct, frozen=True):
    """One line: its number from 1, where it begins in the file, and either a case or the ``problem`` with it."""

    number: int
    offset: int
    case: Case | None = None
    problem: str | None = None


def encode_case(case: Case) -> bytes:
    """Return a case as one line. What a turn does not say is left out."""
    said = msgspec.structs.asdict(case.turn).items()
    turn = {name: value for name, value in said if name == "messages" or value != getattr(_USUAL, name)}
    fields: dict[str, Any] = {
        "id": case.id,
        "conversation_id": case.conversation_id,
        "source": case.source,
        "turn": turn,
    }
    for name in ("gold", "tape", "tags", "customer", "world"):
        if value := getattr(case, name):
            fields[name] = value
    return msgspec.json.encode(fields, order="deterministic") + b"\n"


def read_cases(path: Path, *, max_line: int = MAX_LINE) -> Iterator[CaseLine]:
    """Yield every line that is not blank and not the head.

    Raises:
        UsageError: the file cannot be read, is no case file, or is of a newer version.
    """
    if not path.is_file():
        what = "not a file" if path.exists() else "no such file"
        raise UsageError(f"{path}: {what}. Give a case file; `pointsman import` writes one.")
    offset = 0
    try:
        with path.open("rb") as stream:
            for number, (raw, size) in enumerate(raw_lines(stream, max_line), 1):
                if raw is None:
                    yield CaseLine(number, offset, problem=f"longer than {max_line:,} bytes")
                elif raw.strip() and not (number == 1 and _is_head(raw, path)):
                    yield _line(number, offset, raw)
                offset += size
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}.") from error


def _line(number: int, offset: int, raw: bytes) -> CaseLine:
    try:
        return CaseLine(number, offset, case=decode_case(raw))
    except RequestError as error:
        where = f" (at {error.param})" if error.param and error.param not in str(error) else ""
        return CaseLine(number, offset, problem=f"{error}{where}")


def decode_case(raw: bytes) -> Case:
    """Return the case of one line.

    Raises:
        RequestError: it holds none.
    """
    try:
        case = _CASE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        row = json_object(raw)
        if "turn" in row:
            raise RequestError(f"not a case: {error}") from None
        return case_of(row)
    if not case.turn.messages:
        raise RequestError("turn.messages is empty: there is nothing to answer", param="turn.messages")
    return with_ids(case)


def _is_head(raw: bytes, path: Path) -> bool:
    if b"pointsman_cases" not in raw[:200]:
        return False
    version = json_object(raw).get("pointsman_cases")
    if not isinstance(version, int):
        return False
    if version > FORMAT:
        raise UsageError(f"{path}: a case file of version {version}; this Pointsman reads {FORMAT}. Upgrade pointsman.")
    return True


class CaseIndex:
    """A case file, indexed once: its version, and its cases in an order that says nothing of them.

    The order is that of ``run_order``: any part of a run, one that was stopped by its spend cap for instance, is a random sample
    of the conversations; ``limit`` takes single cases at random. Three numbers are held for a case, nothing of its text.
    ``problems`` are the lines left out, ``worlds`` counts the cases that bring one.
    """

    def __init__(self, path: Path, *, seed: int = 0, limit: int | None = None) -> None:
        self.path = path
        version = CaseVersion()
        keys, conversations, offsets = array("Q"), array("Q"), array("Q")
        ids: set[int] = set()
        self.problems: list[tuple[int, str]] = []
        self.worlds = 0
        for line in read_cases(path):
            if line.case is None:
                self.problems.append((line.number, line.problem or ""))
                continue
            key = order_of(line.case.id, 0)
            if key in ids:
                self.problems.append((line.number, f"id {line.case.id[:60]!r} stands twice in the file"))
                continue
            ids.add(key)
            version.add(line.case)
            self.worlds += line.case.world is not None
            keys.append(order_of(line.case.id, seed) if seed else key)
            conversations.append(order_of(line.case.conversation_id, seed))
            offsets.append(line.offset)
        if not offsets:
            first = f"; line {self.problems[0][0]}: {self.problems[0][1][:200]}" if self.problems else ""
            raise UsageError(f"{path}: no case can be read{first}. Give a case file; `pointsman import` writes one.")
        self.version = version.text
        chosen = sorted(range(len(offsets)), key=keys.__getitem__)[:limit]
        chosen.sort(key=conversations.__getitem__)  # stable: inside a conversation the order stays
        self._offsets = array("Q", (offsets[place] for place in chosen))
        self.total = len(offsets)
        self._stream: BinaryIO | None = None

    def __len__(self) -> int:
        """How many cases there are."""
        return len(self._offsets)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def raws(self) -> Iterator[bytes]:
        """Yield every case's line, in order."""
        if self._stream is None:
            self._stream = self.path.open("rb")
        for offset in self._offsets:
            self._stream.seek(offset)
            yield self._stream.readline()

    def __iter__(self) -> Iterator[Case]:
        """Yield every case, in order."""
        return map(decode_case, self.raws())


def order_of(case_id: str, seed: int) -> int:
    """Return a case's place in the order of ``seed``."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\x00{case_id}".encode(), digest_size=8).digest(), "big")


def run_order(case_id: str, conversation: str, seed: int) -> tuple[int, int]:
    """Return a case's place in a run: the cases of a conversation together, so that whole ones can be judged as it goes on."""
    return order_of(conversation, seed), order_of(case_id, seed)
