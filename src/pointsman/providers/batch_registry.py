"""Which host has which batch API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pointsman.errors import UsageError
from pointsman.providers.batch_anthropic import AnthropicBatches
from pointsman.providers.batch_gemini import GeminiBatches
from pointsman.providers.batch_openai import OpenAIBatches
from pointsman.providers.batch_seam import BatchDialect
from pointsman.providers.seam import Dialect

_BY_HOST: Final[dict[str, Callable[[Dialect], BatchDialect]]] = {
    "anthropic": AnthropicBatches,
    "openai": OpenAIBatches,
    "google": GeminiBatches,
}


def batch_dialect(host: str, dialect: Dialect) -> BatchDialect:
    """Return the batch API of a host.

    Raises:
        UsageError: none is known for it.
    """
    if host not in _BY_HOST:
        raise UsageError(f"no batch API is known for host {host}; batches go to {', '.join(_BY_HOST)}")
    return _BY_HOST[host](dialect)
