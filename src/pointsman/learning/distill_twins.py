"""Finds what a set holds already, word by word or nearly, without holding the set in memory.

Nearly: two texts whose sets of three-word shingles overlap by 80 % or more. The overlap is estimated by MinHash (A. Broder,
"On the resemblance and containment of documents", 1997) with 64 hashes; candidates are found by bands of 4 rows (J. Leskovec,
A. Rajaraman, J. Ullman, "Mining of Massive Datasets", chapter 3), which misses one pair of 80 % overlap in 5,000.
Texts of fewer than eight words are compared word by word only: "thank you" is no copy of another talk.
"""

from __future__ import annotations

import hashlib
import random
import re
import sqlite3
import struct
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_HASHES: Final = 64
_ROWS: Final = 4
_BANDS: Final = _HASHES // _ROWS
_ALIKE: Final = 0.8
_SHINGLE: Final = 3
_LEAST: Final = 8
_PRIME: Final = (1 << 61) - 1
_MASK: Final = (1 << 32) - 1
_WORD: Final = re.compile(r"\w+")
_CHANCE: Final = random.Random(20261122)  # noqa: S311 - fixed numbers, no secret
_LINES: Final = tuple((_CHANCE.randrange(1, _PRIME), _CHANCE.randrange(_PRIME)) for _ in range(_HASHES))


def words(text: str) -> list[str]:
    """Return the words of a text, in small letters; texts without spaces between words are one word a letter."""
    found: list[str] = []
    for word in _WORD.findall(text.casefold()):
        found += list(word) if not word.isascii() and _unspaced(word) else [word]
    return found


def _unspaced(word: str) -> bool:
    return any("\u2e80" <= letter <= "\u9fff" or "\u0e00" <= letter <= "\u0eff" for letter in word)


def grams(text: str, size: int) -> set[int]:
    """Return the hashes of all runs of ``size`` words."""
    found = words(text)
    return {hash_text(" ".join(found[n : n + size])) for n in range(len(found) - size + 1)}


def hash_text(text: str) -> int:
    """Return a hash that SQLite can hold."""
    # One bit less than eight bytes: SQLite's integers are signed.
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


class Twins:
    """Remembers what was taken, in a temporary file."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pointsman-distill-")
        self._db = sqlite3.connect(Path(self._folder.name) / "twins.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE whole (hash BLOB PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE band (n INTEGER, hash INTEGER, row INTEGER, PRIMARY KEY (n, hash, row)) WITHOUT ROWID",
            "CREATE TABLE signature (row INTEGER PRIMARY KEY, data BLOB)",
        ):
            self._db.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        self._folder.cleanup()

    def seen(self, whole: bytes, new: str) -> str | None:
        """Return ``duplicate`` or ``near_duplicate`` where something like it was taken before; else take it.

        ``whole`` is everything of a line, ``new`` what sets its turn apart from the ones before in its conversation.
        """
        key = hashlib.blake2b(whole, digest_size=16).digest()
        if self._db.execute("SELECT 1 FROM whole WHERE hash = ?", (key,)).fetchone():
            return "duplicate"
        signature = self._signature(new)
        if signature is not None and self._alike(signature):
            return "near_duplicate"
        self._db.execute("INSERT INTO whole VALUES (?)", (key,))
        if signature is not None:
            self._keep(signature)
        return None

    def _signature(self, text: str) -> tuple[int, ...] | None:
        if len(words(text)) < _LEAST:
            return None
        shingles = grams(text, _SHINGLE)
        return tuple(min((a * one + b) % _PRIME for one in shingles) & _MASK for a, b in _LINES)

    def _alike(self, signature: tuple[int, ...]) -> bool:
        rows = {
            row
            for band in _bands(signature)
            for (row,) in self._db.execute("SELECT row FROM band WHERE n = ? AND hash = ?", band)
        }
        for row in sorted(rows):
            (data,) = self._db.execute("SELECT data FROM signature WHERE row = ?", (row,)).fetchone()
            other = struct.unpack(f">{_HASHES}I", data)
            if sum(a == b for a, b in zip(signature, other, strict=True)) >= _ALIKE * _HASHES:
                return True
        return False

    def _keep(self, signature: tuple[int, ...]) -> None:
        row = self._db.execute(
            "INSERT INTO signature (data) VALUES (?)", (struct.pack(f">{_HASHES}I", *signature),)
        ).lastrowid
        self._db.executemany("INSERT INTO band VALUES (?, ?, ?)", [(*band, row) for band in _bands(signature)])


def _bands(signature: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(n, hash_text(repr(signature[n * _ROWS : (n + 1) * _ROWS]))) for n in range(_BANDS)]
