"""What an agent's own routes and tiers make of the policy, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.errors import PolicyError, UsageError
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


DESK = "{type: object, properties: {desk: {type: string}}, required: [desk]}"
PLANS = BASE.replace(
    "plan: {tiers: [flagship]}", "plan: {tiers: [flagship], schema: {properties: {team: {type: string}}}}"
)


def desk_of(given: Policy) -> object:
    return policy_for(given, given.agents["shop"], None).routes["plan"].plan_schema


def test_its_own_fields_of_a_plan_take_the_place_of_the_routes() -> None:
    given = parse_policy(f"{PLANS}    plan_schema: {DESK}\n", "p.yaml")
    assert desk_of(given) == given.agents["shop"].plan_schema
    assert desk_of(parse_policy(PLANS, "p.yaml")) == {"properties": {"team": {"type": "string"}}}
    assert given.routes["plan"].plan_schema == {"properties": {"team": {"type": "string"}}}


def test_a_file_beside_the_policy_may_hold_them(tmp_path: Path) -> None:
    (tmp_path / "desk.json").write_text('{"properties": {"desk": {"type": "string"}}}')
    given = parse_policy(BASE + "    plan_schema: desk.json\n", str(tmp_path / "p.yaml"))
    assert desk_of(given) == {"properties": {"desk": {"type": "string"}}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no file"),
        ("{", "cannot be read"),
        ("[1]", "must be the JSON Schema of an object"),
        ("{}", "must be the JSON Schema of an object"),
        ('{"properties": {"tone": {}}}', "every plan has tone already"),
        ("[" * 5000, "cannot be read"),
    ],
)
def test_a_file_that_holds_none_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "desk.json").write_text(text)
    with pytest.raises(PolicyError, match=words) as caught:
        parse_policy(BASE + "    plan_schema: desk.json\n", str(tmp_path / "p.yaml"))
    assert "agents.shop.plan_schema" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("plan_schema: {type: array}", "must be the JSON Schema of an object"),
        ("plan_schema: 12", "plan_schema: must be the JSON Schema of an object with properties, or the name"),
        ('plan_schema: ""', "plan_schema: must be the JSON Schema of an object with properties, or the name"),
        ("plan_schema: .", "there is no file"),
        ("plan_schema: {properties: {desk: 5}}", "desk: must be a JSON Schema"),
        ("plan_schema: {properties: {risk: {}}}", "every plan has risk already"),
        (f"plan_schema: {DESK}\nroutes: [tools]", "is for agents with a route that plans"),
    ],
)
def test_fields_that_cannot_be_added_are_refused(lines: str, words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        policy(lines)


def test_fields_given_by_a_program_make_another_version() -> None:
    given = policy()
    schema = {"properties": {"desk": {"type": "string"}}}
    own = given.with_plan_schema(schema, "shop")
    assert desk_of(own) == schema
    assert own.routes["plan"].plan_schema is None
    assert given.with_plan_schema(schema).routes["plan"].plan_schema == schema
    assert len({given.version, own.version, given.with_plan_schema(schema).version}) == 3
    with pytest.raises(UsageError, match="no agent 'shopp'"):
        given.with_plan_schema(schema, "shopp")
    with pytest.raises(UsageError, match="every plan has tool already"):
        given.with_plan_schema({"properties": {"tool": {}}})
