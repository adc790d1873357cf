"""A run on disk: a folder with ``run.json``, the answers as they came, and what a grader said of each.

Answers are only ever added, each written to the system before the next call is made: a killed process loses none, and what it was
asked already is not asked again. A line that was cut in two is taken off when the run is opened.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer

Mode = Literal["fixed", "free"]
FORMAT = 1
NOT_RECORDED = "not_recorded"
"""The error of a recorded model that has no answer to a case: that is unknown, neither right nor wrong."""

_SYNC_S = 1.0


class RunHead(msgspec.Struct, frozen=True):
    """What a run is of. ``cases`` is how many it is made of, of ``total`` in the file of version ``version``."""

    cases_file: str
    version: str
    cases: int
    total: int
    mode: Mode
    models: tuple[str, ...]
    repeats: int
    grader: str
    seed: int = 0
    format: int = FORMAT


class Logged(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of ``answers.jsonl``: an answer under its key, or the note that a paid call is on its way."""

    key: str
    answer: Answer | None = None
    sent_usd: Decimal | None = None


class GradeRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of ``grades.jsonl``: everything reports and gates read. ``content`` is the case's hash, ``usd`` exact dollars."""

    case: str
    content: str
    conversation: str
    model: str
    repeat: int
    origin: str
    passed: bool | None = None
    kind: str | None = None
    score: float | None = None
    text: str = ""
    write_error: bool = False
    writes: bool = False
    conforms: bool | None = None
    error: str | None = None
    usd: Decimal | None = None
    ttft_ms: float | None = None
    latency_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    diverged_at: int | None = None
    divergence: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class GradeHead(msgspec.Struct, frozen=True):
    """The first line of ``grades.jsonl``: by which grader."""

    grader: str
    version: str


_LOGGED = msgspec.json.Decoder(Logged)
_ROW = msgspec.json.Decoder(GradeRow)


def key_of(content: bytes, place: tuple[str, str, int], settings: str, step: bytes = b"") -> str:
    """Return the name under which an answer is kept: of this case, model and repeat, with the same content and settings."""
    case, model, repeat = place
    digest = hashlib.blake2b(content, digest_size=16)
    digest.update(f"\x00{case}\x00{model}\x00{settings}\x00{repeat}\x00".encode() + step)
    return digest.hexdigest()


class Lines:
    """A file of JSON lines that is only ever added to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: BinaryIO = path.open("a+b")
        _cut_torn_line(self._stream)
        self._synced = time.monotonic()

    def add(self, line: bytes) -> int:
        """Write a line through to the system; return where it begins."""
        offset = self._stream.seek(0, os.SEEK_END)
        self._stream.write(line + b"\n")
        self._stream.flush()
        if time.monotonic() - self._synced > _SYNC_S:
            self.sync()
        return offset

    def sync(self) -> None:
        """Write through to the disk, so that a power cut loses nothing either."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._synced = time.monotonic()

    def at(self, offset: int) -> bytes:
        """Return the line that begins at ``offset``."""
        self._stream.seek(offset)
        return self._stream.readline()

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """Yield every line with where it begins."""
        self._stream.seek(0)
        offset = 0
        for line in self._stream:
            yield offset, line
            offset += len(line)

    def empty(self) -> None:
        """Take everything off."""
        self._stream.truncate(0)
        self._stream.seek(0)

    def close(self) -> None:
        """Write through and close."""
        self.sync()
        self._stream.close()


class Places:
    """Where things stand, by a number that names them: sixteen bytes each. Filled first, settled, then asked."""

    def __init__(self) -> None:
        self._names, self._places = array("Q"), array("Q")

    def add(self, name: int, place: int) -> None:
        """Take one; of two with one name the later counts."""
        self._names.append(name)
        self._places.append(place)

    def settle(self) -> None:
        """Put them in order, for asking."""
        order = sorted(range(len(self._names)), key=self._names.__getitem__)
        last = [
            n for n, row in enumerate(order) if n + 1 == len(order) or self._names[order[n + 1]] != self._names[row]
        ]
        self._places = array("Q", (self._places[order[n]] for n in last))
        self._names = array("Q", (self._names[order[n]] for n in last))

    def find(self, name: int) -> int | None:
        """Return where it stands; None: nowhere."""
        row = bisect_left(self._names, name)
        return self._places[row] if row < len(self._names) and self._names[row] == name else None

    def __iter__(self) -> Iterator[int]:
        """Yield every place."""
        return iter(self._places)


class RunLog:
    """A run that is being made. One process at a time may have it open. ``retry_errors``: failed calls are to be made again.

    Raises:
        UsageError: the folder is in use, belongs to other cases or another mode, or cannot be written.
    """

    def __init__(self, folder: Path, head: RunHead, *, retry_errors: bool = False) -> None:
        self.folder = folder
        self._retry_errors = retry_errors
        self.pending: dict[str, Decimal] = {}
        """Paid calls that were on their way when an earlier process ended, with what each could have cost."""
        with contextlib.ExitStack() as stack:
            _locked(folder, stack)
            self.head = _merged(folder, head)
            self._answers = Lines(folder / "answers.jsonl")
            stack.callback(self._answers.close)
            self._grades = Lines(folder / "grades.jsonl")
            stack.callback(self._grades.close)
            self._offsets, self._graded = Places(), Places()
            self._read_answers()
            self._read_grades()
            _write_head(folder, self.head)
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _read_answers(self) -> None:
        for offset, line in self._answers.scan():
            try:
                one = _LOGGED.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if one.answer is not None:
                if self._retry_errors and one.answer.error is not None and one.answer.origin != "recorded":
                    continue
                self._offsets.add(_short(one.key), offset)
                self.pending.pop(one.key, None)
            elif one.sent_usd is not None:
                self.pending[one.key] = one.sent_usd
        self._offsets.settle()

    def _read_grades(self) -> None:
        lines = self._grades.scan()
        first = next(lines, (0, b""))[1]
        try:
            known = msgspec.json.decode(first, type=GradeHead)
        except msgspec.DecodeError:
            known = None
        if known is None or (known.grader, known.version) != (self.head.grader, self.head.version):
            # Grades cost nothing: those of another grader make room.
            self._grades.empty()
            self._grades.add(msgspec.json.encode(GradeHead(self.head.grader, self.head.version)))
            return
        for _, line in lines:
            row = _ROW.decode(line)
            self._graded.add(_place(row.case, row.model, row.repeat), 0)
        self._graded.settle()

    def spent(self) -> Decimal:
        """Return what the answers kept here have cost, and what calls that were cut off may have."""
        total = sum(self.pending.values(), Decimal(0))
        for offset in self._offsets:
            answer = _LOGGED.decode(self._answers.at(offset)).answer
            if answer is not None and answer.origin != "recorded" and answer.cost_usd is not None:
                total += answer.cost_usd
        return total

    def find(self, key: str) -> Answer | None:
        """Return the answer kept under ``key``."""
        offset = self._offsets.find(_short(key))
        return None if offset is None else _LOGGED.decode(self._answers.at(offset)).answer

    def sent(self, key: str, worst: Decimal) -> None:
        """Note that a paid call is about to be made."""
        self._answers.add(msgspec.json.encode(Logged(key, sent_usd=worst)))

    def keep(self, key: str, answer: Answer) -> None:
        """Keep an answer. Nothing of it stays in memory: ``find`` knows those that stood here when the run was opened."""
        self._answers.add(msgspec.json.encode(Logged(key, answer)))

    def is_graded(self, case: str, model: str, repeat: int) -> bool:
        """Tell whether a grade is kept."""
        return self._graded.find(_place(case, model, repeat)) is not None

    def keep_grade(self, row: GradeRow) -> None:
        """Keep a grade."""
        self._grades.add(msgspec.json.encode(row))


def _locked(folder: Path, stack: contextlib.ExitStack) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((folder / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"{folder}: another `pointsman replay` is at work on this run. Wait for it, or stop it."
        ) from None
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}.") from error


def read_head(folder: Path) -> RunHead:
    """Return what the run in ``folder`` is of.

    Raises:
        UsageError: it holds no run.
    """
    file = folder / "run.json"
    if not file.is_file():
        raise UsageError(f"{folder}: holds no run; `pointsman replay CASES --models ... --out {folder}` makes one.")
    try:
        head = msgspec.json.decode(file.read_bytes(), type=RunHead)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{file}: is damaged: {error}.") from None
    if head.format > FORMAT:
        raise UsageError(f"{folder}: a run of version {head.format}; this Pointsman reads {FORMAT}. Upgrade pointsman.")
    return head


def read_grades(folder: Path) -> Iterator[GradeRow]:
    """Yield the grades of a run, in the order in which they were given. A torn last line is left out.

    Raises:
        UsageError: there are none.
    """
    file = folder / "grades.jsonl"
    if not file.is_file():
        raise UsageError(f"{folder}: nothing is graded there yet.")
    with file.open("rb") as stream:
        next(stream, None)
        for number, line in enumerate(stream, 2):
            if not line.endswith(b"\n"):
                return
            try:
                yield _ROW.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise UsageError(
                    f"{file}: line {number} is damaged: {error}. Remove the file and replay again."
                ) from None


def _merged(folder: Path, head: RunHead) -> RunHead:
    """Return ``head`` with the models that the run has already."""
    if not (folder / "run.json").is_file():
        if any(folder.glob("answers.jsonl")):
            raise UsageError(f"{folder}: has answers, but no run.json. Give another --out.")
        return head
    old = read_head(folder)
    for name, what in (
        ("version", "other cases"),
        ("mode", "another mode"),
        ("cases", "another number of cases"),
        ("seed", "another seed"),
    ):
        if getattr(old, name) != getattr(head, name):
            raise UsageError(
                f"{folder}: this run is of {what} ({getattr(old, name)}, not {getattr(head, name)}). Give another --out; "
                f"--models recorded:{folder}#MODEL takes its answers over."
            )
    models: Any = tuple(dict.fromkeys([*old.models, *head.models]))
    return msgspec.structs.replace(head, models=models, repeats=max(old.repeats, head.repeats))


def _write_head(folder: Path, head: RunHead) -> None:
    new = folder / "run.json.part"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(head), indent=1) + b"\n")
    new.replace(folder / "run.json")


def _cut_torn_line(stream: BinaryIO) -> None:
    end = stream.seek(0, os.SEEK_END)
    place = end
    while place > 0:
        start = max(0, place - 65536)
        stream.seek(start)
        newline = stream.read(place - start).rfind(b"\n")
        if newline >= 0:
            place = start + newline + 1
            break
        place = start
    if place != end:
        stream.truncate(place)


def _short(key: str) -> int:
    return int(key[:16], 16)


def _place(case: str, model: str, repeat: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{case}\x00{model}\x00{repeat}".encode(), digest_size=8).digest(), "big")
