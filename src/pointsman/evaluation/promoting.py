"""What may be promoted on which evidence: the verdict of a gate that is judged now, from the runs themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pointsman.catalog.located_yaml import Place
from pointsman.errors import UsageError
from pointsman.evaluation.gate import Gate, judge
from pointsman.evaluation.gate_arms import Arm, pairs_of, read_arm
from pointsman.evaluation.gate_outside import Outside, outside
from pointsman.evaluation.gate_policy import GatePolicy, MetricName
from pointsman.evaluation.policy_source import PREFIX, parts_of, policy_name
from pointsman.routing.policy import Policy
from pointsman.routing.policy_edit import model_slots, replaced, written
from pointsman.store.promotions import Change


class Evidence(msgspec.Struct, frozen=True):
    """A verdict with the arms it was judged on."""

    gate: Gate
    old: Arm
    new: Arm

    @property
    def simulated(self) -> bool:
        """Whether simulated models answered in one of the runs."""
        return "simulated" in self.old.origins | self.new.origins

    def for_history(self) -> dict[str, Any]:
        """Return what is kept of it beside a promotion."""
        return {
            "answer": self.gate.answer,
            "text": self.gate.text,
            "cases": self.gate.cases,
            "conversations": self.gate.conversations,
            "baseline": {"run": self.old.folder, "model": self.old.model},
            "candidate": {"run": self.new.folder, "model": self.new.model},
            "cases_version": self.new.head.version,
            "grader": self.new.grader,
            "metrics": msgspec.to_builtins(self.gate.metrics),
        }


class Swap(msgspec.Struct, frozen=True):
    """What is to be changed: the policy's new text (None: the policy stays), prompts by role, and every place in words."""

    changes: tuple[Change, ...]
    text: str | None = None
    policy: Policy | None = None
    prompts: dict[str, str] = {}


def evidence(
    baseline: str,
    candidate: str,
    terms: GatePolicy,
    beside: Callable[[Arm, Arm], Mapping[MetricName, Outside]] = outside,
) -> Evidence:
    """Judge the gate over both runs as they are now. ``beside`` says what cards and judges found of both arms.

    Raises:
        UsageError: the runs cannot be compared.
    """
    old, new = read_arm(baseline), read_arm(candidate)
    return Evidence(judge(old, new, pairs_of(old, new), terms, outside=beside(old, new)), old, new)


def model_swap(text: str, policy: Policy, old: str, new: str, only: str | None = None) -> Swap:
    """Put ``new`` where the policy lets ``old`` answer: at every place under tiers and routes, or at ``only``.

    Raises:
        UsageError: the policy does not name ``old`` there, or the changed policy would not be valid.
    """
    slots: dict[str, Place] = {written(place): place for place in model_slots(policy, old)}
    if not slots:
        raise UsageError(
            f"{policy.source} lets {old} answer nowhere: the baseline of the gate is not what this policy uses"
        )
    if only is not None and only not in slots:
        raise UsageError(f"{old} does not stand at {only}; it stands at {', '.join(slots)}")
    chosen = slots if only is None else {only: slots[only]}
    changed, after = replaced(text, policy.source, dict.fromkeys(chosen.values(), new))
    return Swap(tuple((place, old, new) for place in chosen), changed, after)


def policy_swap(policy: Policy, prompts: dict[str, str], names: tuple[str, str], to: tuple[str, Policy] | None) -> Swap:
    """Put the whole policy or the prompts that a run was made with in force.

    ``prompts`` are the versions in force that are not shipped; ``names`` what baseline and candidate are called in their runs;
    ``to`` the new policy with its text.

    Raises:
        UsageError: what is in force is not the baseline, or the new policy is not the candidate.
    """
    here = policy_name(policy.version, prompts)
    if names[0] != here:
        raise UsageError(
            f"the gate's baseline is {names[0]}, but {here} is in force: replay what is in force as baseline"
        )
    version, wanted = parts_of(names[1])
    changes: list[Change] = []
    if version == policy.version:
        to = None
    elif to is None:
        raise UsageError(f"the candidate is policy {version}: name its file with --to")
    elif to[1].version != version:
        raise UsageError(
            f"{to[1].source} is policy {to[1].version}, but the gate's candidate is {version}: it has changed"
        )
    if to is not None:
        changes.append((policy.source, policy.version, version))
    changed = {role: wanted.get(role) for role in sorted(prompts.keys() | wanted.keys())}
    moved = {role: now or "shipped" for role, now in changed.items() if now != prompts.get(role)}
    changes += [(f"prompt {role}", prompts.get(role), wanted.get(role)) for role in moved]
    if not changes:
        raise UsageError(
            "baseline and candidate are the same policy with the same prompts: there is nothing to promote"
        )
    text, after = to or (None, None)
    return Swap(tuple(changes), text, after, moved)


def is_policy(name: str) -> bool:
    """Tell whether an arm of a run is a whole policy."""
    return name.startswith(PREFIX)
