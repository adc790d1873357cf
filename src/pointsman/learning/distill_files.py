"""The files of a training set: one of lines for each split, and beside them where each line comes from."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec

from pointsman.errors import UsageError
from pointsman.learning.distill_formats import Line

Split = Literal["train", "valid", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "valid", "test")


class SetFiles:
    """The files of a set, written beside the old ones and put in place at the end."""

    def __init__(self, folder: Path, *, sidecar: bool) -> None:
        self.lines: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.conversations: Counter[str] = Counter()
        self.models: Counter[str] = Counter()
        self.routes: Counter[str] = Counter()
        self.first: str | None = None
        self.last: str | None = None
        self._known: dict[str, set[int]] = {split: set() for split in SPLITS}
        self._sidecar = sidecar
        names = [f"{split}{kind}.jsonl" for split in SPLITS for kind in ("", ".provenance")[: 1 + sidecar]]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._streams = {name: (folder / f"{name}.part").open("wb") for name in names}
        except OSError as error:
            raise UsageError(
                f"{folder}: cannot be written: {error.strerror}. Name another folder with --out."
            ) from error
        self._folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for name, stream in self._streams.items():
            stream.close()
            (self._folder / f"{name}.part").unlink(missing_ok=True)

    def add(self, split: Split, line: Line, provenance: Line) -> None:
        """Write one line, and where it comes from: beside it where the format leaves no room."""
        if self._sidecar:
            self._streams[f"{split}.provenance.jsonl"].write(encode_line(provenance) + b"\n")
        else:
            line = {**line, "provenance": provenance}
        encoded = encode_line(line) + b"\n"
        self._streams[f"{split}.jsonl"].write(encoded)
        self.lines[split] += 1
        self.bytes[split] += len(encoded)
        known = self._known[split]
        conversation = int(provenance["conversation"], 16)
        self.conversations[split] += conversation not in known
        known.add(conversation)
        self.models[provenance["model"]] += 1
        self.routes[provenance["route"]] += 1
        day = provenance["at"]
        if day is not None:
            self.first = day if self.first is None else min(self.first, day)
            self.last = day if self.last is None else max(self.last, day)

    def finish(self) -> None:
        """Put the files in place; those of an earlier export that this one does not write are removed."""
        for name, stream in self._streams.items():
            stream.close()
            (self._folder / f"{name}.part").replace(self._folder / name)
        if not self._sidecar:
            for split in SPLITS:
                (self._folder / f"{split}.provenance.jsonl").unlink(missing_ok=True)


def encode_line(line: Any) -> bytes:
    """Return a line's bytes, without its end."""
    return msgspec.json.encode(line)
