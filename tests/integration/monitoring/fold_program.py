"""Folds a store in small batches until killed or done: ``fold_program.py STORE BATCH``. Prints a line per batch."""

from __future__ import annotations

import sys
from pathlib import Path

from pointsman.catalog.book import Catalog
from pointsman.monitoring.fold import Fold
from pointsman.store import open_store


def main() -> None:
    """Fold."""
    path, batch = Path(sys.argv[1]), int(sys.argv[2])
    with open_store(f"sqlite:///{path}", must_exist=True) as store:
        fold = Fold(store, Catalog.load(), batch=batch)
        while True:
            step = fold.step()
            print(step.turns, flush=True)  # noqa: T201 - the test reads it
            if step.done:
                return


main()
