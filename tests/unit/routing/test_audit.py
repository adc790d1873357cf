from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pointsman.domain.turn import Turn
from pointsman.routing.audit import audit
from pointsman.routing.router import Routing

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_rules_are_counted_and_shadowed_ones_named(build: Callable[..., Routing], ask: Callable[..., Turn]) -> None:
    routing = build("""
rules:
  - {name: short, when: "size.tokens < 100", prefer: direct}
  - {name: same, when: "size.tokens  <  100", prefer: plan}
  - {name: shorter, when: "size.tokens < 50", prefer: plan}
  - {name: floor, when: "size.tokens < 50", floor: tools}
""")
    found = audit(routing, [ask("hello"), ask("word " * 300)], {}, NOW)
    assert [(rule.name, rule.matched, rule.applied) for rule in found.rules] == [
        ("short", 1, 1),
        ("same", 1, 0),
        ("shorter", 1, 0),
        ("floor", 1, 1),
    ]
    assert found.warnings == (
        "rule 'same' can never apply: 'short' before it has the same condition",
        "rule 'shorter' never applied: on the one turn on which it held, 'short' before it held as well",
        "route 'summarize' is reached by no rule and is not the default",
    )
    assert {route.name: route.turns for route in found.routes} == {"direct": 0, "tools": 2, "plan": 0, "summarize": 0}


def test_missing_keys_retirements_and_unknown_providers_warn(build: Callable[..., Routing]) -> None:
    base = """
version: 1
providers: {openai: {host: openai}, mine: {host: vllm}, groq: {host: groq}}
tiers: {small: [openai/gpt-5-mini, anthropic/claude-haiku-4-5]}
routes: {direct: {tiers: [small]}}
default_route: direct
limits: {voice: {ttft_p95_ms: 500}}
"""
    missing = {"openai": "provider openai has no key: set OPENAI_API_KEY"}
    text = "\n".join(audit(build(base=base), [], missing, NOW).warnings)
    assert "set OPENAI_API_KEY; its models are left out until then" in text
    assert "openai/gpt-5-mini will be retired by its provider on 2026-12-11 (in 20 days)" in text
    assert "provider 'mine' has no model in the catalogue" in text
    assert "provider 'groq' is set up, but no tier" in text
    assert "models of 'anthropic' are named, but the provider is not set up" in text
    assert "unknown for 2 of 2 models" in text


def test_turns_nobody_can_serve_are_counted(build: Callable[..., Routing], ask: Callable[..., Turn]) -> None:
    found = audit(build(), [ask("hello", n=3)], {}, NOW)
    assert found.refused == 1
