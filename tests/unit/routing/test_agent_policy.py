"""What an agent's own routes and tiers make of the policy, and what is refused."""

from __future__ import annotations

import pytest

from pointsman.errors import PolicyError
from pointsman.routing.agent_policy import policy_for
from pointsman.routing.policy import Policy, parse_policy

BASE = """
version: 1
providers: {anthropic: {host: anthropic}}
tiers:
  small: [anthropic/claude-haiku-4-5]
  flagship: [anthropic/claude-opus-4-8]
routes:
  direct: {tiers: [small]}
  tools: {tiers: [small]}
  plan: {tiers: [flagship]}
default_route: tools
rules:
  - {name: upset, when: sentiment.negative, floor: plan}
  - {name: short, when: size.tokens < 10, prefer: direct}
agents:
  shop:
    prompt: You help.
"""


def policy(lines: str = "") -> Policy:
    return parse_policy(BASE + "".join(f"    {line}\n" for line in lines.splitlines()), "p.yaml")


def test_an_agent_without_wishes_sees_the_policy_as_it_is() -> None:
    given = policy()
    assert policy_for(given, given.agents["shop"], None) is given


def test_rules_about_other_routes_count_for_the_nearest() -> None:
    given = policy("routes: [tools]")
    narrowed = policy_for(given, given.agents["shop"], None)
    assert list(narrowed.routes) == ["tools"]
    assert narrowed.default_route == "tools"
    assert [(rule.floor, rule.prefer) for rule in narrowed.rules] == [("tools", None), (None, "tools")]
    assert narrowed.version == given.version


def test_its_next_step_goes_to_the_tier_named() -> None:
    given = policy("steps: small\nsynthesis: flagship")
    sticky = policy_for(given, given.agents["shop"], "flagship").sticky
    assert (sticky.hold_in_tool_loop, sticky.steps, sticky.synthesis) == (False, "flagship", "flagship")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("routes: [plann]", "agents.shop.routes[0]: there is no route 'plann'; did you mean 'plan'?"),
        ("steps: smal\nsynthesis: flagship", "agents.shop.steps: there is no route or tier 'smal'"),
        ("steps: mid\nsynthesis: flagship", "agents.shop.steps: tier mid has no models"),
        ("steps: small", "steps and synthesis go together"),
        ("max_steps: 201", "agents.shop.max_steps: must be less than or equal to 200"),
        ("prompt_file: x.txt", "exactly one of prompt and prompt_file"),
        ("approval_text: Sure?", "must hold {actions}"),
        ("tools: {a b: {}}", "cannot be the name of a tool"),
        ("tools: {a: {python: nowhere}}", "must read package.module:function or file.py:function"),
        ("mcp: {a: {}}", "exactly one of stdio and http"),
        ("mcp: {a: {http: {url: ftp://x}}}", "must begin with http:// or https://"),
        ("mcp: {a: {http: {url: https://u:p@x/mcp}}}", "must hold no user or password"),
        ("mcp: {a: {http: {url: https://x, headers_env: {authorization: Bearer abc}}}}", "never the value itself"),
        ("mcp: {a: {stdio: {command: x, env: {K: sk-abcdefghijklmnop}}}}", "looks like a key itself"),
    ],
)
def test_what_does_not_fit_names_the_field(lines: str, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(lines)
    assert words in str(caught.value)
    assert "sk-abc" not in str(caught.value)
