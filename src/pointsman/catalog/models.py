"""What a model is and can do, as routing and the providers need it."""

from __future__ import annotations

from typing import Literal

import msgspec

from pointsman.domain.decision import Tier

Modality = Literal["text", "image", "pdf", "audio", "video"]
StructuredOutput = Literal["none", "json_object", "json_schema"]


class Reasoning(msgspec.Struct, frozen=True):
    """How a model reasons: an axis of its own, beside the tier.

    ``kind``: ``none``; ``effort`` (OpenAI words); ``budget`` (a token budget); ``adaptive`` (Anthropic effort) ; ``level``
    (Gemini words). ``efforts`` are the words it takes. ``default_on`` True means it reasons unless told not to.
    ``with_tools`` False means function tools and reasoning cannot be asked for together on this API.
    """

    kind: Literal["none", "effort", "budget", "adaptive", "level"] = "none"
    efforts: tuple[str, ...] = ()
    default_on: bool = False
    with_tools: bool = True


class PromptCache(msgspec.Struct, frozen=True):
    """Prompt caching: ``mode`` is who marks the prefix; ``minimum`` tokens below which nothing is cached; TTLs in seconds."""

    mode: Literal["none", "automatic", "marked"] = "none"
    minimum: int | None = None
    ttls_s: tuple[int, ...] = ()


class Provenance(msgspec.Struct, frozen=True):
    """Where a field's value comes from, and the day it was read (ISO date)."""

    source: str
    as_of: str


class Model(msgspec.Struct, frozen=True):
    """A model that can serve a turn. Sizes in tokens; None means unknown, never zero or unlimited.

    ``id`` is ``provider/name``; ``name`` is what goes on the wire. ``effective_context`` is the size beyond which quality
    is known to sag. ``sampling`` lists the sampling parameters the API takes (None: all of its dialect). ``price_ref`` is the
    (provider, model) pair under which the price source knows it; None means the price is unknown unless
    ``free`` (it runs on the user's own machine, so no provider sends a bill). ``responses_only`` models answer only on the
    provider's Responses API, which no dialect here speaks: they can be priced and compared, but no turn can be sent to them.
    ``released`` and ``retires`` are ISO days: the first one it could be had, and the first one it no longer can.
    """

    id: str
    provider: str
    name: str
    tier: Tier
    context_window: int | None = None
    effective_context: int | None = None
    max_output: int | None = None
    modalities: tuple[Modality, ...] = ("text",)
    tools: bool = False
    parallel_tools: bool = True
    structured_output: StructuredOutput = "none"
    reasoning: Reasoning = Reasoning()
    cache: PromptCache = PromptCache()
    sampling: tuple[str, ...] | None = None
    logprobs: bool = False
    multiple_choices: bool = False
    prefill: bool = True
    system_turns: bool = False
    hosting: Literal["hosted", "on_prem"] = "hosted"
    regions: tuple[str, ...] = ()
    ttft_p95_ms: float | None = None
    price_ref: tuple[str, str] | None = None
    free: bool = False
    released: str | None = None
    retires: str | None = None
    demo: bool = False
    responses_only: bool = False
    provenance: dict[str, Provenance] = msgspec.field(default_factory=dict)
