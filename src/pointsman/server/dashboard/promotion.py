"""What a page may promote: a model in place of another, where the gate passes and the policy's file can be changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pointsman.catalog.book import Catalog
from pointsman.charts import numbers
from pointsman.errors import RequestError, UsageError
from pointsman.evaluation.promoting import Evidence, Swap, is_policy, model_swap
from pointsman.evaluation.promotion_writing import Doing, carry_out, read_whole
from pointsman.routing.policy import parse_policy
from pointsman.routing.router import Routing
from pointsman.server.dashboard.view import Moved, View

_LONGEST_WHY: Final = 300


def promote(view: View, found: Evidence) -> Moved:
    """Put the candidate in the baseline's place, on record with its evidence.

    Raises:
        RequestError: the gate does not pass, or the change cannot be made from here; says why.
    """
    swap, why = _offered(view, found)
    if swap is None:
        raise RequestError(why)
    path = Path(view.router.policy.source)
    doing = Doing(
        path=path,
        before=read_whole(path),
        now=view.router.policy,
        swap=swap,
        found=found,
        actor=view.person.name,
        reason=view.form.get("why", "").strip()[:_LONGEST_WHY],
    )
    carry_out(view.router.store, doing)
    said = f"{found.new.model} stands in place of {found.old.model} at {_places(swap)}. Gateways follow within seconds."
    return Moved(view.link(view.page.slug), said)


def offer(view: View, found: Evidence) -> dict[str, Any]:
    """Return what the promotion would do, in numbers (``sentence``), or why it cannot be done here (``not_here``)."""
    swap, why = _offered(view, found)
    sentence = ""
    if swap is not None:
        sentence = (
            f"{found.new.model} takes the place of {found.old.model} at {_places(swap)} of {view.router.policy.source}. The gate "
            f"passed on {numbers.count(found.gate.cases)} cases. Running gateways follow within seconds; `pointsman rollback` "
            "takes it back."
        )
    return {"sentence": sentence, "not_here": why, "operator": view.person.may("operator")}


def _places(swap: Swap) -> str:
    return ", ".join(where for where, _, _ in swap.changes)


def _offered(view: View, found: Evidence) -> tuple[Swap | None, str]:
    """Return the change; None and why where it may not or cannot be made from a page."""
    problem = _refused(view, found)
    if problem:
        return None, problem
    try:
        return _swap(view, found), ""
    except UsageError as error:
        return None, str(error)


def _refused(view: View, found: Evidence) -> str:
    if found.gate.answer != "pass":
        return f"the gate says {found.gate.answer}: {found.gate.text}"
    if found.simulated:
        return "Simulated models answered in these runs, which says nothing of real ones."
    if is_policy(found.new.model) or is_policy(found.old.model):
        return "A whole policy is promoted by the command."
    if not Path(view.router.policy.source).is_file():
        return "The built-in rubric answers: `pointsman init` writes a policy that can be changed."
    return ""


def _swap(view: View, found: Evidence) -> Swap:
    """Return the change to the file as it is now.

    Raises:
        UsageError: it is not what is in force, does not name the baseline, or would not be valid.
    """
    policy, catalog = view.router.policy, view.router.catalog
    text = read_whole(Path(policy.source))
    now = parse_policy(text.removeprefix("\ufeff"), policy.source)
    if now.version != policy.version:
        raise UsageError(f"{policy.source} was edited and is not what is in force: look again in a few seconds")
    swap = model_swap(text, now, catalog.get(found.old.model).id, catalog.get(found.new.model).id)
    if swap.policy is not None:
        # Unknown models are told before anything is written.
        Routing(swap.policy, Catalog.load(swap.policy.catalogue_path))
    return swap
