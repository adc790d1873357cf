"""``pointsman archive``: the figures of whole days as Parquet files."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer

from pointsman.catalog.book import Catalog
from pointsman.cli.console import out, plain, print_json
from pointsman.cli.store_options import AsJson, StoreUrl
from pointsman.errors import StoreError
from pointsman.monitoring.archive import archive, folder_of
from pointsman.monitoring.asking.asker import Asker
from pointsman.store import DEFAULT_URL, open_store


def command(
    again: Annotated[bool, typer.Option(help="Also write days anew that are archived already.")] = False,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Write every day that is over (UTC) into STORE.archive/day=.../*.parquet: figures of turns and calls, no messages.

    Exit codes: 0 done, 2 the input was wrong.
    """
    with open_store(store, must_exist=True) as opened:
        folder = folder_of(opened.path)
        try:
            made = archive(opened.path, Asker(opened, Catalog.load()), now_us=time.time_ns() // 1000, again=again)
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from None
    if json:
        print_json({"folder": str(folder), "days": msgspec.to_builtins(made)})
        return
    if not made:
        out().print(plain("No new day: every day that is over is archived already, or has no turn."))
        return
    turns, size = sum(day.turns for day in made), sum(day.bytes for day in made)
    out().print(plain(f"{len(made)} days with {turns:,} turns archived in {folder} ({size / 1e6:.1f} MB).", "bold"))
