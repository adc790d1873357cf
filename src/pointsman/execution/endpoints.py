"""Where the policy's providers are reached, with which keys, and why some cannot be called."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pointsman.providers.hosts import endpoint, host
from pointsman.providers.seam import Endpoint
from pointsman.routing.policy import Policy


class Endpoints(msgspec.Struct, frozen=True):
    """Where the policy's providers are reached, and why some cannot be (``missing``: a sentence by provider).

    ``keys`` holds, for a provider with several keys, one endpoint per key; the first of them is the one in ``ready``.
    ``notes`` are sentences about keys that are not there while others are.
    """

    ready: dict[str, Endpoint]
    missing: dict[str, str] = msgspec.field(default_factory=dict)
    keys: dict[str, tuple[Endpoint, ...]] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)

    def by_key(self) -> dict[str, tuple[Endpoint, ...]]:
        """Return every provider that can be called, with an endpoint for each of its keys."""
        return {name: self.keys.get(name, (one,)) for name, one in self.ready.items()}


def resolve_endpoints(policy: Policy, environ: Mapping[str, str], simulate_at: str | None = None) -> Endpoints:
    """Return where each provider of the policy is reached; one without its key is set aside with the reason.

    ``simulate_at`` puts an emulator in place of every provider.
    """
    found = Endpoints({})
    for name, provider in policy.providers.items():
        usual = host(provider.host).key_env
        variables = provider.api_key_env or ((usual,) if usual else ())
        keys: list[str | None] = [key for variable in variables if (key := environ.get(variable))]
        if simulate_at is not None:
            found.ready[name] = endpoint(name, provider.host, base_url=simulate_at, api_key="simulated", simulated=True)
        elif variables and not keys and (provider.api_key_env or provider.base_url is None):
            found.missing[name] = f"provider {name} has no key: set {' or '.join(variables)}"
        else:
            several = tuple(
                endpoint(name, provider.host, base_url=provider.base_url, api_key=key) for key in keys or [None]
            )
            found.ready[name], found.keys[name] = several[0], several
            gone = _unset(variables, environ, keys)
            found.notes.extend(f"provider {name} goes without {variable}: it is not set" for variable in gone)
    return found


def _unset(variables: tuple[str, ...], environ: Mapping[str, str], keys: list[str | None]) -> list[str]:
    """Return the variables that hold no key, where others do."""
    return [variable for variable in variables if keys and not environ.get(variable)]
