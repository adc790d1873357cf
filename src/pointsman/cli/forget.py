"""``pointsman forget``: take a customer or a conversation out of everything that is stored."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
import typer

from pointsman.catalog.book import Catalog
from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.store_options import AsJson, StoreUrl
from pointsman.errors import UsageError
from pointsman.execution.privacy.redaction import stored_names
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.forgetting import Forgotten, Wanted, forget
from pointsman.store import DEFAULT_URL, open_store


def command(
    customer: Annotated[
        str | None, typer.Argument(help="The customer's id, as clients send it in user or metadata.")
    ] = None,
    conversation: Annotated[str | None, typer.Option(help="One conversation by its id, instead of a customer.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would go.")] = False,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Delete everything stored of a customer: turns, messages, memory, runs, outcomes, figures and archived days.

    A message that another customer sent word for word stays theirs. Files you exported yourself are not touched.
    Exit codes: 0 done, 2 the input was wrong.
    """
    if (customer is None) == (conversation is None) or not (customer or conversation):
        raise UsageError("name a customer, or a conversation with --conversation ID; not both")
    began = time.monotonic()
    with open_store(store, must_exist=True, read_only=False) as opened:
        wanted = Wanted(
            stored_names(customer, opened.path) if customer else (),
            stored_names(conversation, opened.path) if conversation else (),
        )
        found = forget(opened, Asker(opened, Catalog.load()), wanted, dry_run=dry_run)
    if json:
        print_json({**_json(found), "dry_run": dry_run, "seconds": round(time.monotonic() - began, 2)})
        return
    _tell(found, dry_run=dry_run, seconds=time.monotonic() - began)


def _tell(found: Forgotten, *, dry_run: bool, seconds: float) -> None:
    if not (found.turns or found.rows or found.columns or found.archived):
        out().print(plain("Nothing is stored of them; nothing to delete."))
        return
    verb = "would go" if dry_run else f"are gone, after {seconds:.1f} s"
    out().print(plain(f"{found.turns:,} turns of {found.conversations:,} conversations {verb}.", "bold"))
    for table, n in sorted(found.rows.items()):
        out().print(plain(f"  {n:>9,}  {table}"))
    out().print(plain(f"  {found.columns:>9,}  rows of the columns"))
    if found.archived:
        out().print(plain(f"  {found.archived:>9,}  rows of archived days"))
    if not found.clean:
        err().print(
            plain(
                "A reader holds the store: its log keeps old pages until the next commit after it is done. Run it again then."
            )
        )


def _json(found: Forgotten) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(found)
    return made
