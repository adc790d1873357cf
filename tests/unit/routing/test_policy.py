from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError  # type: ignore[import-untyped]

from pointsman.errors import PolicyError
from pointsman.routing.policy import load_policy, parse_policy, schema
from pointsman.routing.templates import LINEUPS, TEMPLATES, render

BASE = """version: 1
providers:
  openai: {host: openai}
tiers:
  small: [openai/gpt-5-mini]
  flagship: [openai/gpt-5.5]
routes:
  direct: {tiers: [small]}
  plan: {tiers: [flagship]}
default_route: plan
"""


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    return str(caught.value).splitlines()


def rule(when: str, gives: str = "floor: plan") -> str:
    return f'{BASE}rules:\n  - name: r\n    when: "{when}"\n    {gives}\n'


def test_a_good_policy_loads_with_its_defaults() -> None:
    policy = parse_policy(BASE, "p.yaml")
    assert policy.route_models("direct") == ("openai/gpt-5-mini",)
    assert policy.deadlines.first_token_s == 30
    assert policy.sticky.hold_in_tool_loop


def test_the_version_depends_on_content_and_not_on_layout() -> None:
    first = parse_policy(BASE, "p.yaml").version
    assert first == parse_policy("# a comment\n" + BASE.replace("[small]", "[ small ]"), "other.yaml").version
    assert first != parse_policy(BASE.replace("default_route: plan", "default_route: direct"), "p.yaml").version
    assert len(first) == 12


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASE + "ruls: []\n", "p.yaml:11: ruls: unknown key; did you mean 'rules'?"),
        (BASE + "zebra: {}\n", "p.yaml:11: zebra: unknown key; known: agents, breaker, budgets,"),
        (BASE.replace("host: openai", "host: opnai"), "p.yaml:3: providers.openai.host: must be 'anthropic',"),
        (BASE.replace("version: 1", "version: 2"), "p.yaml:1: version: must be 1"),
        (BASE.replace("tiers: [small]", "tiers: [smal]"), "did you mean 'small'?"),
        (BASE.replace("tiers: [small]", "tiers: [mid]"), "p.yaml:8: routes.direct.tiers[0]: tier mid has no models"),
        (
            BASE.replace("default_route: plan", "default_route: paln"),
            "p.yaml:10: default_route: there is no route 'paln'",
        ),
        (BASE.replace("default_route: plan\n", ""), "default_route: is missing"),
        (BASE.replace("  direct: {tiers: [small]}", "  mine: {tiers: [small]}"), "routes.mine: needs rank"),
        (BASE.replace("openai/gpt-5.5", "gpt-5.5"), "'gpt-5.5' is not a model id; write provider/name"),
        (BASE + "privacy: {sensitive: {}}\n", "p.yaml:11: privacy.sensitive: limits nothing"),
        (BASE + "sticky: {steps: direct}\n", "steps and synthesis go together"),
        (BASE + "deadlines: {total_s: 0}\n", "deadlines.total_s: must be greater than 0"),
        (
            BASE + "hedge: {after_ms: 60000}\n",
            "hedge.after_ms: no call is waited for that long: deadlines.first_token_s",
        ),
        (BASE + "hedge: {max_share: 0.5}\n", "hedge.after_ms: is missing"),
        (BASE + "fallback: {max_attempts: many}\n", "fallback.max_attempts: must be a whole number"),
        (rule("size.tokens > 5", "floor: paln"), "rules[0].floor: there is no route 'paln'; did you mean 'plan'?"),
        (rule("size.tokens > 5", "floor: plan\n    pin: plan"), "rules[0]: must give exactly one of floor, ceiling"),
        (
            rule("size.tokns > 5"),
            "p.yaml:13: rules[0].when: signal 'size' has no field 'tokns'; did you mean 'tokens'?",
        ),
        (rule("siz.tokens > 5"), "unknown signal 'siz'; did you mean 'size'? (rule 'r')"),
        (rule("size.tokens >= 0 || sentiment.negativ"), "has no field 'negativ'; did you mean 'negative'?"),
        (rule("size.tokens"), "gives int, not true or false"),
        (rule("size.tokens > 'a'"), "values of different kinds"),
        (rule("intent.risk == 'hihg'"), "intent.risk is never 'hihg'; did you mean 'high'?"),
        (rule("intent.risk in ['low', 'heigh']"), "intent.risk is never 'heigh'; did you mean 'high'?"),
        (rule("sentiment.negative or tools.needed"), "not a CEL expression"),
        (rule("sentiment.negative && lenght(intent.name) > 3"), "there is no signal or function 'lenght'"),
        ("- a\n- b\n", "must be a mapping"),
    ],
)
def test_errors_name_line_field_and_what_to_write(text: str, expected: Any) -> None:
    assert any(expected in line for line in problems(text)), problems(text)


def test_several_errors_come_at_once_in_file_order_and_at_most_ten() -> None:
    text = BASE + "zzz: 1\n" + "deadlines: {a: 1, b: 2}\n" + "context: {margin: 9}\n"
    assert [line.split(":")[1] for line in problems(text)] == ["11", "12", "12", "13"]
    many = BASE + "".join(f"x{n}: 1\n" for n in range(15))
    assert problems(many)[-1] == "... and 5 more"


@pytest.mark.parametrize(
    "line",
    [
        "  openai: {host: openai, api_key_env: sk-proj-abcdefghijklmnop1234}",
        "  openai: {host: openai, api_key: sk-proj-abcdefghijklmnop1234}",
        "  openai: {host: openai, api_key_env: AIzaSyA1234567890abcdefghijklm}",
        "  openai: {host: openai, base_url: 'https://me:sk-proj-abcdefghijklmnop1234@example.com'}",
    ],
)
def test_a_key_in_the_file_is_refused_and_never_repeated(line: str) -> None:
    lines = problems(BASE.replace("  openai: {host: openai}", line))
    assert "sk-proj" not in "".join(lines)
    assert "AIza" not in "".join(lines)
    assert "environment variable" in lines[0] or "api_key_env" in lines[0]


def test_a_missing_file_and_bad_bytes_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no such file; `pointsman init`"):
        load_policy(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyError, match="not UTF-8"):
        load_policy(tmp_path / "bad.yaml")
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path)


def test_macros_and_metadata_keys_may_be_used_in_conditions() -> None:
    parse_policy(rule("personal_data.kinds.exists(kind, kind == 'email')"), "p")
    parse_policy(rule("'tier' in turn.metadata && turn.metadata['tier'] == 'gold'"), "p")
    parse_policy(rule("turn.metadata['tier'] == 'gold'"), "p")


@pytest.fixture(scope="module")
def published() -> Draft202012Validator:
    """Return a validator by the published schema, itself checked, once: that takes longer than checking every template."""
    made = schema()
    assert made["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_published_schema_accepts_every_template(published: Draft202012Validator, template: str) -> None:
    for lineup in LINEUPS:
        published.validate(yaml.safe_load(render(template, lineup)))


def test_the_published_schema_refuses_an_unknown_key(published: Draft202012Validator) -> None:
    with pytest.raises(ValidationError):
        published.validate({**yaml.safe_load(render()), "zebra": 1})


def test_a_single_word_may_stand_for_a_list_in_file_and_schema(published: Draft202012Validator) -> None:
    text = BASE.replace("[small]", "small").replace("[openai/gpt-5.5]", "openai/gpt-5.5")
    assert parse_policy(text, "p").route_models("plan") == ("openai/gpt-5.5",)
    published.validate(yaml.safe_load(text))
