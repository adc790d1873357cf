"""``pointsman retain``: do now what the policy says of how long turns are kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pointsman.catalog.book import Catalog
from pointsman.cli.console import out, plain, print_json
from pointsman.cli.store_options import AsJson, StoreUrl
from pointsman.errors import UsageError
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.retention import retain
from pointsman.routing.policy import load_policy
from pointsman.store import DEFAULT_URL, open_store


def command(
    policy: Annotated[
        Path, typer.Argument(help="The policy file whose section retention is kept.", show_default=False)
    ],
    dry_run: Annotated[bool, typer.Option(help="Only say what would go.")] = False,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Let turns leave the store as the policy's section retention says. `pointsman serve` does the same every hour.

    Exit codes: 0 done, 2 the input was wrong.
    """
    kept = load_policy(policy).retention
    if kept.bodies_days is None and kept.metrics_days is None:
        raise UsageError(
            f"{policy}: no retention is set. Add, for example, retention: {{bodies_days: 30, metrics_days: 400}}"
        )
    with open_store(store, must_exist=True, read_only=False) as opened:
        asker = Asker(opened, Catalog.load())
        done = retain(opened, asker, kept, now_us=time.time_ns() // 1000, dry_run=dry_run)
    if json:
        print_json({**msgspec.to_builtins(done), "dry_run": dry_run})
        return
    words = "would lose their words" if dry_run else "lost their words"
    gone = "would leave altogether" if dry_run else "left altogether"
    out().print(plain(f"{done.silenced:,} turns {words}, {done.removed:,} turns {gone}.", "bold"))
