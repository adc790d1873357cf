"""How batches are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from pointsman.cli.console import err, out, plain
from pointsman.cli.figures import dollars, for_json, usd
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import at

if TYPE_CHECKING:
    from pointsman.execution.batches.desk import BatchView
    from pointsman.store.batches import ItemRow

_REASON = 120


def verdict(view: BatchView) -> str:
    """Return how a batch stands, in one line."""
    batch, counts = view.batch, view.counts
    said = ", ".join(f"{number} {state}" for state, number in sorted(counts.by_state.items()))
    cost = f"{usd(counts.cost_usd)} at batch prices"
    if counts.unpriced:
        known = "" if counts.unpriced == counts.by_state.get("ok", 0) else f"{cost}, "
        cost = f"{known}{counts.unpriced} at no known batch price"
    simulated = " (simulated)" if batch.simulated else ""
    state = "ended" if view.ended else "being cancelled" if batch.cancelled else "under way"
    return f"Batch {batch.id} on {batch.model}{simulated} {state}: {said}; {cost}."


def progress(view: BatchView) -> None:
    """Say on stderr how a batch stands while it is waited for."""
    parts = ", ".join(f"{part.state}{f' ({part.error})' if part.error else ''}" for part in view.parts)
    err().print(plain(f"{view.counts.by_state.get('waiting', 0)} of {view.counts.total} items wait; {parts}", "dim"))


def show_list(views: Sequence[BatchView]) -> None:
    """Print the table of batches."""
    open_ = sum(not view.ended for view in views)
    text = (
        f"{len(views)} {'batch' if len(views) == 1 else 'batches'}, {open_} under way."
        if views
        else "No batches. `pointsman batch submit FILE` sends one."
    )
    out().print(plain(text, "bold"))
    if not views:
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "submitted", "model", "purpose", "state"):
        table.add_column(heading, overflow="fold")
    for heading in ("items", "ok", "failed", "cost $"):
        table.add_column(heading, justify="right", no_wrap=True)
    for view in views:
        batch, states = view.batch, view.counts.by_state
        failed = states.get("error", 0) + states.get("expired", 0)
        table.add_row(
            plain(batch.id),
            at(batch.created_at_us),
            plain(batch.model),
            plain(batch.purpose),
            "ended" if view.ended else "cancelling" if batch.cancelled else "under way",
            str(view.counts.total),
            str(states.get("ok", 0)),
            str(failed),
            dollars(None if view.counts.unpriced else view.counts.cost_usd),
        )
    show_stacked(table, keys=1)


def show_items(view: BatchView, items: Sequence[ItemRow], total: int) -> None:
    """Print the parts of a batch and a table of its items."""
    for part in view.parts:
        where = f" as {part.provider_id}" if part.provider_id else ""
        out().print(plain(f"  part {part.n}: {part.state}{where}{f': {part.error}' if part.error else ''}", "dim"))
    table = Table(box=None, pad_edge=False)
    for heading in ("item", "state", "turn"):
        table.add_column(heading, overflow="fold")
    table.add_column("cost $", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for item in items:
        why = f"{item.error_code}: {(item.error_text or '')[:_REASON]}" if item.error_code else ""
        turn = item.turn_id if item.state != "waiting" and item.part is not None else ""
        table.add_row(plain(item.item_id), item.state, turn, dollars(item.cost_usd), plain(why))
    show_stacked(table, keys=1)
    if total > len(items):
        err().print(f"{total - len(items)} more: --limit {total}")


def as_json(view: BatchView, items: Sequence[ItemRow] | None = None) -> dict[str, Any]:
    """Return a batch as JSON. ``cost_usd`` is the sum of what is known, ``unpriced`` how many it leaves out."""
    batch = view.batch
    found: dict[str, Any] = {
        "id": batch.id,
        "model": batch.model,
        "purpose": batch.purpose,
        "simulated": batch.simulated,
        "cancelled": batch.cancelled,
        "ended": view.ended,
        "created_at_us": batch.created_at_us,
        "items": view.counts.by_state,
        "cost_usd": view.counts.cost_usd,
        "unpriced": view.counts.unpriced,
        "parts": [
            {"n": part.n, "state": part.state, "provider_id": part.provider_id, "error": part.error}
            for part in view.parts
        ],
    }
    if items is not None:
        found["results"] = [
            {
                "id": item.item_id,
                "state": item.state,
                "turn": item.turn_id if item.state != "waiting" and item.part is not None else None,
                "attempt": item.attempt,
                "error_code": item.error_code,
                "error_text": item.error_text,
                "cost_usd": item.cost_usd,
            }
            for item in items
        ]
    result: dict[str, Any] = for_json(found)
    return result
