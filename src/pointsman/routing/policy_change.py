"""Which changes of a policy a running gateway can take, and which need a restart."""

from __future__ import annotations

from typing import Final

from pointsman.routing.policy import Policy

LIVE: Final = frozenset(
    {
        "tiers",
        "routes",
        "default_route",
        "rules",
        "limits",
        "parameters",
        "sticky",
        "context",
        "safety",
        "llm_router",
        "voice",
        "canaries",
    }
)
"""Sections that only decide: everything else was built into connections, accounts or background work at the start."""


def restart_needed(old: Policy, new: Policy) -> tuple[str, ...]:
    """Return the sections that differ and cannot be changed while turns run."""
    return tuple(
        name
        for name in Policy.model_fields
        if name not in LIVE and name != "file_version" and getattr(old, name) != getattr(new, name)
    )
