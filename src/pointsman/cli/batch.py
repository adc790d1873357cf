"""``pointsman batch``: work that can wait, at the providers' batch prices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsman.cli.batch_view import as_json, progress, show_items, show_list, verdict
from pointsman.cli.console import err, note, out, plain, print_json
from pointsman.cli.store_options import AsJson, Limit, StoreUrl
from pointsman.errors import NotFound, UsageError
from pointsman.store import DEFAULT_URL, open_store
from pointsman.store.batches import Batches

if TYPE_CHECKING:
    from pointsman.execution.batches.desk import BatchDesk, BatchView
    from pointsman.routing.policy import Policy

app = typer.Typer(
    help="Send work that can wait to the providers' batch APIs. Exit codes: 0 done, 1 items failed, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Policy file; default ./pointsman.yaml, else the built-in rubric.")
]
Every = Annotated[
    float, typer.Option("--every", min=0.01, max=3600, help="Seconds between the first looks; later ones are rarer.")
]
BatchId = Annotated[str, typer.Argument(metavar="ID", help="The batch's id, as `pointsman batch list` shows it.")]
_SHOWN = 5
EXIT_FAILED = 1


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="One request a line: an id, and the body of a chat completion.")],
    model: Annotated[str, typer.Option(help="The model that answers all of it (provider/name).")],
    purpose: Annotated[str, typer.Option(help="What it is for, as reports show it.")] = "batch",
    again: Annotated[int, typer.Option(min=0, max=5, help="How often a failed item is sent once more.")] = 1,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Send the good lines of a file with bad ones.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until all of it has ended.")] = False,
    every: Every = 5.0,
    emulated: Annotated[bool, typer.Option("--emulated", help="A simulated model answers; needs --wait.")] = False,
    policy: PolicyFile = None,
    store: StoreUrl = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Write work down and hand it to the model's batch API. The price is the batch price, where one is known."""
    from pointsman.catalog.book import Catalog
    from pointsman.library.batch_file import read_batch_file

    if emulated and not wait:
        raise UsageError("a simulated batch lives as long as this command: add --wait")
    chosen = _policy(policy)
    found = Catalog.load(chosen.catalogue_path).get(model)
    items, bad = read_batch_file(file, found.id)
    for line in bad[:_SHOWN]:
        note(f"{file}:{line.line}: {line.reason}")
    if bad and (not skip_bad or not items):
        rest = "" if skip_bad else "; --skip-bad sends the others"
        raise UsageError(f"{len(bad)} of {len(bad) + len(items)} lines of {file} cannot be sent (see above){rest}")
    if not items:
        raise UsageError(f"{file} holds no requests")

    async def work(desk: BatchDesk) -> BatchView:
        view = await desk.submit(items, found.id, purpose=purpose, again=again)
        note(f"batch {view.batch.id}")
        return await desk.wait(view.batch.id, progress) if wait else view

    _finish(_run(work, chosen, store, emulated=emulated, every=every), json=json)


@app.command("list")
def list_(limit: Limit = 20, store: StoreUrl = DEFAULT_URL, json: AsJson = False) -> None:
    """List batches, the newest first, as far as they are known here."""
    from pointsman.execution.batches.desk import BatchView

    with open_store(store, must_exist=True) as opened:
        known = Batches(opened)
        views = [BatchView(row, tuple(known.parts(row.id)), known.counts(row.id)) for row in known.batches(limit=limit)]
    if json:
        print_json({"batches": [as_json(view) for view in views]})
        return
    show_list(views)


@app.command()
def show(batch_id: BatchId, limit: Limit = 50, store: StoreUrl = DEFAULT_URL, json: AsJson = False) -> None:
    """Show one batch and its items, without asking the provider."""
    from pointsman.execution.batches.desk import BatchView

    with open_store(store, must_exist=True) as opened:
        known = Batches(opened)
        rows = known.batches(batch_id)
        if not rows:
            raise NotFound(f"there is no batch {batch_id}; 'pointsman batch list' shows all")
        view = BatchView(rows[0], tuple(known.parts(batch_id)), known.counts(batch_id))
        items = known.items(batch_id)
    if json:
        print_json(as_json(view, items))
        return
    out().print(plain(verdict(view), "bold"))
    show_items(view, items[:limit], len(items))


@app.command()
def wait(
    batch_id: BatchId,
    every: Every = 5.0,
    policy: PolicyFile = None,
    store: StoreUrl = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Ask the provider until all items of a batch have ended, and take their results in. Takes up after a crash."""
    _must_be_ours(batch_id, store)
    _finish(_run(lambda desk: desk.wait(batch_id, progress), _policy(policy), store, every=every), json=json)


@app.command()
def cancel(batch_id: BatchId, policy: PolicyFile = None, store: StoreUrl = DEFAULT_URL, json: AsJson = False) -> None:
    """Cancel a batch: what is done is kept and paid, the rest is not. `batch wait` takes in what was done."""
    _must_be_ours(batch_id, store)
    _finish(_run(lambda desk: desk.cancel(batch_id), _policy(policy), store), json=json)


def _must_be_ours(batch_id: str, store: str) -> None:
    with open_store(store, must_exist=True) as opened:
        rows = Batches(opened).batches(batch_id)
    if not rows:
        raise NotFound(f"there is no batch {batch_id}; 'pointsman batch list' shows all")
    if rows[0].simulated and rows[0].ended_at_us is None:
        raise UsageError(f"batch {batch_id} was simulated, and its provider ended with the command that sent it")


def _policy(path: Path | None) -> Policy:
    from pointsman.cli.policy_file import open_policy

    return open_policy(path)


def _run(
    work: Callable[[BatchDesk], Awaitable[BatchView]],
    policy: Policy,
    store: str,
    *,
    emulated: bool = False,
    every: float = 5.0,
) -> BatchView:
    from pointsman.execution.batches.desk import PollPlan
    from pointsman.library.door import Pointsman

    async def run() -> BatchView:
        async with Pointsman.from_policy(policy, store=store, emulated=emulated) as pm:
            return await work(pm.batch_desk(PollPlan(first_s=0.01, most_s=0.1) if emulated else PollPlan(every)))

    return asyncio.run(run())


def _finish(view: BatchView, *, json: bool) -> None:
    if json:
        print_json(as_json(view))
    else:
        out().print(plain(verdict(view), "bold"))
        if not view.ended:
            err().print(plain(f"pointsman batch wait {view.batch.id}"))
    failed = view.counts.by_state.get("error", 0) + view.counts.by_state.get("expired", 0)
    if view.ended and failed:
        raise typer.Exit(EXIT_FAILED)
