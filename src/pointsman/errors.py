"""Every error Pointsman raises, as one tree.

::

    PointsmanError
    +-- UsageError            the caller's mistake: bad file, bad flag, bad request
    |   +-- PolicyError       the policy file is wrong; names file, line and field
    |   +-- CatalogError      an unknown model, or a broken catalogue file
    |   +-- RequestError      the inbound request cannot be understood or served as asked
    |   |   +-- UnsupportedParameter
    |   |   +-- RequestTooLarge
    |   |   +-- Unauthorized
    |   |   +-- Forbidden
    |   |   +-- NotFound
    |   |   +-- MethodNotAllowed
    |   +-- StoreError        the store cannot be opened, read or written
    +-- AgentStopped          a managed agent's run ended without an answer: its time was over, or another process has it
    +-- NoEligibleModel       every model was excluded by a hard constraint
    +-- ContractViolated      no model gave a reply that satisfies the contract of the turn
    +-- TooManyHandoffs       a turn would have been passed on more often than it may
    +-- BudgetExceeded        a call could cost more than is left of a budget
    +-- RateLimited           a client asks more often, or for more tokens, than it may
    +-- ProviderError         the world's failure: a provider refused, broke or timed out
        +-- ProviderTimeout
        +-- ProviderUnreachable
        +-- StreamBroken      the stream ended before its terminal event

A class has a stable ``code`` (safe to alert on) and the HTTP ``status`` the gateway answers with. The wording of a
message may change; codes may not. Messages name what is wrong, where, and what to do.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

Retry = Literal["no", "same", "other"]
"""Whether trying again can help: not at all, at the same endpoint, or only at another provider."""


class PointsmanError(Exception):
    """Root of the tree. ``turn_id`` names the recorded turn that this error ended; None where none was recorded."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    turn_id: str | None = None


class UsageError(PointsmanError):
    """The caller's mistake; shown without a traceback."""

    code = "usage_error"
    status = 400


class PolicyError(UsageError):
    """The policy file is wrong."""

    code = "policy_error"


class CatalogError(UsageError):
    """An unknown model, or a catalogue file that cannot be read."""

    code = "catalog_error"
    status = 404


class StoreError(UsageError):
    """The store cannot be opened, read or written."""

    code = "store_error"
    status = 503


class RequestError(UsageError):
    """The inbound request cannot be understood. ``param`` is the path of the field at fault, as the client wrote it."""

    code = "invalid_request"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class UnsupportedParameter(RequestError):
    """No eligible model honours a parameter that changes the meaning of the reply."""

    code = "unsupported_parameter"


class RequestTooLarge(RequestError):
    """The request body is larger than the gateway takes."""

    code = "request_too_large"
    status = 413


class Unauthorized(RequestError):
    """No client key, or one that is not known."""

    code = "unauthorized"
    status = 401


class Forbidden(RequestError):
    """The client key is known, and may not do this."""

    code = "forbidden"
    status = 403


class NotFound(RequestError):
    """No such path, model or turn."""

    code = "not_found"
    status = 404


class MethodNotAllowed(RequestError):
    """The path is right, the HTTP method is not; ``allowed`` is the one that is taken."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, message: str, *, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class AgentStopped(PointsmanError):
    """A managed agent's run ended without an answer; what it did is kept, and it can be taken up again."""

    code = "agent_stopped"
    status = 504


class NoEligibleModel(PointsmanError):
    """Every model was excluded by a hard constraint; the message lists each with its reason.

    ``excluded`` holds the same as data (``pointsman.domain.decision.Exclusion``), for the record of the turn.
    """

    code = "no_eligible_model"
    status = 400

    def __init__(self, message: str, excluded: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.excluded = excluded


class ContractViolated(PointsmanError):
    """No model gave a reply that satisfies the contract of the turn; ``kinds`` says what was wrong with the last one."""

    code = "contract_violated"
    status = 502

    def __init__(self, message: str, *, kinds: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.kinds = kinds


class TooManyHandoffs(PointsmanError):
    """A turn would have been passed from model to model more often than the hard bound allows."""

    code = "too_many_handoffs"
    status = 502


class BudgetExceeded(PointsmanError):
    """A call could cost more than is left of a budget, so it was not sent.

    ``retry_after`` is seconds until the budget's period ends; None where no waiting helps. ``cheaper`` tells that the policy
    wants a cheaper model to be tried instead.
    """

    code = "budget_exceeded"
    status = 429

    def __init__(self, message: str, *, retry_after: float | None = None, cheaper: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.cheaper = cheaper


class RateLimited(PointsmanError):
    """A client asks more often, or for more tokens, than it may. ``retry_after`` is in seconds; None: no waiting helps.

    ``rates`` is what is left (``pointsman.domain.rates.RateState``), for the response headers.
    """

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, *, retry_after: float | None = None, rates: Any = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.rates = rates


class ProviderError(PointsmanError):
    """A provider answered with an error.

    ``kind`` is the neutral class of the failure, ``retry`` whether and where another try can help, ``retry_after`` the
    provider's own wish in seconds (None: it named none). ``upstream_status`` is None when no status line arrived.
    """

    code = "provider_error"
    status = 502

    def __init__(  # noqa: PLR0913 - an error carries what the reader at 3 a.m. needs, by name
        self,
        message: str,
        *,
        provider: str = "",
        kind: str = "server_error",
        retry: Retry = "same",
        retry_after: float | None = None,
        upstream_status: int | None = None,
        param: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.kind = kind
        self.retry: Retry = retry
        self.retry_after = retry_after
        self.upstream_status = upstream_status
        self.param = param
        self.request_id = request_id


class ProviderTimeout(ProviderError):
    """A deadline passed: connect, first token or total."""

    code = "provider_timeout"
    status = 504


class ProviderUnreachable(ProviderError):
    """No connection could be made, or it was cut before any reply."""

    code = "provider_unreachable"
    status = 502


class StreamBroken(ProviderError):
    """The provider's stream ended, or turned to nonsense, before its terminal event."""

    code = "stream_broken"
    status = 502
