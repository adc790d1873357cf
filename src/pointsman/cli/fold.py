"""``pointsman fold``: bring the columns up to the store."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from pointsman.catalog.book import Catalog
from pointsman.cli.console import out, plain, print_json
from pointsman.cli.store_options import AsJson, StoreUrl
from pointsman.monitoring.asking.asker import Asker
from pointsman.store import DEFAULT_URL, open_store


def command(
    again: Annotated[bool, typer.Option(help="Delete the column file first and make it anew.")] = False,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Bring the column file beside a store up to date. Seldom needed: serve and report do it by themselves.

    Exit codes: 0 done, 2 the input was wrong.
    """
    began = time.monotonic()
    with open_store(store, must_exist=True) as opened:
        asker = Asker(opened, Catalog.load())
        if again:
            asker.file.remove()
        done = asker.fold()
        path = asker.file.path
    seconds = time.monotonic() - began
    if json:
        print_json({"file": str(path), "turns": done.turns, "beside": done.beside, "seconds": round(seconds, 2)})
        return
    size = path.stat().st_size / 1e6
    out().print(plain(f"{done.turns:,} turns folded into {path} ({size:.1f} MB) in {seconds:.1f} s.", "bold"))
