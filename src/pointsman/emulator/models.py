"""What the emulated servers know of each model: one small table, the emulator's own.

Sources: the providers' documentation and SDK types as of 2026-11. Where a page is silent on how long an automatic prompt
cache lives, 600 s stands for "a few minutes".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

Dialect = Literal["openai", "anthropic", "gemini"]
Vendor = Literal["anthropic", "openai", "google", "groq", "together", "local"]


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one model takes and refuses. Sizes in tokens.

    ``thinking``: the ``thinking.type`` values it takes (Anthropic), or ``budget`` / ``level`` (Gemini). ``efforts``: the effort
    or level words it takes. ``thinks_unasked``: it reasons unless told not to. ``tools_effort``: with function tools the
    reasoning effort may be anything (``any``), must be absent or ``none`` (``unset_or_none``), or must be an explicit
    ``none`` (``none``). ``sampling``: takes temperature and its kin (for OpenAI: ``with_none`` only beside effort ``none``).
    ``cache_min``: prompts shorter than this are never cached; None: no prompt cache. ``cache_writes``: an OpenAI model that
    reports (and bills) cache writes. ``signatures``: function calls must come back with their thought signature.
    """

    name: str
    vendor: Vendor
    context: int
    max_output: int
    max_input: int | None = None
    cache_min: int | None = None
    cache_ttl_s: float = 600.0
    cache_writes: bool = False
    images: bool = True
    tools: bool = True
    json_schema: bool = True
    thinking: tuple[str, ...] = ()
    efforts: tuple[str, ...] = ()
    thinks_unasked: bool = False
    tools_effort: Literal["any", "unset_or_none", "none"] = "any"
    sampling: Literal["yes", "no", "with_none"] = "yes"
    prefill: bool = True
    system_turns: bool = False
    signatures: bool = False
    budget_zero: bool = True
    retired: bool = False

    @property
    def dialect(self) -> Dialect:
        """The dialect this model is spoken to in."""
        if self.vendor == "anthropic":
            return "anthropic"
        return "gemini" if self.vendor == "google" else "openai"


_ADAPTIVE = ("adaptive", "disabled")
_OPUS_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_GPT_EFFORTS = ("none", "low", "medium", "high", "xhigh")


def _claude(name: str, cache_min: int, **more: object) -> ModelFacts:
    base: dict[str, object] = {"context": 1_000_000, "max_output": 128_000, "cache_ttl_s": 300.0}
    return msgspec.convert({"name": name, "vendor": "anthropic", "cache_min": cache_min} | base | more, ModelFacts)


def _gpt5(name: str, **more: object) -> ModelFacts:
    base: dict[str, object] = {
        "context": 1_050_000,
        "max_output": 128_000,
        "max_input": 922_000,
        "cache_min": 1024,
        "efforts": _GPT_EFFORTS,
        "sampling": "with_none",
        "tools_effort": "unset_or_none",
    }
    return msgspec.convert({"name": name, "vendor": "openai"} | base | more, ModelFacts)


def _gemini(name: str, cache_min: int, **more: object) -> ModelFacts:
    base: dict[str, object] = {"context": 1_048_576, "max_output": 65_536, "thinks_unasked": True}
    return msgspec.convert({"name": name, "vendor": "google", "cache_min": cache_min} | base | more, ModelFacts)


def _llama(name: str, vendor: Vendor, max_output: int = 131_072) -> ModelFacts:
    return ModelFacts(
        name=name, vendor=vendor, context=131_072, max_output=max_output, images=False, json_schema=vendor == "together"
    )


def _oss(name: str, vendor: Vendor) -> ModelFacts:
    return ModelFacts(
        name=name,
        vendor=vendor,
        context=131_072,
        max_output=65_536,
        images=False,
        efforts=("low", "medium", "high"),
        thinks_unasked=True,
    )


def _local(name: str, context: int = 32_768) -> ModelFacts:
    return ModelFacts(name=name, vendor="local", context=context, max_output=context, images=False)


_LEVELS = ("low", "medium", "high")

KNOWN: tuple[ModelFacts, ...] = (
    _claude("claude-haiku-4-5", 4096, context=200_000, max_output=64_000, thinking=("enabled", "disabled")),
    _claude(
        "claude-sonnet-4-6",
        1024,
        thinking=("enabled", "adaptive", "disabled"),
        efforts=("low", "medium", "high", "max"),
        prefill=False,
    ),
    _claude("claude-opus-4-7", 2048, thinking=_ADAPTIVE, efforts=_OPUS_EFFORTS, sampling="no", prefill=False),
    _claude(
        "claude-opus-4-8",
        1024,
        thinking=_ADAPTIVE,
        efforts=_OPUS_EFFORTS,
        sampling="no",
        prefill=False,
        system_turns=True,
    ),
    _claude(
        "claude-opus-5",
        512,
        thinking=(*_ADAPTIVE, "between_tools"),
        efforts=_OPUS_EFFORTS,
        thinks_unasked=True,
        sampling="no",
        prefill=False,
        system_turns=True,
    ),
    _claude("claude-3-5-haiku", 2048, context=200_000, max_output=8_192, json_schema=False, retired=True),
    _gpt5(
        "gpt-5-mini",
        context=400_000,
        max_input=272_000,
        efforts=("minimal", "low", "medium", "high"),
        thinks_unasked=True,
        sampling="no",
        tools_effort="any",
    ),
    _gpt5("gpt-5.4"),
    _gpt5(
        "gpt-5.4-pro",
        efforts=("medium", "high", "xhigh"),
        thinks_unasked=True,
        sampling="no",
        json_schema=False,
        cache_min=None,
    ),
    _gpt5("gpt-5.5"),
    _gpt5("gpt-5.6", efforts=(*_GPT_EFFORTS, "max"), tools_effort="none", cache_writes=True, cache_ttl_s=1800.0),
    ModelFacts(name="gpt-4o", vendor="openai", context=128_000, max_output=16_384, cache_min=1024),
    ModelFacts(name="gpt-4o-mini", vendor="openai", context=128_000, max_output=16_384, cache_min=1024),
    _gemini("gemini-2.5-flash", 2048, thinking=("budget",)),
    _gemini("gemini-2.5-flash-lite", 2048, thinking=("budget",), thinks_unasked=False),
    _gemini("gemini-2.5-pro", 2048, thinking=("budget",), budget_zero=False),
    _gemini(
        "gemini-3.1-pro-preview",
        4096,
        thinking=("level", "budget"),
        efforts=_LEVELS,
        signatures=True,
        budget_zero=False,
    ),
    _gemini("gemini-3.5-flash", 4096, thinking=("level", "budget"), efforts=("minimal", *_LEVELS), signatures=True),
    _llama("llama-3.1-8b-instant", "groq"),
    _llama("llama-3.1-70b-versatile", "groq", 32_768),
    _llama("llama-3.3-70b-versatile", "groq", 32_768),
    _llama("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "together"),
    _llama("meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", "together"),
    _llama("meta-llama/Llama-3.3-70B-Instruct-Turbo", "together"),
    _oss("openai/gpt-oss-20b", "groq"),
    _oss("openai/gpt-oss-120b", "groq"),
    _oss("openai/gpt-oss-120b", "together"),
    _local("meta-llama/Llama-3.1-8B-Instruct", 131_072),
    _local("smollm2-135m", 8_192),
    _local("llama3.1"),
    _local("llama3.2"),
    _local("qwen2.5"),
    _local("qwen3"),
    _local("mistral"),
)

_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


class ModelTable:
    """Finds a model by the name a client wrote: exact, with a date at its end, or (local servers) with a ``:tag``."""

    def __init__(self, extra: Iterable[ModelFacts] = (), *, any_model: bool = False) -> None:
        self._by_name = {(facts.vendor == "groq", facts.name): facts for facts in (*KNOWN, *extra)}
        self._any = any_model

    def find(self, name: str, dialect: Dialect, *, groq: bool = False) -> ModelFacts | None:
        """Return the facts of ``name``, or None if this dialect's server does not know it.

        ``groq``: asked on Groq's path, which decides for a model that Groq and another host both serve.
        """
        for form in (name, _DATED.sub("", name), name.split(":", 1)[0]):
            facts = self._by_name.get((groq, form)) or self._by_name.get((not groq, form))
            if facts is not None:
                return facts if facts.dialect == dialect else None
        return _stranger(name, dialect) if self._any else None

    def all(self, dialect: Dialect) -> list[ModelFacts]:
        """Return every model of a dialect, in the table's order."""
        return [facts for facts in self._by_name.values() if facts.dialect == dialect]


def _stranger(name: str, dialect: Dialect) -> ModelFacts:
    """Return middling facts for a model the table does not list."""
    if dialect == "anthropic":
        return _claude(name, 1024, thinking=("enabled", "adaptive", "disabled"), efforts=_OPUS_EFFORTS)
    if dialect == "gemini":
        return _gemini(name, 2048, thinking=("level", "budget"), efforts=("minimal", *_LEVELS))
    return ModelFacts(name=name, vendor="local", context=131_072, max_output=131_072)
