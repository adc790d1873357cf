"""``pointsman memory``: what is remembered of conversations, and how it is forgotten."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.store_options import AsJson, StoreUrl, at
from pointsman.errors import NotFound, UsageError
from pointsman.execution.memory import render
from pointsman.execution.privacy.redaction import stored_names
from pointsman.store import DEFAULT_URL, open_store
from pointsman.store.memory import Kept, Memories

app = typer.Typer(
    help="Show and delete what is remembered of conversations. Exit codes: 0 done, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def show(
    conversation: Annotated[str, typer.Argument(help="The conversation's id.")],
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Print what the next turn of a conversation is told."""
    with open_store(store, must_exist=True) as opened:
        now_us, names = time.time_ns() // 1000, stored_names(conversation, opened.path)
        found = [kept for name in names for kept in Memories(opened).of_conversation(name, now_us)]
    if json:
        print_json({"conversation": conversation, "memories": [_json(kept) for kept in found]})
        return
    if not found:
        raise NotFound(f"nothing is remembered of conversation {conversation!r}")
    for kept in found:
        whose = f"key {kept.key_id}" if kept.key_id else "no key"
        out().print(plain(f"{conversation} ({whose}); until {at(kept.expires_at_us)}", "bold"))
        out().print(plain(render(kept.memory)))


@app.command()
def forget(
    conversation: Annotated[str | None, typer.Argument(help="The conversation's id.")] = None,
    customer: Annotated[str | None, typer.Option(help="Everything of the customer with this id.")] = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Delete the memory of a conversation, or every memory of a customer. Recorded turns stay as they are."""
    if (conversation is None) == (customer is None):
        raise UsageError("name a conversation, or a customer with --customer ID; not both")
    with open_store(store, must_exist=True, read_only=False) as opened:
        memories = Memories(opened)
        if customer is not None:
            gone = memories.forget_customer(*stored_names(customer, opened.path))
        else:
            gone = sum(map(memories.forget_conversation, stored_names(conversation or "", opened.path)))
        erased = memories.erase() if gone else True
    if not erased:
        err().print(
            plain("A reader holds the store: its log keeps the old pages until the next commit after it is done.")
        )
    if json:
        print_json({"conversation": conversation, "customer": customer, "deleted": gone})
        return
    out().print(plain(f"{gone} memories deleted." if gone else "Nothing was remembered; nothing to delete."))


def _json(kept: Kept) -> dict[str, Any]:
    memory = kept.memory
    return {
        "key_id": kept.key_id,
        "customer": kept.customer,
        "plan": None if memory.plan is None else memory.plan.decode("utf-8", "replace"),
        "facts": memory.facts,
        "open_risky_action": memory.open_risky_action,
        "escalated": memory.escalated,
        "promised": memory.promised,
        "updated_at_us": kept.updated_at_us,
        "expires_at_us": kept.expires_at_us,
    }
