"""The rows of a file, whatever holds them: JSON lines, one JSON document, or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pointsman.errors import RequestError, UsageError
from pointsman.evaluation.importers.reader import MAX_LINE, json_kind, json_object, raw_lines

MAX_DOCUMENT = 1024 * 1024 * 1024
"""A larger JSON document, in bytes, is refused: it would be held whole. As lines it may have any size."""

_BATCH = 256
_WRAPPED = {
    b"\x1f\x8b": "gzip (gunzip it first)",
    b"PK\x03\x04": "zip (unpack it first)",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class Row(msgspec.Struct, frozen=True):
    """One row: where it stands ("line 12"), and either an object or the ``problem`` with it. ``size`` is in bytes, 0 unknown."""

    place: str
    data: Mapping[str, Any] | None = None
    problem: str | None = None
    size: int = 0


def rows_of(path: Path) -> Iterator[Row]:
    """Yield every row of ``path``.

    Raises:
        UsageError: it cannot be read at all, or holds no rows.
    """
    if not path.is_file():
        raise UsageError(f"{path}: {'not a file' if path.exists() else 'no such file'}.")
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}.") from error
    wrong = next((what for start, what in _WRAPPED.items() if head.startswith(start)), None)
    if wrong is not None:
        raise UsageError(f"{path}: this is {wrong}: give JSON lines, a JSON document or a Parquet file.")
    if head.startswith(b"PAR1"):
        yield from _parquet(path)
    elif _is_document(head, path):
        yield from _document(path)
    else:
        yield from _lines(path)


def _lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as stream:
        for number, (raw, size) in enumerate(raw_lines(stream, MAX_LINE), 1):
            place = f"line {number}"
            if raw is None:
                yield Row(place, problem=f"longer than {MAX_LINE:,} bytes", size=size)
            elif raw.strip():
                try:
                    yield Row(place, json_object(raw), size=size)
                except RequestError as error:
                    yield Row(place, problem=str(error), size=size)


def _is_document(head: bytes, path: Path) -> bool:
    """Tell whether the file is one JSON value over several lines: an array, or an object whose first line is not whole."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] == b"[":
        return True
    if start[:1] != b"{":
        return False
    first = start.split(b"\n", 1)
    if len(first) == 1:
        return False  # the first line is longer than what was read: JSON lines of long rows
    try:
        msgspec.json.decode(first[0])
    except (UnicodeDecodeError, RecursionError):
        return False
    except msgspec.DecodeError:
        # A broken first line is followed by whole ones; a document laid out over lines is not.
        second = first[1].lstrip()[:1]
        return second not in (b"{", b"") and path.stat().st_size <= MAX_DOCUMENT
    return False


def _document(path: Path) -> Iterator[Row]:
    if path.stat().st_size > MAX_DOCUMENT:
        raise UsageError(
            f"{path}: one JSON document of more than {MAX_DOCUMENT:,} bytes. Write it as one object a line."
        )
    try:
        data = msgspec.json.decode(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text: write the file in UTF-8.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"{path}: not valid JSON: {str(error).removesuffix('.')}.") from None
    items = data if isinstance(data, list) else [data]
    for number, item in enumerate(items, 1):
        place = f"item {number}"
        if isinstance(item, dict):
            yield Row(place, item)
        else:
            yield Row(place, problem=f"{json_kind(item)}, not an object")


def parquet_file(path: Path) -> Any:
    """Open a Parquet file with pyarrow, which the extra ``prove`` brings.

    Raises:
        UsageError: pyarrow is not there, or the file cannot be read.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(f"{path}: reading Parquet needs pyarrow. Install pointsman[prove].") from None
    try:
        return pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as Parquet: {str(error)[:200]}.") from None


def _parquet(path: Path) -> Iterator[Row]:
    number = 0
    for batch in parquet_file(path).iter_batches(batch_size=_BATCH):
        for row in batch.to_pylist():
            number += 1
            yield Row(f"row {number}", row)
