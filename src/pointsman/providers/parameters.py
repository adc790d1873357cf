"""What a model and its host take of a turn's parameters, and what becomes of the rest.

Three classes. *Semantic* ones change what the reply must be: a model that cannot honour them is refused with
``UnsupportedParameter``. *Sampling* ones colour the reply: they are left out and listed. *Accounting* ones (user, metadata,
storage, service tier, cache keys) mean something to one provider only: they are left out without a word (documented).
"""

from __future__ import annotations

from typing import Any

from pointsman.catalog.models import Modality, Model
from pointsman.domain.message import Document, Image, Part, ToolResult
from pointsman.domain.turn import Turn
from pointsman.errors import UnsupportedParameter
from pointsman.providers.hosts import HostProfile

ACCOUNTING = frozenset({
    "user", "metadata", "store", "service_tier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "safety_identifier", "cache_control", "diagnostics", "inference_geo", "speed", "labels", "moderation",
    "anthropic-version", "anthropic-beta", "priority",
})  # fmt: skip
"""Extra request fields that say nothing about the reply wanted."""

SEMANTIC = frozenset({
    "functions", "function_call", "audio", "web_search_options", "mcp_servers", "container", "grammar",
    "structured_outputs", "cachedContent", "safetySettings",
})  # fmt: skip
"""Extra request fields that no other provider can honour in another way."""

_DEFAULT_MODALITIES: tuple[Any, ...] = (["text"], ["TEXT"], None)


def check_turn(turn: Turn, model: Model, profile: HostProfile, *, relay: bool) -> None:
    """Refuse what this model or host cannot do.

    ``relay``: the client gets the provider's own bytes, so several choices and log probabilities can pass. A translated reply
    has room for one choice and no log probabilities.

    Raises:
        UnsupportedParameter: names the parameter as OpenAI spells it.
    """
    if turn.tools and not model.tools:
        raise _refused("tools", model, "does not call tools")
    if turn.n is not None and turn.n != 1 and not (relay and profile.choices and model.multiple_choices):
        raise _refused("n", model, f"gives one choice, not {turn.n}")
    if (turn.logprobs or turn.top_logprobs) and not (relay and profile.logprobs != "none" and model.logprobs):
        raise _refused("logprobs", model, "does not report log probabilities here")
    if turn.logit_bias and not profile.logit_bias:
        raise _refused("logit_bias", model, "has another tokeniser than the one the biases were written for")
    if profile.stops is not None and len(turn.stop) > profile.stops:
        raise _refused("stop", model, f"takes at most {profile.stops} stop sequences, not {len(turn.stop)}")
    _check_format(turn, model)
    _check_parts(turn, model, profile)


def _check_format(turn: Turn, model: Model) -> None:
    wanted = turn.output_format
    if wanted is None or wanted.kind == "text":
        return
    able = model.structured_output
    if able == "none" or (wanted.kind == "json_schema" and able != "json_schema"):
        raise _refused("response_format", model, f"has no output format {wanted.kind}")


def _check_parts(turn: Turn, model: Model, profile: HostProfile) -> None:
    for number, message in enumerate(turn.messages):
        for part in message.parts:
            for item in _with_results(part):
                needed = modality(item)
                if needed is not None and needed not in model.modalities:
                    raise UnsupportedParameter(
                        f"{model.id} does not take {needed} input", param=f"messages.{number}.content"
                    )
                if type(item) is Image and item.url is not None and not profile.http_images:
                    raise UnsupportedParameter(
                        f"{model.id} takes images only inside the request: send a data: URL instead of an address",
                        param=f"messages.{number}.content",
                    )


def _with_results(part: Part) -> tuple[Part, ...]:
    return part.content if type(part) is ToolResult else (part,)


def modality(part: Part) -> Modality | None:
    """Return what a part asks of a model beyond text; None where plain text will do."""
    if type(part) is Image:
        return "image"
    if type(part) is not Document:
        return None
    family = part.media_type.partition("/")[0]
    if family == "text":
        return None
    if family == "audio":
        return "audio"
    return "video" if family == "video" else "pdf"


def sampling(turn: Turn, model: Model, taken: tuple[str, ...]) -> tuple[dict[str, float | int], list[str]]:
    """Split the sampling parameters into those this model takes and the names of those it does not."""
    kept: dict[str, float | int] = {}
    dropped = []
    wishes = turn.sampling
    for name in ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty"):
        value = getattr(wishes, name)
        if value is None:
            continue
        if name in taken and (model.sampling is None or name in model.sampling):
            kept[name] = value
        else:
            dropped.append(name)
    return kept, dropped


def extras(turn: Turn, model: Model, profile: HostProfile) -> tuple[dict[str, Any], list[str]]:
    """Split the fields we have no word for into those this host understands and the names of those left out.

    Raises:
        UnsupportedParameter: one of them changes what the reply must be.
    """
    kept: dict[str, Any] = {}
    dropped = []
    for name, value in turn.extras.items():
        if name in profile.extras and _fits(name, value, profile):
            kept[name] = value
        elif name in SEMANTIC or (name == "modalities" and value not in _DEFAULT_MODALITIES):
            raise _refused(name, model, "does not know this parameter")
        elif name not in ACCOUNTING and name != "modalities":
            dropped.append(name)
    return kept, dropped


def _fits(name: str, value: object, profile: HostProfile) -> bool:
    """``service_tier`` is one word with two vocabularies; a tier of the other provider would be a 400."""
    if name != "service_tier":
        return True
    return (value in {"auto", "standard_only"}) if profile.dialect == "anthropic" else (value != "standard_only")


def output_limit(turn: Turn, model: Model) -> tuple[int | None, bool]:
    """Return the wished output limit in tokens, and whether it had to be lowered to what the model can give."""
    wish = turn.max_output_tokens
    if wish is None or model.max_output is None or wish <= model.max_output:
        return wish, False
    return model.max_output, True


def _refused(param: str, model: Model, why: str) -> UnsupportedParameter:
    return UnsupportedParameter(f"{model.id} {why}: {param}", param=param)
