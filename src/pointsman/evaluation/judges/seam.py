"""What a judge is, and how two replies are compared: in both orders, so that the place of a reply decides nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.judges.wording import with_rubric

Choice = Literal["first", "second", "equal", "unknown"]
"""What a judge says of two replies in the order in which it saw them."""

Verdict = Literal["same", "a", "b", "tie", "unknown"]
"""same: equal in both orders. a, b: the better one, in both orders. tie: the answer changed with the order (a flip).

unknown: an answer could not be had or read; it is counted as that, never guessed.
"""

Truth = Literal["yes", "no", "unknown"]


class Opinion(msgspec.Struct, frozen=True):
    """One answer of a judge to one pair in one order.

    ``cost_usd`` None: unknown. ``error`` says why there is no choice: a provider's word, ``unreadable`` or ``no_money``.
    """

    choice: Choice
    reason: str = ""
    cost_usd: Decimal | None = None
    error: str | None = None


class Finding(msgspec.Struct, frozen=True):
    """What a judge says of one criterion.

    ``quote`` is what it rests on and ``speaker`` who said that, as the judge gives them: still to be found in the text.
    """

    truth: Truth
    quote: str = ""
    speaker: str = ""
    reason: str = ""
    cost_usd: Decimal | None = None
    error: str | None = None


class Judge(Protocol):
    """Who judges. ``version`` is a hash of the prompt: judgements of two versions are not compared."""

    @property
    def model(self) -> str:
        """The id of the model that judges."""
        ...

    @property
    def version(self) -> str:
        """A hash of all that the judge is told beside the case."""
        ...

    async def prefer(self, prefix: Turn, first: Reply, second: Reply, rubric: str) -> Opinion:
        """Say which of two replies to ``prefix`` is better by ``rubric`` (empty: the usual one).

        What goes wrong at the provider is in the opinion.
        """
        ...

    async def decide(self, prefix: Turn, reply: Reply, question: str) -> Finding:
        """Say whether ``question``, a criterion, holds of a reply."""
        ...


class Comparison(msgspec.Struct, frozen=True):
    """Two replies compared. ``flipped``: the answer changed with the order; None where one of the two answers is unknown.

    ``reasons`` are the judge's own words, a before b first, then b before a. ``cost_usd`` is that of both calls; None: unknown.
    """

    verdict: Verdict
    flipped: bool | None
    reasons: tuple[str, str]
    cost_usd: Decimal | None
    judge: str
    version: str
    errors: tuple[str, ...] = ()


async def compare(judge: Judge, prefix: Turn, reply_a: Reply, reply_b: Reply, *, rubric: str = "") -> Comparison:
    """Compare two replies to the same turn, in both orders.

    Raises:
        UsageError: the judge cannot be asked at all.
    """
    forth = await judge.prefer(prefix, reply_a, reply_b, rubric)
    back = await judge.prefer(prefix, reply_b, reply_a, rubric)
    found = combined(judge, forth, back)
    return msgspec.structs.replace(found, version=with_rubric(judge.version, rubric))


def combined(judge: Judge, forth: Opinion, back: Opinion) -> Comparison:
    """Return what two opinions add up to: ``forth`` saw a first, ``back`` saw b first."""
    verdict, flipped = _verdict(forth.choice, back.choice)
    known = forth.cost_usd is not None and back.cost_usd is not None
    return Comparison(
        verdict=verdict,
        flipped=flipped,
        reasons=(forth.reason, back.reason),
        cost_usd=(forth.cost_usd or Decimal(0)) + (back.cost_usd or Decimal(0)) if known else None,
        judge=judge.model,
        version=judge.version,
        errors=tuple(one.error for one in (forth, back) if one.error is not None),
    )


def _verdict(forth: Choice, back: Choice) -> tuple[Verdict, bool | None]:
    if "unknown" in {forth, back}:
        return "unknown", None
    in_forth: dict[Choice, Verdict] = {"first": "a", "second": "b", "equal": "same"}
    in_back: dict[Choice, Verdict] = {"first": "b", "second": "a", "equal": "same"}
    if in_forth[forth] == in_back[back]:
        return in_forth[forth], False
    return "tie", True
