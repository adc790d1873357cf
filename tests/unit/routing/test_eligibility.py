from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.decision import Decision
from pointsman.domain.message import (
    Document,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from pointsman.domain.turn import EMPTY_SESSION, Sampling, Session, Turn
from pointsman.errors import CatalogError, NoEligibleModel, PolicyError
from pointsman.routing.eligibility import (
    Eligibility,
    Limits,
    _abilities,
    _access,
    _parameters,
    _place,
    _portability,
    _size,
)
from pointsman.routing.policy import parse_policy
from pointsman.routing.router import Routing
from pointsman.routing.signals import as_plain, measure_all

Build = Callable[..., Routing]
Ask = Callable[..., Turn]
Decide = Callable[..., Decision]

ODD = """
models:
  vllm/plain:
    tier: small
    context_window: 4000
    max_output: 500
    source: a test
    as_of: 2026-11-01
  vllm/rich:
    tier: mid
    context_window: 200000
    tools: true
    parallel_tools: true
    structured_output: json_schema
    hosting: on_prem
    free: true
    logprobs: true
    multiple_choices: true
    modalities: [text, image, audio]
    reasoning: {kind: effort, with_tools: true}
    source: a test
    as_of: 2026-11-01
  vllm/gone:
    tier: mid
    retires: 2026-03-01
    source: a test
    as_of: 2026-11-01
  vllm/picky:
    tier: mid
    context_window: 100000
    effective_context: 2000
    tools: true
    parallel_tools: false
    structured_output: json_object
    prefill: false
    sampling: [seed]
    ttft_p95_ms: 2000
    reasoning: {kind: effort, with_tools: false}
    source: a test
    as_of: 2026-11-01
"""
BASE = """
version: 1
providers:
  vllm: {host: vllm}
tiers: {small: [vllm/plain], mid: [vllm/rich, vllm/picky]}
routes:
  direct: {tiers: [small]}
  tools: {tiers: [mid]}
default_route: direct
"""
HI = Message("user", (Text("hello"),))
CALL = Tool("pay", "Pays.")


@pytest.fixture
def refusals(build: Build, decide: Decide) -> Callable[..., dict[str, str]]:
    """Return a function: the constraint by which each model is excluded for a turn."""

    def of(turn: Turn, more: str = "", base: str = BASE, **limits: object) -> dict[str, str]:
        decision = decide(build(more, base=base, models=ODD), turn, **limits)
        return {item.model: item.constraint for item in decision.excluded}

    return of


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (Turn(messages=(HI,)), {}),
        (Turn(messages=(HI,), tools=(CALL,)), {"vllm/plain": "tools"}),
        (Turn(messages=(HI,), tools=(CALL,), tool_choice=ToolChoice("none")), {}),
        (
            Turn(messages=(HI,), tools=(CALL,), tool_choice=ToolChoice(parallel=True)),
            {"vllm/plain": "tools", "vllm/picky": "parallel_tools"},
        ),
        (
            Turn(messages=(HI,), output_format=OutputFormat("json_schema", {})),
            {"vllm/plain": "structured_output", "vllm/picky": "structured_output"},
        ),
        (Turn(messages=(HI,), output_format=OutputFormat("json_object")), {"vllm/plain": "structured_output"}),
        (Turn(messages=(HI,), n=2), {"vllm/plain": "n", "vllm/picky": "n"}),
        (Turn(messages=(HI,), logprobs=True), {"vllm/plain": "logprobs", "vllm/picky": "logprobs"}),
        (Turn(messages=(HI,), max_output_tokens=600), {"vllm/plain": "max_output"}),
        (Turn(messages=(HI,), reasoning_effort="high"), {"vllm/plain": "reasoning"}),
        (Turn(messages=(HI,), reasoning_effort="minimal"), {}),
        (
            Turn(messages=(HI,), reasoning_effort="high", tools=(CALL,)),
            {"vllm/plain": "tools", "vllm/picky": "reasoning_with_tools"},
        ),
        (Turn(messages=(HI, Message("assistant", (Text("{"),)))), {"vllm/picky": "prefill"}),
        (
            Turn(messages=(Message("user", (Text("see"), Image(url="https://example.com/a.png"))),)),
            {"vllm/plain": "modality", "vllm/picky": "modality"},
        ),
        (
            Turn(
                messages=(
                    Message("user", (Image(url="https://example.com/a.png"),)),
                    Message("assistant", (Text("A cat."),)),
                    HI,
                )
            ),
            {"vllm/plain": "modality", "vllm/picky": "modality"},
        ),
        (
            Turn(messages=(Message("user", (Document("audio/wav", data="AAAA"),)),)),
            {"vllm/plain": "modality", "vllm/picky": "modality"},
        ),
        (Turn(messages=(Message("user", (Text("word " * 4000),)),)), {"vllm/plain": "context"}),
        (Turn(messages=(HI,), sampling=Sampling(temperature=0.2)), {}),
    ],
)
def test_what_a_turn_asks_for_restricts_the_choice(
    refusals: Callable[..., dict[str, str]], turn: Turn, expected: Any
) -> None:
    assert refusals(turn) == expected


def test_strict_parameters_leave_a_model_out_and_lax_ones_do_not(refusals: Callable[..., dict[str, str]]) -> None:
    turn = Turn(messages=(HI,), sampling=Sampling(temperature=0.2, seed=1))
    assert refusals(turn, "parameters: {unsupported_sampling: strict}\n") == {"vllm/picky": "sampling"}
    assert refusals(turn, strict_params=True) == {"vllm/picky": "sampling"}
    assert refusals(turn, "parameters: {unsupported_sampling: strict}\n", strict_params=False) == {}


def test_logit_bias_needs_a_host_that_documents_it(refusals: Callable[..., dict[str, str]]) -> None:
    turn = Turn(messages=(HI,), logit_bias={"50256": -100.0})
    assert refusals(turn) == {}
    ollama = BASE.replace("{host: vllm}", "{host: ollama}")
    with pytest.raises(NoEligibleModel, match="logit_bias"):
        refusals(turn, base=ollama)


def test_the_effective_context_is_a_preference_or_a_limit(
    refusals: Callable[..., dict[str, str]], build: Build, decide: Decide
) -> None:
    long = Turn(messages=(Message("user", (Text("word " * 2400),)),), metadata={"go": "mid"})
    base = BASE.replace("mid: [vllm/rich, vllm/picky]", "mid: [vllm/picky, vllm/rich]").replace(
        "default_route: direct", "default_route: tools"
    )
    assert decide(build(base=base, models=ODD), long).model == "vllm/rich"
    found = refusals(long, "context: {effective: require}\n", base=base)
    assert found["vllm/picky"] == "effective_context"
    listed = base.replace("tools: {tiers: [mid]}", "tools: {tiers: [mid], choose: listed}")
    ignored = build("context: {effective: ignore}\n", base=listed, models=ODD)
    assert decide(ignored, long).model == "vllm/picky"


def test_latency_leaves_out_only_models_known_to_be_slow(refusals: Callable[..., dict[str, str]]) -> None:
    voice = Turn(messages=(HI,), channel="voice")
    assert refusals(voice, "limits: {voice: {ttft_p95_ms: 800}}\n") == {"vllm/picky": "latency"}
    assert refusals(Turn(messages=(HI,)), "limits: {voice: {ttft_p95_ms: 800}}\n") == {}


def test_health_tried_models_and_retirement(refusals: Callable[..., dict[str, str]]) -> None:
    hello = Turn(messages=(HI,))
    assert refusals(hello, unhealthy={"vllm/rich": "down"}) == {"vllm/rich": "health"}
    assert refusals(hello, exclude=frozenset({"vllm/rich"})) == {"vllm/rich": "tried"}
    base = BASE.replace("mid: [vllm/rich", "mid: [vllm/gone, vllm/rich")
    assert refusals(hello, base=base) == {"vllm/gone": "retired"}
    assert refusals(hello, base=base, now=datetime(2026, 2, 1, tzinfo=UTC)) == {}


def test_a_provider_that_is_not_set_up_is_said_to_be_so(refusals: Callable[..., dict[str, str]]) -> None:
    base = BASE.replace("small: [vllm/plain]", "small: [vllm/plain, openai/gpt-5-mini]")
    assert refusals(Turn(messages=(HI,)), base=base) == {"openai/gpt-5-mini": "provider"}


def test_sensitive_data_stays_on_your_machines_on_every_path(build: Build, decide: Decide, ask: Ask) -> None:
    routing = build("privacy: {sensitive: {on_prem_only: true}}\n", base=BASE, models=ODD)
    turn = ask("My card number is 4111 1111 1111 1111, cvv 123")
    decision = decide(routing, turn)
    assert decision.model == "vllm/rich"
    assert {item.constraint for item in decision.excluded} == {"on_prem"}
    assert "climb" in [reason.name for reason in decision.reasons]
    with pytest.raises(NoEligibleModel, match="only models on your own machines"):
        decide(routing, turn, pin="vllm/plain")
    assert set(decision.fallbacks) <= set(decision.eligible) == {"vllm/rich"}


def test_a_region_must_be_known_to_count(build: Build, decide: Decide, ask: Ask) -> None:
    turn = ask("My card number is 4111 1111 1111 1111, cvv 123")
    more = "privacy: {sensitive: {regions: [eu]}}\n"
    decision = decide(build(more, base=BASE, models=ODD), turn)
    assert {item.model: item.constraint for item in decision.excluded} == {
        "vllm/plain": "region",
        "vllm/picky": "region",
    }
    there = BASE.replace("{host: vllm}", "{host: vllm, regions: [eu]}")
    assert decide(build(more, base=there, models=ODD), turn).excluded == ()


def test_the_state_of_an_open_tool_loop_goes_back_only_to_its_origin(starter: Build, decide: Decide) -> None:
    def turn(*tail: Message) -> Turn:
        call = Message(
            "assistant",
            (Reasoning("anthropic/claude-opus-4-8", "hm", state="c2ln"), ToolCall("c", "pay", "{}")),
        )
        return Turn(messages=(HI, call, Message("tool", (ToolResult("c", (Text("ok"),)),)), *tail), tools=(CALL,))

    routing = starter("rubric")
    inside = decide(routing, turn(), Session(last_model="openai/gpt-5.5"))
    assert {item.constraint for item in inside.excluded} == {"portability"}
    assert inside.model.startswith("anthropic/")
    after = decide(routing, turn(Message("assistant", (Text("Done."),)), HI))
    assert after.excluded == ()


SIGNED = ToolCall("c", "pay", "{}", origin="google/gemini-3.1-pro-preview", origin_state="c2ln")
UNSIGNED = ToolCall("c", "pay", "{}")


def loop(*steps: tuple[ToolCall, ...], tail: tuple[Message, ...] = ()) -> Turn:
    messages = [HI]
    for calls in steps:
        messages.append(Message("assistant", calls))
        messages.append(Message("tool", tuple(ToolResult(call.id, (Text("ok"),)) for call in calls)))
    return Turn(messages=(*messages, *tail), tools=(CALL,))


def gemini(decide: Decide, build: Build, turn: Turn) -> dict[str, str]:
    base = """
version: 1
providers: {google: {host: google}, openai: {host: openai}}
tiers: {mid: [openai/gpt-5.4, google/gemini-2.5-flash, google/gemini-3.5-flash, google/gemini-3.1-pro-preview]}
routes: {tools: {tiers: [mid]}}
default_route: tools
"""
    return {item.model: item.constraint for item in decide(build(base=base), turn).excluded}


def test_a_gemini_3_model_joins_no_tool_loop_that_it_did_not_begin(decide: Decide, build: Build) -> None:
    unsigned = {"google/gemini-3.5-flash": "history", "google/gemini-3.1-pro-preview": "history"}
    assert gemini(decide, build, loop((UNSIGNED,))) == unsigned
    assert gemini(decide, build, loop((UNSIGNED,), (UNSIGNED,))) == unsigned
    assert gemini(decide, build, loop((UNSIGNED,), tail=(Message("assistant", (Text("Done."),)), HI))) == {}


def test_a_gemini_3_model_goes_on_with_the_loop_it_began(decide: Decide, build: Build) -> None:
    others = {"openai/gpt-5.4": "portability", "google/gemini-3.5-flash": "history"}
    assert gemini(decide, build, loop((SIGNED, UNSIGNED))) == others, "of parallel calls only the first is signed"
    assert gemini(decide, build, loop((SIGNED,), (SIGNED,))) == others
    mixed = gemini(decide, build, loop((SIGNED,), (UNSIGNED,)))
    assert mixed["google/gemini-3.1-pro-preview"] == "history"


def test_allow_lists_narrow_by_key_tenant_and_caller(refusals: Callable[..., dict[str, str]]) -> None:
    more = """
limits:
  allow:
    default: [vllm/*]
    keys: {trial: [small]}
    tenants: {acme: [mid]}
"""
    hello = Turn(messages=(HI,))
    assert refusals(hello, more) == {}
    assert refusals(hello, more, key="trial") == {"vllm/rich": "allow_list", "vllm/picky": "allow_list"}
    acme = Turn(messages=(HI,), metadata={"tenant": "acme"})
    assert refusals(acme, more) == {"vllm/plain": "allow_list"}
    with pytest.raises(NoEligibleModel, match="allow-list"):
        refusals(acme, more, key="trial")
    assert refusals(hello, more, allowed=frozenset({"vllm/plain"})) == {
        "vllm/rich": "allow_list",
        "vllm/picky": "allow_list",
    }


def test_an_empty_set_lists_every_model_with_its_reason(refusals: Callable[..., dict[str, str]]) -> None:
    with pytest.raises(NoEligibleModel) as caught:
        refusals(
            Turn(messages=(HI,), max_output_tokens=600, n=3, tools=(CALL,)), unhealthy={"vllm/rich": "down since 9:40"}
        )
    text = str(caught.value)
    assert "vllm/rich: set aside: down since 9:40" in text
    assert "vllm/plain: asked for up to 600 reply tokens, it gives at most 500" in text
    assert "vllm/picky: several replies (n)" in text


def test_a_pin_is_answered_by_that_model_or_refused(build: Build, decide: Decide, ask: Ask) -> None:
    routing = build(base=BASE, models=ODD)
    decision = decide(routing, ask("hello"), pin="vllm/picky")
    assert (decision.route, decision.model) == ("pinned", "vllm/picky")
    assert decision.fallbacks == ()
    assert decision.runner_up is not None
    assert decision.runner_up.flips_if == "the client had asked for model auto"
    with pytest.raises(NoEligibleModel, match="vllm/plain cannot serve this turn"):
        decide(routing, ask("hello", tools=(CALL,)), pin="vllm/plain")
    with pytest.raises(CatalogError):
        decide(routing, ask("hello"), pin="nobody/nothing")


def test_a_pinned_model_is_not_refused_for_a_date_that_may_be_wrong(build: Build, decide: Decide, ask: Ask) -> None:
    routing = build(base=BASE.replace("mid: [vllm/rich", "mid: [vllm/gone, vllm/rich"), models=ODD)
    decision = decide(routing, ask("hello"), pin="vllm/gone")
    assert decision.model == "vllm/gone"
    assert [reason.name for reason in decision.reasons] == ["client", "retired"]
    assert decision.reasons[-1].text == (
        "the catalogue says its provider retired it on 2026-03-01: the provider may refuse"
    )
    assert [item.constraint for item in decide(routing, ask("hello")).excluded] == ["retired"]


def test_a_model_without_chat_completions_is_refused_even_when_pinned(starter: Build, decide: Decide, ask: Ask) -> None:
    with pytest.raises(NoEligibleModel, match="only on its provider's Responses API, and this version speaks Chat"):
        decide(starter("rubric"), ask("hello"), pin="openai/gpt-5.4-pro")


def test_a_policy_that_names_an_unknown_model_says_where(build: Build) -> None:
    with pytest.raises(PolicyError, match=r"pointsman.yaml:5: No model 'vllm/plan' in the catalogue: did you mean"):
        build(base=BASE.replace("[vllm/plain]", "[vllm/plan]"), models=ODD)


CHECKS = (_access, _size, _abilities, _parameters, _place, _portability)
HOSTILE = Turn(
    messages=(
        Message("user", (Text("\x00\u202e" * 9000), Image(), Document("", data="!"), Document("audio/x"))),
        Message(
            "assistant", (ToolCall("", "", "{", origin="nobody/none", origin_state="x"), Reasoning("nobody", state="?"))
        ),
        Message("tool", (ToolResult("", (), is_error=True),)),
    ),
    tools=(CALL, CALL),
    tool_choice=ToolChoice("required", parallel=True),
    output_format=OutputFormat("json_schema", {}),
    max_output_tokens=10**9,
    sampling=Sampling(temperature=9.0, seed=-1),
    reasoning_effort="high",
    n=99,
    logprobs=True,
    logit_bias={"x": 1.0},
    channel="voice",
)


@pytest.mark.parametrize("turn", [Turn(messages=(HI,)), HOSTILE], ids=["neutral", "hostile"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_finds_a_word_and_a_sentence(check: Callable[..., Any], turn: Turn, tmp_path: Path) -> None:
    more = "limits: {voice: {ttft_p95_ms: 1}}\nprivacy: {sensitive: {regions: [eu]}}\ncontext: {effective: require}\n"
    policy = parse_policy(BASE + more, "test.yaml")
    path = tmp_path / "models.yaml"
    path.write_text(ODD, encoding="utf-8")
    book = Catalog.load(path)
    limits = Limits(strict_params=True, allowed=frozenset(), unhealthy={"vllm/rich": "down"})
    plain = as_plain(measure_all(turn, EMPTY_SESSION))
    need = Eligibility(policy).need(turn, plain, limits, datetime(2026, 11, 21, tzinfo=UTC))
    for name in ("vllm/plain", "vllm/rich", "vllm/picky", "vllm/gone"):
        found = check(policy, book.get(name), need)
        if found is not None:
            constraint, text = found
            assert constraint
            assert constraint.replace("_", "").isalnum()
            assert text
            assert "\n" not in text
