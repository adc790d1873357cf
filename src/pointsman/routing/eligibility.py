"""One filter that every path passes: rules, pins, tool loops, fallbacks. Each refusal is a word and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from pointsman.catalog.models import Model
from pointsman.domain.turn import Channel, Turn
from pointsman.providers.reasoning import travels_to
from pointsman.routing.need import Need, open_calls, open_origins, sampling
from pointsman.routing.policy import Policy
from pointsman.routing.privacy import Searched, confinements

OUTPUT_RESERVE = 1024
"""Room kept for a reply whose length the client did not limit, in tokens."""
# Hosts whose API documents logit_bias; the others refuse it or pass over it in silence.
LOGIT_BIAS_HOSTS = frozenset({"openai", "together", "vllm", "llamacpp", "openai-compatible"})
_SILENT_EFFORTS = frozenset({"none", "minimal"})


Predict = Callable[[str, int], float | None]
"""A model's first-token time at a prompt size that 95 % of calls keep to, in ms, as learned; None: not known."""


class Limits(msgspec.Struct, frozen=True):
    """What surrounds one decision. ``pin`` is the catalogue id the client asked for, ``key`` the name of its key.

    ``unhealthy`` and ``unaffordable`` (a call's worst case does not fit into a budget) map model ids to the reason; ``exclude``
    are models already tried. ``allowed`` None: no limit but the policy's. ``strict_params`` None: as the policy says. ``now``
    None: the clock. A pinned model is not refused for its date of retirement: that date may be wrong here, and the provider
    knows. ``route`` is the route that was found to suit the turn, not the one that rules prefer; floors hold all the same.
    ``predict`` takes the place of the catalogue's first-token times where it knows better. ``conversation`` is what a trial draws
    by; None: the turn is on none.
    """

    pin: str | None = None
    allowed: frozenset[str] | None = None
    unhealthy: Mapping[str, str] = {}
    unaffordable: Mapping[str, str] = {}
    now: datetime | None = None
    strict_params: bool | None = None
    exclude: frozenset[str] = frozenset()
    key: str | None = None
    route: str | None = None
    predict: Predict | None = None
    conversation: str | None = None


NO_LIMITS = Limits()


class Eligibility:
    """The filter for one policy. Not changed after it is made."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._searched = Searched()

    def need(self, turn: Turn, plain: Mapping[str, Mapping[str, Any]], limits: Limits, now: datetime) -> Need:
        """Work out what the turn demands. ``plain`` are the signals as plain data."""
        policy = self._policy
        choice = turn.tool_choice
        tools = bool(turn.tools) and (choice is None or choice.mode != "none")
        strict = limits.strict_params
        strict = policy.parameters.unsupported_sampling == "strict" if strict is None else strict
        limit = first_token_limit(policy, turn.channel)
        effort = turn.reasoning_effort
        estimate = plain["size"]["prompt_tokens"]
        prompt = int(estimate * (1 + policy.context.margin))
        output = turn.max_output_tokens or OUTPUT_RESERVE
        return Need(
            estimate=estimate,
            prompt=prompt,
            output=output,
            window=prompt + output,
            max_output=turn.max_output_tokens,
            tools=tools,
            parallel=tools and choice is not None and choice.parallel is True,
            structured=turn.output_format.kind if turn.output_format else "text",
            modalities=tuple(plain["modality"]["needs"]),
            several=turn.n is not None and turn.n > 1,
            logprobs=turn.logprobs or turn.top_logprobs is not None,
            logit_bias=bool(turn.logit_bias),
            reasoning=bool(turn.reasoning_budget_tokens) or (effort is not None and effort not in _SILENT_EFFORTS),
            prefill=bool(turn.messages) and turn.messages[-1].role == "assistant",
            sampling=sampling(turn) if strict else (),
            origins=open_origins(turn),
            calls=open_calls(turn),
            confined=confinements(policy.privacy, turn, plain["personal_data"], self._searched),
            ttft_p95_ms=limit,
            predicted={} if limit is None else self._predicted(limits.predict, estimate),
            allowed=limits.allowed,
            unhealthy=limits.unhealthy,
            unaffordable=limits.unaffordable,
            exclude=limits.exclude,
            pin=limits.pin,
            today=now.date().isoformat(),
        )

    def _predicted(self, predict: Predict | None, tokens: int) -> dict[str, float]:
        if predict is None:
            return {}
        found = {name: predict(name, tokens) for name in self._policy.models()}
        return {name: value for name, value in found.items() if value is not None}

    def checks(self, need: Need) -> Checks:
        """Return the checks that this turn can fail: most turns ask for little. The first that finds something refuses."""
        found: list[Callable[[Policy, Model, Need], _Finding]] = [_access, _size]
        if need.tools or need.reasoning or need.modalities or need.structured != "text":
            found.append(_abilities)
        if need.several or need.logprobs or need.logit_bias or need.prefill or need.sampling:
            found.append(_parameters)
        if need.confined or need.ttft_p95_ms is not None:
            found.append(_place)
        if need.origins or need.calls:
            found.append(_portability)
        return tuple(found)


_Finding = tuple[str, str] | None
"""A word for the constraint and the sentence; None where the check finds nothing."""
Checks = tuple[Callable[[Policy, Model, Need], _Finding], ...]


def _access(policy: Policy, model: Model, need: Need) -> _Finding:  # noqa: PLR0911 - one line per constraint
    if model.provider not in policy.providers:
        return "provider", f"provider {model.provider} is not set up in the policy; add it under providers"
    if need.allowed is not None and model.id not in need.allowed:
        return "allow_list", "not on the allow-list of this key or tenant"
    if model.id in need.exclude:
        return "tried", "already tried for this turn"
    if model.responses_only:
        return "api", "it answers only on its provider's Responses API, and this version speaks Chat Completions"
    if model.retires is not None and model.id != need.pin and is_retired(model, need):
        return "retired", f"its provider retired it on {model.retires}"
    if model.id in need.unhealthy:
        return "health", f"set aside: {need.unhealthy[model.id]}"
    if model.id in need.unaffordable:
        return "budget", need.unaffordable[model.id]
    return None


def _size(policy: Policy, model: Model, need: Need) -> _Finding:
    window = model.context_window
    if window is not None and need.window > window:
        parts = f"{need.prompt:,} prompt with margin + {need.output:,} reply"
        return "context", f"needs about {need.window:,} tokens ({parts}), its window holds {window:,}"
    if need.max_output is not None and model.max_output is not None and need.max_output > model.max_output:
        return "max_output", f"asked for up to {need.max_output:,} reply tokens, it gives at most {model.max_output:,}"
    if policy.context.effective == "require" and beyond_effective(model, need):
        return (
            "effective_context",
            f"about {need.prompt:,} prompt tokens, quality sags beyond {model.effective_context:,}",
        )
    return None


def _abilities(  # noqa: PLR0911 - one line per constraint
    policy: Policy,  # noqa: ARG001 - all checks look alike
    model: Model,
    need: Need,
) -> _Finding:
    if need.tools and not model.tools:
        return "tools", "the turn offers tools and it cannot call tools"
    if need.parallel and not model.parallel_tools:
        return "parallel_tools", "parallel tool calls are asked for and it makes one at a time"
    if need.structured == "json_schema" and model.structured_output != "json_schema":
        return "structured_output", "the reply must follow a JSON Schema and it cannot promise that"
    if need.structured == "json_object" and model.structured_output == "none":
        return "structured_output", "the reply must be JSON and it cannot promise that"
    missing = [kind for kind in need.modalities if kind not in model.modalities]
    if missing:
        return "modality", f"the conversation holds {' and '.join(missing)}, it reads {', '.join(model.modalities)}"
    if need.reasoning and model.reasoning.kind == "none":
        return "reasoning", "reasoning is asked for and it does not reason"
    if need.reasoning and need.tools and not model.reasoning.with_tools:
        return "reasoning_with_tools", "reasoning and tools are both asked for and its API takes only one of them"
    return None


def _parameters(policy: Policy, model: Model, need: Need) -> _Finding:
    if need.several and not model.multiple_choices:
        return "n", "several replies (n) are asked for and it gives one"
    if need.logprobs and not model.logprobs:
        return "logprobs", "log probabilities are asked for and it gives none"
    if need.logit_bias and policy.providers[model.provider].host not in LOGIT_BIAS_HOSTS:
        return "logit_bias", "logit_bias is asked for and its API has none"
    if need.prefill and not model.prefill:
        return "prefill", "the last message is the assistant's own beginning and it does not continue one"
    if need.sampling and model.sampling is not None:
        lacking = [name for name in need.sampling if name not in model.sampling]
        if lacking:
            return "sampling", f"strict parameters: it does not take {', '.join(lacking)}"
    return None


def _place(policy: Policy, model: Model, need: Need) -> _Finding:
    for confinement in need.confined:
        why, residency = confinement.why, confinement.residency
        if residency.on_prem_only and model.hosting != "on_prem":
            return "on_prem", f"{why}: only models on your own machines may see it"
        if residency.regions and model.hosting != "on_prem":
            regions = policy.providers[model.provider].regions or model.regions
            if not set(regions) & set(residency.regions):
                known = f"known to run in {', '.join(regions)}" if regions else "its region is unknown"
                return "region", f"{why}: must stay in {' or '.join(residency.regions)}; {known}"
    limit, takes = need.ttft_p95_ms, first_token_ms(model, need)
    if limit is not None and takes is not None and takes > limit:
        how = "p95, learned from its calls" if model.id in need.predicted else "p95"
        return "latency", f"first token takes {takes:,.0f} ms ({how}), the channel allows {limit:,.0f} ms"
    return None


def _portability(policy: Policy, model: Model, need: Need) -> _Finding:  # noqa: ARG001 - all checks look alike
    for origin in need.origins:
        if origin.partition("/")[0] != model.provider:
            return "portability", f"the open tool loop carries reasoning state that only {origin} can read"
    if model.reasoning.kind != "level":
        return None  # the other dialects leave out the state of another model; Gemini 3 and later refuse a call without its own
    for name, signer in need.calls:
        if not travels_to(signer, model):
            return (
                "history",
                f"the open call of {name} lacks this model's own thought signature, and it refuses such loops",
            )
    return None


def first_token_limit(policy: Policy, channel: Channel) -> float | None:
    """Return how long the first token may take on a channel, in ms; None: no limit."""
    limits = getattr(policy.limits, channel)
    given: float | None = None if limits is None else limits.ttft_p95_ms
    spoken = policy.voice.budget_ms if channel == "voice" else None
    if given is None or spoken is None:
        return spoken if given is None else given
    return min(given, spoken)


def first_token_ms(model: Model, need: Need) -> float | None:
    """Return the model's first-token time: as learned, else as the catalogue says; None: not known."""
    learned = need.predicted.get(model.id)
    return model.ttft_p95_ms if learned is None else learned


def beyond_effective(model: Model, need: Need) -> bool:
    """Tell whether the prompt is larger than the size up to which the model's quality is known to hold."""
    return model.effective_context is not None and need.prompt > model.effective_context


def is_retired(model: Model, need: Need) -> bool:
    """Tell whether the provider has withdrawn the model, as far as the catalogue knows."""
    return model.retires is not None and model.retires <= need.today
