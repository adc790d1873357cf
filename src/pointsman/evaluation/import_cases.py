"""Imports cases from several sources into one case file: nothing twice, and what is broken is told."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pointsman.errors import UsageError
from pointsman.evaluation.case_file import HEAD, encode_case, read_cases
from pointsman.evaluation.cases import Case, CaseVersion
from pointsman.evaluation.importers.case_seam import Found
from pointsman.evaluation.importers.case_source import Read

SHIPPED = "shipped"
"""The name under which recorded replies are kept as a model: a router's come from several, together they are what was shipped."""


class Imported(msgspec.Struct, frozen=True):
    """What an import did. ``kept`` stood in the file already; ``problems`` are (file and place, reason)."""

    version: str
    cases: int
    kept: int
    twice: int
    by_format: dict[str, int]
    problems: tuple[tuple[str, str], ...]
    with_gold: int
    shipped: int


class CaseWriter:
    """Writes a case file beside the old one and puts it in place at the end, so that a killed import leaves the old one whole.

    ``append``: the cases that stand in the file stay. ``answers``: recorded answers go there, as a recorded model.
    """

    def __init__(self, path: Path, *, append: bool = False, answers: Path | None = None) -> None:
        self._path = path
        self._new = path.with_name(path.name + ".part")
        self._answers = answers
        self._version = CaseVersion()
        self._known: set[bytes] = set()
        self._ids: set[str] = set()
        self._formats: Counter[str] = Counter()
        self._problems: list[tuple[str, str]] = []
        self._kept = self._twice = self._gold = self._shipped = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._new.open("wb")
            self._lines = None if answers is None else answers.open("wb")
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}.") from error
        self._stream.write(HEAD)
        if append and path.is_file():
            self._keep(path)

    def _keep(self, path: Path) -> None:
        for line in read_cases(path):
            if line.case is None:
                self._problems.append((f"{path}: line {line.number}", line.problem or ""))
            elif self._put(line.case):
                self._kept += 1

    def take(self, file: str, rows: Iterable[Read]) -> None:
        """Write the cases of a file's rows."""
        for row in rows:
            self.take_row(file, row)

    def take_row(self, file: str, row: Read) -> None:
        """Write the cases of one row."""
        if row.problem is not None:
            self._problems.append((f"{file}: {row.place}", row.problem))
        for one in row.found:
            self._take(one)

    def _take(self, one: Found) -> None:
        if not self._put(one.case):
            self._twice += 1
            return
        self._formats[one.case.source] += 1
        if one.shipped is not None and self._lines is not None:
            self._lines.write(
                msgspec.json.encode(msgspec.structs.replace(one.shipped, case_id=self._last, model=SHIPPED)) + b"\n"
            )
            self._shipped += 1

    def _put(self, case: Case) -> bool:
        """Write a case unless the same stands there already; one whose id is taken by another case gets a longer one."""
        import hashlib

        key = hashlib.blake2b(
            msgspec.json.encode((case.conversation_id, case.turn, case.tape, case.gold), order="deterministic"),
            digest_size=16,
        ).digest()
        if key in self._known:
            return False
        self._known.add(key)
        if case.id in self._ids:
            case = msgspec.structs.replace(case, id=f"{case.id}~{key.hex()[:8]}")
        self._ids.add(case.id)
        self._last = case.id
        self._version.add(case)
        self._gold += case.gold is not None
        self._stream.write(encode_case(case))
        return True

    def finish(self) -> Imported:
        """Put the file in place and return what was done.

        Raises:
            UsageError: no case could be read; the old file stays as it is.
        """
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.abandon_streams()
        if not self._version.cases:
            self._new.unlink()
            first = self._problems[0] if self._problems else None
            why = f"; {first[0]}: {first[1][:200]}" if first else ": no row holds a turn to answer"
            raise UsageError(f"no case could be read ({len(self._problems):,} bad rows){why}")
        self._new.replace(self._path)
        return Imported(
            version=self._version.text,
            cases=self._version.cases,
            kept=self._kept,
            twice=self._twice,
            by_format=dict(sorted(self._formats.items())),
            problems=tuple(self._problems),
            with_gold=self._gold,
            shipped=self._shipped,
        )

    def abandon_streams(self) -> None:
        """Close the files."""
        self._stream.close()
        if self._lines is not None:
            self._lines.close()
