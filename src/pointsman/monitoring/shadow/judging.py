"""The judge's part of a check: which judge may look, what that may cost, and what goes to people afterwards."""

from __future__ import annotations

import time
from typing import Final

import msgspec

from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.errors import UsageError
from pointsman.evaluation.judges.model_judge import ModelJudge, open_judge
from pointsman.evaluation.judges.seam import Comparison, Judge, compare
from pointsman.monitoring.shadow.access import Access
from pointsman.monitoring.shadow.asking import private
from pointsman.monitoring.shadow.draw import number
from pointsman.monitoring.shadow.house import House
from pointsman.monitoring.shadow.pairs import Shipped
from pointsman.monitoring.shadow.verdicts import RUBRIC, Found
from pointsman.store.labels import PREFERENCE, Item, Judgement, item_id
from pointsman.store.money import to_pico

QUESTION: Final = (
    "Which of the two replies serves this customer better? Say same where the difference would not matter."
)
_NOT_BILLED: Final = frozenset({"rate_limit", "overloaded", "quota", "no_money", "unreadable"})
"""Errors of a judge's call after which its cost is known all the same."""


class Bench:
    """Finds judges for the pairs of one router."""

    def __init__(self, house: House, access: Access) -> None:
        self._house = house
        self._access = access

    def judge(self, shipped: Shipped, shadow_model: str) -> ModelJudge | str:
        """Return the first judge that is neither of the two models and may see the turn, or why there is none."""
        section = self._house.policy.shadow
        names = self._access.models(section.judge) if section is not None else ()
        reasons = []
        for name in names:
            refusal = self._access.refusal(name, shipped.turn, shipped.record)
            if refusal is not None:
                reasons.append(refusal)
                continue
            try:
                return open_judge(private(self._house.engine.dispatch), name, compared=(*shipped.models, shadow_model))
            except UsageError as error:
                reasons.append(str(error))
        return "; ".join(reasons)[:400] or "the policy names no judge (shadow.judge)"


def worst_of(judge: ModelJudge, prefix: Turn, shipped: Reply, shadow: Reply) -> int | None:
    """Return what both orders may cost at most in pico-dollars; None: unknown."""
    return to_pico(judge.worst_pair(prefix, shipped, shadow, RUBRIC))


async def ask(judge: Judge, prefix: Turn, shipped: Reply, shadow: Reply) -> tuple[Comparison, int | None]:
    """Return the judge's word, the shipped reply as ``a``, and what it cost; None: it may have cost more than is known."""
    said = await compare(judge, prefix, shipped, shadow, rubric=RUBRIC)
    heard = all(error in _NOT_BILLED for error in said.errors)
    return said, to_pico(said.cost_usd) if heard else None


def review_chance(found: Found, flipped: bool | None, share: float) -> float:
    """Return with which chance people see a pair: always where it matters or is in doubt, else a share of them."""
    return 1.0 if found.material or found.verdict is None or flipped else share


def review_item(
    shipped: Shipped, chance: float, salt: bytes, said: Comparison | None
) -> tuple[Item, tuple[Judgement, ...]] | None:
    """Return what goes into the review queue, None where the draw says no. The same turn is drawn alike every time."""
    record = shipped.record
    if number(record.id, "review", salt) >= chance:
        return None
    now = time.time_ns() // 1000
    name = item_id("shadow", record.id)
    item = Item(
        name, "pair", "shadow", PREFERENCE, "", QUESTION, now, record.id, record.conversation_id,
        # In random order: were those that matter shown first, nobody would ever see the others.
        place=number(record.id, "place", salt),
    )  # fmt: skip
    if said is None:
        return item, ()
    reason = msgspec.json.encode(said.reasons).decode()
    judged = Judgement(
        name, said.judge, said.version, PREFERENCE, said.verdict, now, said.flipped, reason, said.cost_usd
    )
    return item, (judged,)
