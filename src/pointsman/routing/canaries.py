"""Trials of a model on a share of the conversations, by a policy's ``canaries``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from pointsman.domain.decision import Reason
from pointsman.routing.choice import Slate
from pointsman.routing.pick import Pick
from pointsman.routing.policy import Policy
from pointsman.routing.sections_canary import Canary

_STEPS = 2**64


def trial_id(name: str, canary: Canary) -> str:
    """Return what a trial is called in records: another model, or another one to replace, is another trial."""
    digest = hashlib.sha256(f"{name}\x00{canary.replaces}\x00{canary.model}".encode()).hexdigest()
    return f"{name}@{digest[:8]}"


class Canaries:
    """The trials of one policy. ``stopped`` holds the ids of those that are over; it is replaced as a whole."""

    def __init__(self, policy: Policy) -> None:
        self._by_model: dict[str, tuple[str, Canary]] = {
            canary.replaces: (name, canary) for name, canary in policy.canaries.items()
        }
        self.stopped: frozenset[str] = frozenset()

    def stop(self, trials: Iterable[str]) -> None:
        """Let only these trials be over."""
        self.stopped = frozenset(trials)

    def turned(self, pick: Pick, conversation: str | None, slate: Slate) -> tuple[Pick, dict[str, float]]:
        """Return the pick, on trial where its conversation is, and with which probability each model would have answered.

        Turns that nothing was chosen for (a pin, an open tool loop) and conversations without an id are never on trial; nor
        is a model that cannot serve the turn.
        """
        usual = pick.chosen.model.id
        name, canary = self._by_model.get(usual, ("", None))
        if canary is None or conversation is None or pick.course is None:
            return pick, {usual: 1.0}
        trial = trial_id(name, canary)
        if trial in self.stopped or slate.refusal(canary.model) is not None:
            return pick, {usual: 1.0}
        chances = {usual: 1.0 - canary.share, canary.model: canary.share}
        if not drawn(trial, conversation, canary.share):
            return pick, chances
        text = f"{canary.model} answers {canary.share:.3g} of the conversations in the place of {usual} (canary {name})"
        return (
            msgspec.structs.replace(
                pick,
                chosen=slate.candidate(canary.model),
                reasons=(*pick.reasons, Reason("canary", name, text)),
                fallbacks=(usual, *(model for model in pick.fallbacks if model != canary.model)),
            ),
            chances,
        )


def drawn(trial: str, conversation: str, share: float) -> bool:
    """Tell whether a conversation is on trial: always the same for one trial, and independent between trials."""
    digest = hashlib.blake2b(f"{trial}\x00{conversation}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * _STEPS
