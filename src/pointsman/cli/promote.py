"""``pointsman promote``: change the policy's model, the policy itself or a prompt, on a passing gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.gate import EXIT_CODES, measured_beside
from pointsman.cli.promote_history import Actor, actor_of, show_history
from pointsman.cli.store_options import AsJson, StoreUrl
from pointsman.errors import UsageError
from pointsman.routing.policy import Policy, parse_policy
from pointsman.store import DEFAULT_URL, open_store

if TYPE_CHECKING:
    from pointsman.evaluation.promoting import Evidence, Swap

DEFAULT = Path("pointsman.yaml")
Why = Annotated[str, typer.Option("--why", help="The reason, for the history; --force needs one.")]


def command(
    baseline: Annotated[str | None, typer.Option(help="RUN or RUN#MODEL: what answers today.")] = None,
    candidate: Annotated[str | None, typer.Option(help="RUN or RUN#MODEL: what is to take its place.")] = None,
    policy: Annotated[Path, typer.Option(help="The policy file to change.")] = DEFAULT,
    to: Annotated[Path | None, typer.Option(help="The new policy file, where the candidate is a whole policy.")] = None,
    at: Annotated[
        str | None, typer.Option(help="Only at this place, e.g. tiers.small[0]; default: wherever it answers.")
    ] = None,
    gate: Annotated[Path | None, typer.Option(help="The gate's terms (YAML); left out, the usual margins.")] = None,
    model: Annotated[str | None, typer.Option(help="OLD=NEW, without runs: only with --force.")] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Take evidence that simulated models gave.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Although the gate does not pass; goes on record.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Show what was promoted and rolled back.")] = False,
    why: Why = "",
    by: Actor = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Judge the gate anew from the runs and, if it passes, change the policy file or the prompts in force.

    Running gateways follow within seconds. Exit codes: 0 promoted, 1 the gate fails, 2 wrong input, 3 not enough evidence.
    """
    from pointsman.evaluation.promotion_writing import Doing, carry_out, read_whole

    if history:
        show_history(store, json=json)
        return
    if force and not why.strip():
        raise UsageError("--force goes on record with its reason: add --why")
    found = None if model else _judged(baseline, candidate, gate, store)
    if found is None and not force:
        raise UsageError("--model OLD=NEW has no evidence: give --baseline and --candidate, or --force --why")
    text = read_whole(policy)
    now = parse_policy(text.removeprefix("\ufeff"), str(policy))
    names = _pair(model) if found is None else (found.old.model, found.new.model)
    swap = _swap(text, now, names, (to, at), store)
    refused = _refused(found, simulated=simulated, force=force)
    if refused is None and not dry_run:
        doing = Doing(policy, text, now, swap, found, actor_of(by), why, forced=force and not _passes(found))
        with open_store(store) as opened:
            carry_out(opened, doing)
    _tell(swap, found, refused, dry_run=dry_run, json=json)
    if refused is not None:
        raise typer.Exit(EXIT_CODES[found.gate.answer] if found is not None else 2)


def _judged(baseline: str | None, candidate: str | None, gate: Path | None, store: str) -> Evidence:
    from pointsman.evaluation.gate_policy import GatePolicy, read_gate_policy
    from pointsman.evaluation.promoting import evidence

    if baseline is None or candidate is None:
        raise UsageError(
            "name the evidence: --baseline RUN#MODEL --candidate RUN#MODEL (`pointsman replay` makes runs)"
        )
    terms = GatePolicy() if gate is None else read_gate_policy(gate)
    return evidence(baseline, candidate, terms, lambda old, new: measured_beside(old, new, store))


def _passes(found: Evidence | None) -> bool:
    return found is not None and found.gate.answer == "pass"


def _refused(found: Evidence | None, *, simulated: bool, force: bool) -> str | None:
    if found is not None and found.simulated and not simulated:
        raise UsageError(
            "simulated models answered in these runs, which says nothing of real ones: replay them live, or add --simulated"
        )
    if force or _passes(found) or found is None:
        return None
    return f"the gate says {found.gate.answer}: {found.gate.text}"


def _pair(model: str | None) -> tuple[str, str]:
    old, _, new = (model or "").partition("=")
    if not old or not new:
        raise UsageError("--model takes OLD=NEW, two ids of the catalogue")
    return old, new


def _swap(text: str, now: Policy, names: tuple[str, str], wish: tuple[Path | None, str | None], store: str) -> Swap:
    from pointsman.catalog.book import Catalog
    from pointsman.cli.replay_policies import prompts_in_force
    from pointsman.evaluation.promoting import is_policy, model_swap, policy_swap
    from pointsman.evaluation.promotion_writing import read_whole
    from pointsman.routing.router import Routing
    from pointsman.store.location import parse_url

    to, at = wish
    if is_policy(names[0]) != is_policy(names[1]):
        raise UsageError(f"{names[0]} and {names[1]}: one is a model, the other a whole policy; compare two of a kind")
    if is_policy(names[1]):
        known = prompts_in_force(store) if parse_url(store).path.exists() else {}
        versions = {role: prompt.version for role, prompt in known.items()}
        # Read as if it stood where it is going to stand: a path in it starts at its folder.
        new = (
            None
            if to is None
            else (new_text := read_whole(to), parse_policy(new_text.removeprefix("\ufeff"), now.source))
        )
        swap = policy_swap(now, versions, names, new)
    else:
        catalog = Catalog.load(now.catalogue_path)
        swap = model_swap(text, now, catalog.get(names[0]).id, catalog.get(names[1]).id, at)
    if swap.policy is not None:
        Routing(
            swap.policy, Catalog.load(swap.policy.catalogue_path)
        )  # unknown models are told before anything is written
    return swap


def _tell(swap: Swap, found: Evidence | None, refused: str | None, *, dry_run: bool, json: bool) -> None:
    done = "promoted" if refused is None and not dry_run else "not promoted" if refused else "would be promoted"
    if json:
        body: dict[str, Any] = {"result": done, "changes": swap.changes, "refused": refused}
        print_json(body | {"gate": None if found is None else found.for_history()})
        return
    console = out()
    console.print(plain(f"{done}: {refused or _verdict(found)}", "bold"))
    for where, before, after in swap.changes:
        console.print(plain(f"  {where}: {before or 'shipped'} -> {after or 'shipped'}"))
    if refused is None and not dry_run:
        console.print(plain("Running gateways follow within seconds. Take it back: pointsman rollback", "dim"))


def _verdict(found: Evidence | None) -> str:
    return "without evidence, by force" if found is None else f"{found.gate.answer}: {found.gate.text}"
