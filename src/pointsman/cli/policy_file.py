"""Which policy a command uses: the file named, else ``pointsman.yaml`` beside you, else the built-in starter."""

from __future__ import annotations

import os
from pathlib import Path

from pointsman.cli.console import err
from pointsman.routing.policy import Policy, load_policy, parse_policy
from pointsman.routing.templates import render

DEFAULT = Path("pointsman.yaml")


def open_policy(path: Path | None) -> Policy:
    """Return the policy; says on stderr when it is not one the user named.

    Raises:
        PolicyError: the file is missing or wrong.
    """
    if path is not None:
        return load_policy(path)
    if DEFAULT.is_file():
        return load_policy(DEFAULT)
    err().print("no pointsman.yaml here: using the built-in rubric (`pointsman init` writes it out)")
    return parse_policy(render("rubric"), "built-in rubric")


def note_missing_keys(policy: Policy) -> None:
    """Say on stderr which keys are not set here: a decision is explained without them, a gateway needs them."""
    names = [name for spec in policy.providers.values() for name in spec.api_key_env or ()]
    missing = sorted(name for name in names if not os.environ.get(name))
    if missing:
        err().print(f"explained as if every key were set; not set here: {', '.join(missing)}", markup=False)
