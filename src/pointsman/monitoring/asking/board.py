"""What questions are asked of: the column file, opened for reading, with the catalogue and the time of asking."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.errors import StoreError
from pointsman.monitoring.asking.slice import By, Slice, dimensions
from pointsman.store.money import from_pico

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]
Key = tuple[str | None, ...]


class Board(msgspec.Struct, frozen=True):
    """``now_us`` is the time of asking, ``tiers`` the models that stand for "all on one tier", by tier name."""

    connection: duckdb.DuckDBPyConnection
    catalog: Catalog
    now_us: int
    tiers: dict[str, str] = msgspec.field(default_factory=dict)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run a query and return its rows by column name.

        Raises:
            StoreError: the column file cannot be read.
        """
        import duckdb

        try:
            cursor = self.connection.execute(sql, list(values))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except duckdb.Error as error:
            raise StoreError(f"the columns cannot be read: {str(error).splitlines()[0][:300]}") from error

    def groups(
        self, columns: str, chosen: Slice, by: By, *, joined: str = "", group: tuple[str, ...] = ()
    ) -> list[Row]:
        """Return ``columns`` (SQL aggregates over ``turn``) per group; each row has the group's ``by``. Largest group first.

        ``joined`` is SQL of a join, ``group`` names those of ``columns`` to group by besides: our own words, never a client's.

        Raises:
            RequestError: an unknown dimension.
            StoreError: the column file cannot be read.
        """
        keys = dimensions(by)
        named = "".join(f"{key} AS k{n}, " for n, key in enumerate(keys))
        where, values = chosen.where()
        grouped = "GROUP BY ALL" if by or group else ""
        rows = self.rows(
            f"SELECT {named}count(*) AS turns, {columns} FROM turn {joined} WHERE {where} {grouped}"
            f" ORDER BY turns DESC{''.join(f', {name}' for name in (*(f'k{n}' for n in range(len(by))), *group))}",
            values,
        )
        for row in rows:
            row["by"] = {name: row.pop(f"k{n}") for n, name in enumerate(by)}
        return [row for row in rows if row["turns"]]


def usd(pico: int | None) -> Decimal | None:
    """Return exact dollars of a sum of pico-dollars; None for unknown."""
    return None if pico is None else from_pico(int(pico))
