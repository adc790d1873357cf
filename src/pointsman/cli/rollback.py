"""``pointsman rollback``: take the newest promotion back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.promote import DEFAULT, Why
from pointsman.cli.promote_history import Actor, actor_of
from pointsman.cli.store_options import AsJson, StoreUrl
from pointsman.errors import UsageError
from pointsman.execution.prompts import PromptBook
from pointsman.routing.policy import Policy, parse_policy
from pointsman.routing.policy_edit import model_slots, replaced, written
from pointsman.store import DEFAULT_URL, Store, open_store
from pointsman.store.promotions import Change, Promotion, Promotions


def command(
    policy: Annotated[Path, typer.Option(help="The policy file that was promoted to.")] = DEFAULT,
    force: Annotated[
        bool, typer.Option("--force", help="Although the file was edited since: write it as it was before.")
    ] = False,
    why: Why = "",
    by: Actor = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Put back what stood before the newest promotion of this policy or of a prompt. Repeat it to go further back.

    Running gateways follow within seconds. Exit codes: 0 done, 2 there is nothing to take back, or the file was edited since.
    """
    from pointsman.evaluation.promotion_writing import write_whole

    with open_store(store, must_exist=True, read_only=False) as opened:
        book = Promotions(opened)
        last = book.standing(str(policy.resolve()))
        if last is None:
            raise UsageError(f"nothing stands promoted for {policy}: `pointsman promote --history` lists what was")
        who = (actor_of(by), why or f"takes back {last.seq}")
        before = policy.read_bytes().decode("utf-8") if last.after_text is not None and policy.exists() else ""
        text, after, changes = _undone(before, policy, last, force=force)
        _prompts_back(opened, last, who)
        if text is not None:
            write_whole(policy, text)
        book.add(
            Promotion(
                action="rollback",
                kind=last.kind,
                actor=who[0],
                reason=who[1],
                changes=changes,
                policy_file=last.policy_file,
                before_version=last.after_version,
                after_version=None if after is None else after.version,
                before_text=before or None,
                after_text=text,
                forced=force,
                undoes=last.seq,
            )
        )
    if json:
        print_json({"result": "rolled back", "undoes": last.seq, "changes": changes})
        return
    out().print(plain(f"rolled back: {last.kind} promotion {last.seq} of {last.actor}", "bold"))
    for where, old, new in changes:
        out().print(plain(f"  {where}: {old or 'shipped'} -> {new or 'shipped'}"))


def _undone(
    now: str, path: Path, last: Promotion, *, force: bool
) -> tuple[str | None, Policy | None, tuple[Change, ...]]:
    """Return the policy's text without the promotion (None: it was a prompt), the policy in it, and the changes in words.

    A file that was edited since keeps its edits where single words can be put back; else it is left alone, unless forced.
    """
    changes = tuple((place, new, old) for place, old, new in last.changes)
    if last.before_text is None:
        return None, None, changes
    if now == last.after_text or force:
        return last.before_text, parse_policy(last.before_text.removeprefix("\ufeff"), str(path)), changes
    if last.kind == "model":
        policy = parse_policy(now.removeprefix("\ufeff"), str(path))
        slots = {
            written(place): place
            for model in {new for _, _, new in last.changes}
            for place in model_slots(policy, model or "")
        }
        if all(place in slots for place, _, _ in last.changes):
            text, after = replaced(now, str(path), {slots[place]: old or "" for place, old, _ in last.changes})
            return text, after, changes
    raise UsageError(
        f"{path} was edited since promotion {last.seq}: take the change back by hand, or add --force to write it as it was"
    )


def _prompts_back(store: Store, last: Promotion, who: tuple[str, str]) -> None:
    book = PromptBook(store)
    for place, old, _ in last.changes:
        if place.startswith("prompt "):
            book.promote(place.removeprefix("prompt "), old or "shipped", agent=None, who=who)
