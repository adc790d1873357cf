"""One table: which HTTP status and words each error gets in each dialect, and how much of its text a client may read.

Rules the table follows:

* A provider's 401 to 404 is about the gateway's own account or configuration. Passed on as such it would send the client
  looking at its own key, so it becomes a 502 (OpenAI) or 500 (Anthropic) with a sentence of ours.
* 529 is Anthropic's word; OpenAI clients get 503.
* ``x-should-retry: false`` goes with every error of a provider, since the gateway has already tried again where that could
  help, and with every mistake of the client; the SDKs would multiply the attempts otherwise.
* A budget that is used up answers as OpenAI does for an empty account (429, ``insufficient_quota``: no SDK can mend it by trying
  again) and as Anthropic does (402, ``billing_error``). A rate limit of ours is a 429 with ``retry-after``, which SDKs wait for.
* Texts are capped and anything that looks like a key, a file path or an internal address is taken out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from pointsman.domain.rates import RateState
from pointsman.errors import (
    BudgetExceeded,
    ContractViolated,
    NoEligibleModel,
    PointsmanError,
    ProviderError,
    RateLimited,
    RequestError,
    TooManyHandoffs,
)
from pointsman.server.gateway.codec import HttpError
from pointsman.server.gateway.rate_headers import anthropic_rates, openai_rates

MAX_TEXT = 1000
"""Characters of an error's text that a client gets."""


class Row(NamedTuple):
    """How one kind of error looks from outside. ``said`` replaces the error's own text where that is not for clients."""

    openai: tuple[int, str, str | None]
    anthropic: tuple[int, str]
    said: str | None = None


_INVALID = "invalid_request_error"
_ACCOUNT = "The gateway's account at the provider was refused; the gateway's operator has to look at it."
_BROKEN = "The provider's stream broke off, or turned to nonsense, before its end."


def _ours(code: str | None, said: str | None = None) -> Row:
    """Return the row of a failure that the client can neither cause nor mend: a bad gateway."""
    return Row((502, "server_error", code), (500, "api_error"), said)


BY_CODE: dict[str, Row] = {
    "usage_error": Row((400, _INVALID, None), (400, _INVALID)),
    "invalid_request": Row((400, _INVALID, None), (400, _INVALID)),
    "unsupported_parameter": Row((400, _INVALID, "unsupported_parameter"), (400, _INVALID)),
    "request_too_large": Row((413, _INVALID, "request_too_large"), (413, "request_too_large")),
    "unauthorized": Row((401, _INVALID, "invalid_api_key"), (401, "authentication_error")),
    "forbidden": Row((403, _INVALID, "forbidden"), (403, "permission_error")),
    "agent_stopped": Row((504, "server_error", "agent_stopped"), (504, "timeout_error")),
    "not_found": Row((404, _INVALID, "not_found"), (404, "not_found_error")),
    "method_not_allowed": Row((405, _INVALID, "method_not_allowed"), (405, _INVALID)),
    "catalog_error": Row((404, _INVALID, "model_not_found"), (404, "not_found_error")),
    "no_eligible_model": Row((400, _INVALID, "no_eligible_model"), (400, _INVALID)),
    "budget_exceeded": Row((429, "insufficient_quota", "insufficient_quota"), (402, "billing_error")),
    "rate_limited": Row((429, "rate_limit_error", "rate_limit_exceeded"), (429, "rate_limit_error")),
    "internal_error": Row((500, "server_error", None), (500, "api_error"), "The gateway failed."),
    "policy_error": Row((500, "server_error", None), (500, "api_error"), "The gateway's policy is wrong."),
    "store_error": Row(
        (503, "server_error", "store_unavailable"), (500, "api_error"), "The gateway cannot record turns now."
    ),
    "provider_error": _ours("provider_error"),
    "contract_violated": _ours("contract_violated"),
    "too_many_handoffs": _ours("too_many_handoffs"),
    "provider_timeout": Row(
        (504, "server_error", "provider_timeout"), (504, "timeout_error"), "The provider did not answer in time."
    ),
    "provider_unreachable": _ours("provider_unreachable", "The provider could not be reached."),
    "stream_broken": _ours("stream_broken", _BROKEN),
}
"""Keyed by the error's ``code``. Where the gateway itself failed, its text may name files or addresses: ours stands instead."""

BY_KIND: dict[str, Row] = {
    "invalid_request": Row((400, _INVALID, None), (400, _INVALID)),
    "unsupported_parameter": Row((400, _INVALID, "unsupported_parameter"), (400, _INVALID)),
    "context_length": Row((400, _INVALID, "context_length_exceeded"), (400, _INVALID)),
    "content_filter": Row((400, _INVALID, "content_policy_violation"), (400, _INVALID)),
    "too_large": Row((413, _INVALID, "request_too_large"), (413, "request_too_large")),
    "rate_limit": Row((429, "rate_limit_error", "rate_limit_exceeded"), (429, "rate_limit_error")),
    "overloaded": Row((503, "server_error", "server_is_overloaded"), (529, "overloaded_error")),
    "conflict": Row((409, "server_error", "conflict"), (409, "conflict_error")),
    "timeout": Row((504, "server_error", "provider_timeout"), (504, "timeout_error")),
    "authentication": _ours("provider_refused", _ACCOUNT),
    "permission": _ours("provider_refused", _ACCOUNT),
    "billing": _ours("provider_refused", _ACCOUNT),
    "quota": _ours("provider_refused", _ACCOUNT),
    "not_found": _ours("provider_model_not_found", "The provider does not know the model that was chosen."),
    "invalid_endpoint": _ours("provider_error", "The provider does not take requests at the configured address."),
    "cancelled": _ours("provider_error"),
    "server_error": _ours("provider_error"),
    "malformed_reply": _ours("malformed_reply"),
    "invalid_tool_arguments": _ours("invalid_tool_arguments"),
    "unexpected_stop": _ours("unexpected_stop"),
    "unsatisfied": _ours("unsatisfied"),
    "set_aside": Row((503, "server_error", "server_is_overloaded"), (529, "overloaded_error")),
    "internal": Row((500, "server_error", None), (500, "api_error"), "The gateway failed."),
}
"""Keyed by ``kind``, for answers of a provider (``ProviderError`` itself, not its subclasses)."""

_BESIDE_THE_REQUEST = frozenset({"provider", "allow_list", "retired", "tried", "health", "budget"})
_PARAM_OF_CONSTRAINT: Mapping[str, str] = {
    "n": "n",
    "logprobs": "logprobs",
    "logit_bias": "logit_bias",
    "max_output": "max_tokens",
    "structured_output": "response_format",
    "tools": "tools",
    "parallel_tools": "parallel_tool_calls",
    "reasoning": "reasoning_effort",
}
"""Which parameter a hard constraint of routing is about, as OpenAI spells it."""

_SECRETS = re.compile(
    r"(?i)\b(?:sk|gsk|pk|rk|xai|tgp|csk|key|pm)[-_][A-Za-z0-9_\-*.]{6,}"
    r"|\bAIza[A-Za-z0-9_\-]{10,}"
    r"|\b(?:api[-_ ]?key|token|secret|password|authorization)[\"']?\s*[=:]\s*[\"']?(?:bearer\s+|basic\s+)?[^\s,;&\"']+"
    r"|\b(?:bearer|basic)\s+[^\s,;\"']{8,}"
)
_ADDRESSES = re.compile(
    r"(?:https?|postgres(?:ql)?|sqlite|redis|file|tcp|wss?)://[^\s,;\"')]+"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"
    r"|\blocalhost(?::\d+)?\b"
)
# Paths under /v1/ are the gateway's own and stand in its advice.
_PATHS = re.compile(r"(?<![\w/:.])(?!/v1/)(?:/[\w.@+\-]+){2,}/?|\b[A-Za-z]:\\[^\s,;\"']+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Return ``text`` fit for a client: no key, no address, no file path, no control character, at most ``MAX_TEXT`` long."""
    text = text[: MAX_TEXT * 4]
    for pattern, word in ((_SECRETS, "[key]"), (_ADDRESSES, "[address]"), (_PATHS, "[path]"), (_CONTROL, " ")):
        text = pattern.sub(word, text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def row_of(error: PointsmanError) -> Row:
    """Return the row of ``error``; an unknown kind of provider error counts as a provider's failure."""
    if isinstance(error, ProviderError) and error.code == ProviderError.code:
        return BY_KIND.get(error.kind, BY_CODE["provider_error"])
    for kind in type(error).__mro__:
        if row := BY_CODE.get(getattr(kind, "code", "")):
            return row
    return BY_CODE["internal_error"]


def text_of(error: PointsmanError, row: Row) -> str:
    """Return the sentence a client reads."""
    if row.said is not None:
        return row.said
    text = str(error) or type(error).__name__
    param = param_of(error)
    named = param is None or re.search(rf"(?<!\w){re.escape(param)}(?!\w)", text)
    return clean(text if named else f"{param}: {text}")


def param_of(error: PointsmanError) -> str | None:
    """Return the path of the field at fault, if the error names one."""
    if isinstance(error, NoEligibleModel):
        return _shared_param(error)
    return error.param if isinstance(error, RequestError | ProviderError) else None


def _shared_param(error: NoEligibleModel) -> str | None:
    """Return the parameter without which a model would have been found, where it is one alone."""
    about = {item.constraint for item in error.excluded} - _BESIDE_THE_REQUEST
    params = {_PARAM_OF_CONSTRAINT.get(constraint) for constraint in about}
    return params.pop() if len(params) == 1 else None


def _headers(error: PointsmanError, status: int, id_header: str, request_id: str) -> dict[str, str]:
    headers = {"content-type": "application/json", id_header: request_id}
    wait = error.retry_after if isinstance(error, ProviderError | RateLimited | BudgetExceeded) else None
    if wait is not None and math.isfinite(wait) and wait >= 0:
        headers["retry-after"] = str(math.ceil(wait))
    client_error = 400 <= status < 500  # noqa: PLR2004 - the 4xx class
    # A rate limit of ours passes: the SDKs' own wait for retry-after is just right.
    may_pass = isinstance(error, RateLimited) and wait is not None
    if (client_error and not may_pass) or isinstance(error, ProviderError | ContractViolated | TooManyHandoffs):
        headers["x-should-retry"] = "false"
    return headers


def rates_of(error: PointsmanError) -> RateState | None:
    """Return what is left of the client's rate limits, where the error tells."""
    return error.rates if isinstance(error, RateLimited) and isinstance(error.rates, RateState) else None


def openai_error(error: PointsmanError, request_id: str) -> HttpError:
    """Return the answer for clients that speak OpenAI's dialect."""
    status = row_of(error).openai[0]
    headers = _headers(error, status, "x-request-id", request_id) | openai_rates(rates_of(error))
    return HttpError(status, headers, openai_error_body(error, request_id))


def openai_error_body(error: PointsmanError, request_id: str) -> bytes:
    """Return the JSON body of the error, as it also stands in a stream."""
    del request_id  # this dialect carries it in the header alone
    row = row_of(error)
    _, kind, code = row.openai
    said = {"message": text_of(error, row), "type": kind, "param": param_of(error), "code": code}
    return msgspec.json.encode({"error": said})


def anthropic_error(error: PointsmanError, request_id: str) -> HttpError:
    """Return the answer for clients that speak Anthropic's dialect."""
    status = row_of(error).anthropic[0]
    headers = _headers(error, status, "request-id", request_id) | anthropic_rates(rates_of(error))
    return HttpError(status, headers, anthropic_error_body(error, request_id))


def anthropic_error_body(error: PointsmanError, request_id: str) -> bytes:
    """Return the JSON body of the error, as it also stands in a stream."""
    row = row_of(error)
    said = {"type": row.anthropic[1], "message": text_of(error, row)}
    return msgspec.json.encode({"type": "error", "error": said, "request_id": request_id})
