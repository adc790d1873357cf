"""The latency bench: time to the first token and tokens per second, by prompt size, streamed over the real transport.

Every prompt begins with words of its own, so that no provider's prompt cache makes it look faster than a new conversation
is; ``warm`` leaves them out. Models take turns, so that a slow minute is slow for all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer, Origin
from pointsman.evaluation.bench_asking import Job
from pointsman.evaluation.bench_running import Made
from pointsman.evaluation.bench_sums import Quantile, cost_per_1k, counted, quantile
from pointsman.evaluation.cases import Case
from pointsman.evaluation.tokens import BYTES_PER_TOKEN, message_bytes, tool_bytes

SIZES: Final = (200, 2000, 8000)
"""Prompt sizes in tokens, at four bytes each: a first message, one with history, one with documents."""
OUTPUT_TOKENS: Final = 200
_LEAST_TOKENS: Final = 10
"""A reply of fewer tokens says nothing of a speed."""
_BOUNDS: Final = (500, 2000, 8000)

_OPENING: Final = "You answer customers of a shop for kitchenware. What you know of its rules:\n"
_RULES: Final = (
    "{n}. Parcels leave the warehouse on working days; those ordered after {hour} o'clock leave on the next one.",
    "{n}. An item may come back within {days} days of delivery, unused and in its box; the label is in the account.",
    "{n}. Money goes back to the card it came from, and arrives {few} to {days} working days after the parcel is opened.",
    "{n}. Glass and enamel that arrive broken are replaced without a return, for which one photograph is enough.",
    "{n}. An order can be changed or cancelled until it is packed, which is shown in the account as state {few}.",
    "{n}. Repairs within the warranty of {days} months are free of charge; afterwards an estimate is sent before any work.",
    "{n}. Prices on the invoice hold; a price that fell within {days} days of the purchase is matched when asked for.",
)
_QUESTION: Final = (
    "A pan from my order has a dent, and I would rather have the money than a new one. What happens next, step by step? "
    "Answer in about 120 words."
)


class LatencyRow(msgspec.Struct, frozen=True):
    """How fast one model was at one prompt size.

    ``size`` names the size; ``ttft`` is in milliseconds from sending the request to the first text or tool delta; ``speed`` in
    tokens per second after that, of what is shown (reasoning left out). Both hold the replies for which they could be measured,
    of ``replies``. ``prompt_tokens`` is the mean as the provider counted, ``cached`` the share of it read from its cache.
    """

    model: str
    size: str
    origin: Origin
    replies: int
    ttft_p50: Quantile
    ttft_p95: Quantile
    speed: Quantile
    prompt_tokens: float | None
    output_tokens: float | None
    cached: float | None
    errors: dict[str, int]
    cost_per_1k_usd: Decimal | None


def bundled_jobs(  # noqa: PLR0913 - the knobs of a measurement, by name
    models: Sequence[Model],
    *,
    sizes: Sequence[int] = SIZES,
    prompts: int = 20,
    repeats: int = 1,
    warm: bool = False,
    output_tokens: int = OUTPUT_TOKENS,
) -> Iterator[Job]:
    """Yield the calls with prompts made up to size."""
    for number in range(prompts):
        for repeat in range(1, repeats + 1):
            for size in sizes:
                turn = _turn(size, None if warm else f"{size}-{number}-{repeat}", output_tokens)
                for model in models:
                    yield Job(f"{size}-{number}", model.id, turn, size_name(size), repeat)


def case_jobs(
    models: Sequence[Model], cases: Sequence[Case], *, repeats: int = 1, output_tokens: int = OUTPUT_TOKENS
) -> Iterator[Job]:
    """Yield the calls with turns of one's own traffic, each under the size it has."""
    for repeat in range(1, repeats + 1):
        for case in cases:
            turn = msgspec.structs.replace(case.turn, stream=True, max_output_tokens=output_tokens)
            for model in models:
                yield Job(case.id, model.id, turn, _bucket(turn), repeat)


def size_name(size: int) -> str:
    """Return how a size is written."""
    return f"~{size:,}"


def rows(models: Sequence[Model], made: Iterable[Made], origins: Sequence[Origin]) -> list[LatencyRow]:
    """Sum up the answers by model and size, the sizes in order."""
    asked = list(made)
    sizes = sorted({one.job.mode for one in asked}, key=_order)
    return [
        _row(model, size, [one for one in asked if (one.job.model, one.job.mode) == (model.id, size)], origin)
        for model, origin in zip(models, origins, strict=True)
        for size in sizes
    ]


def _row(model: Model, size: str, made: Sequence[Made], origin: Origin) -> LatencyRow:
    answers = [one.answer for one in made]
    replied = [one for one in answers if one.reply is not None]
    ttfts = [one.ttft_ms for one in replied if one.ttft_ms is not None]
    usages = [one.usage for one in replied if one.usage is not None]
    told = [one for one in usages if one.cache_read is not None]
    return LatencyRow(
        model=model.id,
        size=size,
        origin=origin,
        replies=len(replied),
        ttft_p50=quantile(ttfts, 0.5),
        ttft_p95=quantile(ttfts, 0.95),
        speed=quantile([speed for one in replied if (speed := tokens_per_s(one)) is not None], 0.5),
        prompt_tokens=_mean([one.prompt for one in usages]),
        output_tokens=_mean([one.output for one in usages]),
        cached=sum(one.cache_read or 0 for one in told) / max(1, sum(one.prompt for one in told)) if told else None,
        errors=counted([one.error or "no_reply" for one in answers if one.reply is None]),
        cost_per_1k_usd=cost_per_1k([one.cost_usd for one in replied]),
    )


def tokens_per_s(answer: Answer) -> float | None:
    """Return the speed after the first token; None where it was not streamed, or the reply is too short to tell.

    The first token comes with the first delta, so what was written in the time measured is one token less.
    """
    if answer.usage is None or answer.ttft_ms is None or answer.latency_ms is None:
        return None
    shown = answer.usage.output - (answer.usage.reasoning or 0)
    took_ms = answer.latency_ms - answer.ttft_ms
    return (shown - 1) * 1000 / took_ms if shown >= _LEAST_TOKENS and took_ms > 0 else None


def _mean(counts: Sequence[int]) -> float | None:
    return sum(counts) / len(counts) if counts else None


def _turn(size: int, own: str | None, output_tokens: int) -> Turn:
    mark = "" if own is None else f"Conversation {hashlib.sha256(own.encode()).hexdigest()[:32]}.\n"
    lines = [mark + _OPENING]
    left = size * BYTES_PER_TOKEN - len(lines[0]) - len(_QUESTION)
    number = 0
    while left > 0:
        number += 1
        values = {"n": number, "hour": 10 + number % 9, "days": 14 + number % 31, "few": 2 + number % 5}
        line = _RULES[number % len(_RULES)].format(**values)[:left]
        lines.append(line)
        left -= len(line) + 1
    return Turn(
        messages=(Message("system", (Text("\n".join(lines)),)), Message("user", (Text(_QUESTION),))),
        max_output_tokens=output_tokens,
        stream=True,
    )


def _bucket(turn: Turn) -> str:
    size = sum(map(message_bytes, turn.messages)) + sum(map(tool_bytes, turn.tools))
    tokens = size // BYTES_PER_TOKEN
    bound = next((one for one in _BOUNDS if tokens <= one), None)
    return f"> {_BOUNDS[-1]:,}" if bound is None else f"≤ {bound:,}"


def _order(name: str) -> tuple[int, bool]:
    return int("".join(filter(str.isdigit, name))), name.startswith(">")
