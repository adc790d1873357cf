"""Single words of a policy file are changed, and nothing that is said elsewhere by an alias."""

from __future__ import annotations

import pytest

from pointsman.errors import UsageError
from pointsman.routing.policy_edit import replaced

OLD, NEW = "openai/gpt-5.5", "openai/gpt-4o"
TEXT = """\
version: 1
providers: {openai: {host: openai, api_key_env: OPENAI_API_KEY}}
tiers:
  small: [openai/gpt-5-mini]
  flagship: [MODEL]   # ours
routes:
  direct: {tiers: [small], rank: direct}
  hard: {tiers: [flagship], rank: plan}
default_route: direct
"""


def policy(model: str) -> str:
    return TEXT.replace("MODEL", model)


@pytest.mark.parametrize(("before", "after"), [(OLD, NEW), (f"'{OLD}'", f"'{NEW}'"), (f"&m {OLD}", f"&m {NEW}")])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_one_word_changes_and_no_other_letter(before: str, after: str, newline: str) -> None:
    text = policy(before).replace("\n", newline)
    changed, now = replaced(text, "p.yaml", {("tiers", "flagship", 0): NEW})
    assert changed == text.replace(before, after)
    assert (("tiers", "flagship", 0), NEW) in now.model_places()


@pytest.mark.parametrize("place", [("tiers", "flagship", 0), ("canaries", "try", "replaces")])
def test_a_word_that_an_alias_repeats_is_left_alone(place: tuple[str | int, ...]) -> None:
    text = policy(f"&m {OLD}") + f"canaries: {{try: {{replaces: *m, model: {NEW}, share: 0.1, rollback_on: [a]}}}}\n"
    with pytest.raises(UsageError, match=r"used elsewhere too, as \*m \(line 5\): write the name out"):
        replaced(text, "p.yaml", {place: "openai/gpt-5.4"})
