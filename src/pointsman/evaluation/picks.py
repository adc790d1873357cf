"""Chooses a few decisions to read out of many, spread over the routes and the same on every run."""

from __future__ import annotations

import heapq
import zlib
from decimal import Decimal

from pointsman.domain.decision import Decision
from pointsman.domain.turn import Turn
from pointsman.evaluation.route_summary import NOT_A_REASON, Sampled


class Picks:
    """Keeps a few decisions of every route to read, chosen by a hash: the same file and seed give the same ones."""

    def __init__(self, wanted: int, seed: int) -> None:
        self._wanted = wanted
        self._seed = seed
        self._offered = 0
        self._by_route: dict[str, list[tuple[int, str, int, int, Sampled]]] = {}

    def offer(self, conversation: str, number: int, turn: Turn, decision: Decision, cost: Decimal | None) -> None:
        """Take one decision into the draw."""
        if self._wanted <= 0:
            return
        # The hash is negated: a heap drops its least item, and the largest hash is to go.
        rank = -zlib.crc32(f"{self._seed}:{conversation}:{number}".encode())
        kept = self._by_route.setdefault(decision.route, [])
        if len(kept) == self._wanted and rank < kept[0][0]:
            return
        self._offered += 1
        # The count settles ties between conversations of the same id: decisions have no order.
        entry = (rank, conversation, number, self._offered, _sampled(conversation, number, turn, decision, cost))
        if len(kept) < self._wanted:
            heapq.heappush(kept, entry)
        elif entry[:4] > kept[0][:3]:
            heapq.heapreplace(kept, entry)

    def chosen(self) -> tuple[Sampled, ...]:
        """Return the sample: routes take turns until enough are found, then the order is by route and conversation."""
        piles = [sorted(pile, key=lambda entry: entry[:4]) for _, pile in sorted(self._by_route.items())]
        found: list[Sampled] = []
        while len(found) < self._wanted and any(piles):
            found += [pile.pop()[4] for pile in piles if pile]
        return tuple(sorted(found[: self._wanted], key=lambda one: (one.route, one.conversation, one.turn)))


def _sampled(conversation: str, number: int, turn: Turn, decision: Decision, cost: Decimal | None) -> Sampled:
    return Sampled(
        conversation=conversation,
        turn=number,
        said=turn.messages[-1].text,
        route=decision.route,
        model=decision.model,
        tier=decision.tier,
        confidence=decision.confidence,
        reasons=tuple(reason.text for reason in decision.reasons if reason.kind not in NOT_A_REASON),
        decided_us=decision.decided_us,
        cost_usd=cost,
    )
