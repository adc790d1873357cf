"""Starter policies, as text with comments for people; ``render`` puts a provider's line-up into one."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from pointsman.errors import UsageError

TEMPLATES: Final[dict[str, str]] = {
    "rubric": "Five signals: size, tool need, ambiguity, history, sentiment. The default.",
    "intent": "Classify the intent; frequent questions fast, high stakes or unsure to the flagship.",
    "two-tier": "Simple turns small, complex ones flagship.",
    "baseline-premium": "A cheap baseline; premium for agents and extraction.",
    "tool-steps-small": "Small model for tool steps, flagship for the final answer.",
    "on-prem": "Sensitive data stays on your own machines.",
    "voice": "First-token time first; short replies.",
}
LINEUPS: Final[tuple[str, ...]] = ("mixed", "anthropic", "openai", "google")


def render(name: str = "rubric", lineup: str = "mixed") -> str:
    """Return the text of a starter policy with the models of ``lineup``.

    Raises:
        UsageError: no such template or line-up.
    """
    if name not in TEMPLATES:
        raise UsageError(f"no template {name!r}; there are {', '.join(TEMPLATES)}")
    if lineup not in LINEUPS:
        raise UsageError(f"no line-up {lineup!r}; there are {', '.join(LINEUPS)}")
    folder = files(__name__)
    providers, tiers = folder.joinpath("lineups", f"{lineup}.yaml").read_text("utf-8").split("---\n")
    text = folder.joinpath(f"{name}.yaml").read_text("utf-8")
    return text.replace("{{providers}}", providers.rstrip()).replace("{{tiers}}", tiers.rstrip())
