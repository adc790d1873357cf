"""The YAML that the docs show is YAML that the policy takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pointsman.routing.policy import Policy, parse_policy
from pointsman.routing.sections import Section

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
BASE = {
    "version": 1,
    "providers": {"anthropic": {"host": "anthropic"}},
    "tiers": {
        "small": ["anthropic/claude-haiku-4-5"],
        "mid": ["anthropic/claude-sonnet-4-6"],
        "flagship": ["anthropic/claude-opus-4-8"],
    },
    "routes": {"direct": {"tiers": ["small"]}, "tools": {"tiers": ["mid"]}, "plan": {"tiers": ["flagship"]}},
    "default_route": "tools",
}
BLOCKS = [
    pytest.param(block, id=f"{path.stem}-{number}")
    for path in (ROOT / "docs/reference/policy.md", ROOT / "docs/how-to/write-a-policy.md")
    for number, block in enumerate(BLOCK.findall(path.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_is_taken(block: str) -> None:
    shown = yaml.safe_load(block)
    more = {"rules": shown} if isinstance(shown, list) else shown
    parse_policy(yaml.safe_dump({**BASE, **more}), "docs")


def keys(section: type[Section]) -> set[str]:
    return {info.alias or name for name, info in section.model_fields.items()}


def test_every_key_stands_in_the_reference() -> None:
    text = (ROOT / "docs/reference/policy.md").read_text(encoding="utf-8")
    wanted = keys(Policy)
    for info in Policy.model_fields.values():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            wanted |= keys(kind)
    assert not [key for key in wanted if not re.search(rf"\b{key}\b", text)]
