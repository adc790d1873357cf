"""The runs of one folder: which there are, and no way out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from pointsman.errors import NotFound, UsageError
from pointsman.evaluation.run_log import RunHead, read_head

_MOST: Final = 200
_READ: Final = 2_000
"""Folders looked at: one of more is no folder of runs."""


class KeptRun(msgspec.Struct, frozen=True):
    """A run by the name of its folder. ``graded_at_us``: when the last grade was written, Unix microseconds; None: none yet."""

    name: str
    head: RunHead
    graded_at_us: int | None


class Shelf(msgspec.Struct, frozen=True):
    """The newest runs of a folder, how many there are, and what could not be read."""

    runs: tuple[KeptRun, ...]
    total: int
    problems: tuple[str, ...]


def read_shelf(folder: Path) -> Shelf:
    """Return the runs of ``folder``, the newest first; a folder that is not there has none."""
    found: list[KeptRun] = []
    problems: list[str] = []
    for place, entry in enumerate(sorted(folder.iterdir()) if folder.is_dir() else ()):
        if place >= _READ:
            problems.append(f"{folder} has more than {_READ:,} entries; only the first were looked at")
            break
        if not (entry / "run.json").is_file():
            continue
        try:
            head = read_head(entry)
        except UsageError as error:
            problems.append(str(error))
            continue
        grades = entry / "grades.jsonl"
        found.append(KeptRun(entry.name, head, grades.stat().st_mtime_ns // 1000 if grades.is_file() else None))
    found.sort(key=lambda run: (-(run.graded_at_us or 0), run.name))
    return Shelf(tuple(found[:_MOST]), len(found), tuple(problems))


def run_folder(folder: Path, name: str) -> Path:
    """Return where the run of that name is.

    Raises:
        NotFound: the folder has no run of that name; a name with a path in it is none.
    """
    found = folder / name
    if Path(name).name != name or name in ("", ".", "..") or not _is_file(found / "run.json"):
        raise NotFound(f"there is no run {name[:80]!r} in {folder}")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for the file system is the name of nothing
        return False
