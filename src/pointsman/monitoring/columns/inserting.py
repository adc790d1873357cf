"""Many rows into a table at once. DuckDB takes rows from Python one by one at 600 a second; as JSON lines, at 200,000."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pointsman.monitoring.columns.schema import TABLES

if TYPE_CHECKING:
    import duckdb

_ENCODER = msgspec.json.Encoder()


class Inserter:
    """Inserts rows of one table; rows have the columns of the schema in their order."""

    def __init__(self, table: str) -> None:
        columns = TABLES[table]
        self._row = msgspec.defstruct(table, [(f"c{n}", Any) for n in range(len(columns))], gc=False)
        types = ", ".join(f"'c{n}': '{kind}'" for n, (_, kind) in enumerate(columns))
        self._query = (
            f"INSERT INTO {table} SELECT * FROM read_json(?, format = 'newline_delimited', columns = {{{types}}},"
            " maximum_object_size = 4000000)"
        )

    def insert(self, connection: duckdb.DuckDBPyConnection, rows: Iterable[tuple[Any, ...]], folder: Path) -> None:
        """Insert all ``rows``; ``folder`` takes a file in passing where memory cannot be a file."""
        make = self._row
        lines = _ENCODER.encode_lines([make(*row) for row in rows])
        if lines:
            with _as_file(lines, folder) as path:
                connection.execute(self._query, (path,))


@contextlib.contextmanager
def _as_file(data: bytes, folder: Path) -> Iterator[str]:
    """Lend a path under which ``data`` can be read. It lies in memory where the system can do that: nothing stays behind."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("pointsman-fold")
        try:
            with os.fdopen(os.dup(handle), "wb") as file:
                file.write(data)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
        return
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".pointsman-fold-", suffix=".json") as file:
        file.write(data)
        file.flush()
        yield file.name
