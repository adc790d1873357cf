"""Hosts: who speaks which dialect where, and in what each deviates from its dialect's reference server.

A host is data. What a *model* can do is in the catalogue; what a *server program* accepts is here. Sources: the table of
OpenAI-compatible deviations in ``docs/reference/providers.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from pointsman.errors import UsageError
from pointsman.providers.seam import Endpoint

_ALL_OPENAI = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")


class HostProfile(msgspec.Struct, frozen=True):
    """What one kind of server takes.

    ``prefix`` is put before the dialect's path when the base URL names no path of its own. ``key_env`` is the environment
    variable that usually holds the key (None: no key needed). ``max_tokens`` is the wire name of the output limit, ``stops``
    the number of stop sequences taken (None: no known limit). ``usage_option`` False: the server refuses
    ``stream_options``.
    ``tool_choice`` False: the server ignores it. ``extras`` are request fields beyond the dialect that it understands.
    """

    name: str
    dialect: str
    base_url: str | None
    prefix: str = ""
    key_env: str | None = None
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_completion_tokens"
    both_max_tokens: bool = False
    stops: int | None = None
    sampling: tuple[str, ...] = _ALL_OPENAI
    tool_choice: bool = True
    allowed_tools: bool = False
    parallel_flag: bool = True
    strict: bool = False
    refusals: bool = False
    text_parts: bool = False
    http_images: bool = True
    logprobs: Literal["flag", "count", "none"] = "none"
    logit_bias: bool = False
    choices: bool = False
    usage_option: bool = True
    extras: tuple[str, ...] = ()


_OPENAI_EXTRAS = (
    "verbosity",
    "service_tier",
    "store",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "user",
    "prediction",
    "modalities",
    "audio",
    "moderation",
    "web_search_options",
)
_LOCAL_SAMPLING = (*_ALL_OPENAI, "top_k")

_PROFILES = (
    HostProfile(
        "openai",
        "openai_chat",
        "https://api.openai.com",
        prefix="/v1",
        key_env="OPENAI_API_KEY",
        both_max_tokens=True,
        stops=4,
        allowed_tools=True,
        strict=True,
        refusals=True,
        text_parts=True,
        logprobs="flag",
        logit_bias=True,
        choices=True,
        extras=_OPENAI_EXTRAS,
    ),
    HostProfile(
        "anthropic",
        "anthropic",
        "https://api.anthropic.com",
        key_env="ANTHROPIC_API_KEY",
        sampling=("temperature", "top_p", "top_k"),
        extras=(
            "service_tier",
            "speed",
            "inference_geo",
            "container",
            "mcp_servers",
            "context_management",
            "cache_control",
            "diagnostics",
            "thinking",
            "output_config",
        ),
    ),
    HostProfile(
        "google",
        "gemini",
        "https://generativelanguage.googleapis.com",
        prefix="/v1beta",
        key_env="GEMINI_API_KEY",
        stops=5,
        sampling=_LOCAL_SAMPLING,
        http_images=False,
        parallel_flag=False,
        extras=("safetySettings", "cachedContent"),
    ),
    HostProfile(
        "groq",
        "openai_chat",
        "https://api.groq.com",
        prefix="/openai/v1",
        key_env="GROQ_API_KEY",
        both_max_tokens=True,
        stops=4,
        extras=("reasoning_format", "include_reasoning", "service_tier", "user"),
    ),
    HostProfile(
        "together",
        "openai_chat",
        "https://api.together.ai",
        prefix="/v1",
        key_env="TOGETHER_API_KEY",
        max_tokens="max_tokens",
        sampling=_LOCAL_SAMPLING,
        logprobs="count",
        extras=("repetition_penalty", "min_p", "reasoning", "chat_template_kwargs"),
    ),
    HostProfile(
        "ollama",
        "openai_chat",
        "http://127.0.0.1:11434",
        prefix="/v1",
        max_tokens="max_tokens",
        tool_choice=False,
        parallel_flag=False,
        http_images=False,
        extras=("reasoning",),
    ),
    HostProfile(
        "vllm",
        "openai_chat",
        "http://127.0.0.1:8000",
        prefix="/v1",
        max_tokens="max_tokens",
        both_max_tokens=True,
        sampling=_LOCAL_SAMPLING,
        logprobs="flag",
        choices=True,
        extras=(
            "chat_template_kwargs",
            "structured_outputs",
            "thinking_token_budget",
            "repetition_penalty",
            "min_p",
            "priority",
        ),
    ),
    HostProfile(
        "llamacpp",
        "openai_chat",
        "http://127.0.0.1:8080",
        prefix="/v1",
        max_tokens="max_tokens",
        both_max_tokens=True,
        sampling=_LOCAL_SAMPLING,
        logprobs="flag",
        extras=("chat_template_kwargs", "grammar", "min_p", "cache_prompt", "repeat_penalty"),
    ),
    HostProfile(
        "openai-compatible",
        "openai_chat",
        None,
        prefix="/v1",
        max_tokens="max_tokens",
        both_max_tokens=True,
    ),
)

HOSTS: Mapping[str, HostProfile] = MappingProxyType({profile.name: profile for profile in _PROFILES})
"""Every host Pointsman knows, by the name used in the policy file."""


def host(name: str, hosts: Mapping[str, HostProfile] = HOSTS) -> HostProfile:
    """Return the profile called ``name``.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    try:
        return hosts[name]
    except KeyError:
        known = ", ".join(sorted(hosts))
        raise UsageError(f"unknown host {name!r}: use one of {known}") from None


def endpoint(
    provider: str,
    host_name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    simulated: bool = False,
) -> Endpoint:
    """Return where ``provider`` is reached; ``base_url`` None means the host's usual address.

    Raises:
        UsageError: the host is unknown, or has no usual address and none was given.
    """
    profile = host(host_name)
    url = base_url or profile.base_url
    if url is None:
        raise UsageError(
            f"provider {provider!r} on host {host_name!r} needs a base_url: this host has no usual address"
        )
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"provider {provider!r}: base_url must start with http:// or https://")
    return Endpoint(provider, profile.name, profile.dialect, url.rstrip("/"), api_key, simulated)


def path_prefix(profile: HostProfile, base_url: str) -> str:
    """Return what goes before the dialect's path: nothing where the base URL already names a path."""
    rest = base_url.partition("://")[2]
    has_path = bool(rest.partition("/")[2].strip("/"))
    return "" if has_path else profile.prefix
