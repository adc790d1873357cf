from __future__ import annotations

from collections.abc import Callable

import pytest

from pointsman.domain.decision import Decision
from pointsman.domain.message import Message, Text, Tool, ToolCall, ToolResult
from pointsman.domain.money import in_dollars
from pointsman.domain.turn import Session, Turn
from pointsman.routing.router import Routing

Build = Callable[..., Routing]
Ask = Callable[..., Turn]
Decide = Callable[..., Decision]


def names(decision: Decision, kind: str = "rule") -> list[str]:
    return [reason.name for reason in decision.reasons if reason.kind == kind]


def test_nothing_recognised_goes_to_the_default_route_and_says_so(build: Build, ask: Ask, decide: Decide) -> None:
    routing = build("rules: [{name: upset, when: sentiment.negative, floor: plan}]\n")
    decision = decide(routing, ask("zzz qqq"))
    assert decision.route == "tools"
    assert decision.reasons[0].text == "nothing recognised: default route tools"
    assert decision.confidence is None


def test_the_first_match_of_each_kind_counts(build: Build, ask: Ask, decide: Decide) -> None:
    routing = build("""
rules:
  - {name: never, when: size.tokens > 100000, prefer: plan}
  - {name: one, when: "true", prefer: direct}
  - {name: two, when: "true", prefer: plan}
""")
    decision = decide(routing, ask("hello"))
    assert decision.route == "direct"
    assert names(decision) == ["one"]


def test_a_floor_wins_over_ceiling_pin_and_preference(build: Build, ask: Ask, decide: Decide) -> None:
    routing = build("""
rules:
  - {name: cheap, when: "true", prefer: direct}
  - {name: cap, when: "true", ceiling: direct}
  - {name: fix, when: "true", pin: summarize}
  - {name: safe, when: "true", floor: plan}
""")
    decision = decide(routing, ask("hello"))
    assert decision.route == "plan"
    assert decision.tier == "flagship"
    assert names(decision) == ["cheap", "cap", "fix", "safe"]


def test_a_ceiling_lowers_and_a_pin_ignores_it(build: Build, ask: Ask, decide: Decide) -> None:
    capped = build("rules: [{name: cap, when: 'true', ceiling: direct}]\n")
    assert decide(capped, ask("hello")).route == "direct"
    pinned = build("""
rules:
  - {name: cap, when: "true", ceiling: direct}
  - {name: fix, when: "true", pin: plan}
""")
    assert decide(pinned, ask("hello")).route == "plan"


def test_a_floor_also_lifts_a_pinned_small_model(build: Build, ask: Ask, decide: Decide) -> None:
    routing = build("""
rules:
  - {name: fix, when: "true", pin: anthropic/claude-haiku-4-5}
  - {name: safe, when: "true", floor: plan}
""")
    assert decide(routing, ask("hello")).tier == "flagship"


def test_a_tier_or_model_can_be_pinned_or_preferred(build: Build, ask: Ask, decide: Decide) -> None:
    tier = build("rules: [{name: r, when: 'true', pin: flagship}]\n")
    assert decide(tier, ask("hello")).tier == "flagship"
    model = build("rules: [{name: r, when: 'true', pin: openai/gpt-5.5}]\n")
    assert decide(model, ask("hello")).model == "openai/gpt-5.5"
    prefer = build("rules: [{name: r, when: 'true', prefer: openai/gpt-5.4}]\n")
    decision = decide(prefer, ask("hello"))
    assert (decision.route, decision.model) == ("tools", "openai/gpt-5.4")
    assert "what the rule prefers" in decision.reasons[-1].text


def test_a_rule_that_fails_on_a_turn_counts_as_not_matched_and_is_reported(
    build: Build, ask: Ask, decide: Decide
) -> None:
    routing = build("""
rules:
  - {name: gold, when: "turn.metadata['plan'] == 'gold'", floor: plan}
  - {name: rest, when: "true", prefer: direct}
""")
    decision = decide(routing, ask("hello"))
    assert decision.route == "direct"
    assert "counts as not matched: no such key" in next(r.text for r in decision.reasons if r.name == "gold")
    assert decide(routing, ask("hello", metadata={"plan": "gold"})).route == "plan"


def test_a_yes_to_an_open_risky_action_is_never_direct(build: Build, ask: Ask, decide: Decide) -> None:
    rules = "rules: [{name: cheap, when: 'true', prefer: direct}]\n"
    turn = ask("I want my money back for order 12.", "I can refund $40 to your card. Shall I go ahead?", "yes")
    decision = decide(build(rules), turn)
    assert decision.route == "tools"
    assert "approval-guard" in names(decision)
    assert decision.runner_up is not None
    assert decision.runner_up.flips_if == "this were not a yes to an open risky action"
    assert decide(build(rules + "safety: {approval_floor: plan}\n"), turn).route == "plan"
    assert decide(build(rules + "safety: {approval_floor: 'off'}\n"), turn).route == "direct"


def test_the_session_can_say_that_a_risky_action_is_open(build: Build, ask: Ask, decide: Decide) -> None:
    routing = build("rules: [{name: cheap, when: 'true', prefer: direct}]\n")
    session = Session(conversation_id="c", open_risky_action="refund")
    assert decide(routing, ask("go ahead"), session).route == "tools"


def test_the_runner_up_says_which_rule_would_have_had_to_fail(build: Build, ask: Ask, decide: Decide) -> None:
    routing = build("""
rules:
  - {name: cheap, when: "size.tokens < 1000", prefer: direct}
  - {name: upset, when: "sentiment.negative || history.escalated", floor: plan}
""")
    decision = decide(routing, ask("This is a disgrace, I am furious with you!"))
    assert decision.route == "plan"
    second = decision.runner_up
    assert second is not None
    assert second.route == "direct"
    assert second.flips_if.startswith("rule 'upset' did not hold: sentiment.negative || history.escalated; now ")
    assert "sentiment.negative = true" in second.flips_if


def test_on_the_default_route_the_runner_up_names_the_rule_that_was_missing(
    build: Build, ask: Ask, decide: Decide
) -> None:
    routing = build("rules: [{name: short, when: 'size.tokens < 0', prefer: direct}]\n")
    second = decide(routing, ask("zzz qqq")).runner_up
    assert second is not None
    assert second.route == "direct"
    assert second.flips_if.startswith("rule 'short' held: size.tokens < 0; now size.tokens = ")


def test_else_the_runner_up_is_the_next_model_by_cost(build: Build, ask: Ask, decide: Decide) -> None:
    decision = decide(build(), ask("zzz qqq"))
    second = decision.runner_up
    assert second is not None
    assert second.route == "tools"
    assert decision.expected_cost_usd is not None
    assert second.expected_cost_usd is not None
    gap = second.expected_cost_usd - decision.expected_cost_usd
    assert gap > 0
    assert second.flips_if == f"it cost {in_dollars(gap)} less per turn"


def test_a_tool_loop_keeps_its_model_whatever_the_rules_say(
    build: Build, decide: Decide, tools: tuple[Tool, ...]
) -> None:
    routing = build("rules: [{name: cheap, when: 'true', prefer: direct}]\n")
    turn = loop(tools)
    session = Session(conversation_id="c", turns=1, last_model="openai/gpt-5.5", last_route="plan")
    decision = decide(routing, turn, session)
    assert (decision.route, decision.model) == ("plan", "openai/gpt-5.5")
    assert decision.reasons[0].kind == "sticky"
    assert decision.runner_up is not None
    assert decision.runner_up.flips_if == "no tool loop were open"
    free = build("rules: [{name: cheap, when: 'true', prefer: direct}]\nsticky: {hold_in_tool_loop: false}\n")
    assert decide(free, turn, session).route == "direct"


def test_a_tool_loop_whose_model_is_gone_is_routed_anew_and_says_why(
    build: Build, decide: Decide, tools: tuple[Tool, ...]
) -> None:
    session = Session(last_model="openai/gpt-5.5", last_route="plan")
    decision = decide(build(), loop(tools), session, unhealthy={"openai/gpt-5.5": "3 failures in a row"})
    assert decision.model != "openai/gpt-5.5"
    assert "cannot go on: set aside: 3 failures in a row" in " ".join(r.text for r in decision.reasons)
    unknown = decide(build(), loop(tools), Session(last_model="gone/model"))
    assert "not in the catalogue" in " ".join(r.text for r in unknown.reasons)


def loop(tools: tuple[Tool, ...]) -> Turn:
    return Turn(
        messages=(
            Message("user", (Text("Where is order 12?"),)),
            Message("assistant", (ToolCall("c1", "lookup_order", "{}"),)),
            Message("tool", (ToolResult("c1", (Text('{"status": "shipped"}'),), "lookup_order"),)),
        ),
        tools=tools,
    )


def test_predicted_steps_go_small_and_the_answer_goes_to_the_flagship(
    starter: Build, ask: Ask, decide: Decide, tools: tuple[Tool, ...]
) -> None:
    routing = starter("tool-steps-small")
    first = decide(routing, ask("Please look up order 12 and tell me its status", tools=tools))
    assert first.tier == "small"
    assert any("predicted a tool step" in reason.text for reason in first.reasons)
    last = decide(routing, loop(tools))
    assert last.tier == "flagship"
    assert any("predicted the final answer" in reason.text for reason in last.reasons)
    assert last.runner_up is not None
    assert last.runner_up.flips_if == "the next step were predicted to be a tool step"


@pytest.mark.parametrize(
    ("planned", "sign"),
    [
        (("call_tool", "open_ticket"), "the plan calls for open_ticket"),
        (("call_tool", "lookup_order"), None),
        (("call_tool", "not_offered"), None),
        (("reply", "open_ticket"), None),
    ],
)
def test_the_plan_tells_whether_the_loop_goes_on(
    starter: Build, decide: Decide, tools: tuple[Tool, ...], planned: tuple[str, str], sign: str | None
) -> None:
    offered = (*tools, Tool("open_ticket", "Open a ticket", {"type": "object"}))
    decision = decide(
        starter("tool-steps-small"), loop(offered), Session(planned_action=planned[0], planned_tool=planned[1])
    )
    assert decision.tier == ("small" if sign else "flagship")
    assert sign is None or any(sign in reason.text for reason in decision.reasons)


def test_the_answer_to_a_planned_question_leads_to_its_tool(
    starter: Build, ask: Ask, decide: Decide, tools: tuple[Tool, ...]
) -> None:
    session = Session(planned_action="ask_clarifying", planned_tool=tools[0].name)
    decision = decide(starter("tool-steps-small"), ask("The blue one", tools=tools), session)
    assert decision.tier == "small"
    assert any("the last plan asked the customer" in reason.text for reason in decision.reasons)


def test_a_floor_keeps_an_upset_customers_tool_step_on_the_flagship(
    starter: Build, ask: Ask, decide: Decide, tools: tuple[Tool, ...]
) -> None:
    decision = decide(starter("tool-steps-small"), ask("I am furious! Look up order 12 right now!", tools=tools))
    assert decision.tier == "flagship"
    assert any("but a floor holds plan" in reason.text for reason in decision.reasons)


def test_a_turn_without_messages_or_words_is_decided_too(build: Build, ask: Ask, decide: Decide) -> None:
    assert decide(build(), Turn(messages=())).route == "tools"
    assert decide(build(), ask("")).route == "tools"


def test_a_guard_without_a_route_to_go_to_says_so(build: Build, ask: Ask, decide: Decide) -> None:
    base = """
version: 1
providers: {anthropic: {host: anthropic}}
tiers: {small: [anthropic/claude-haiku-4-5]}
routes: {direct: {tiers: [small]}}
default_route: direct
"""
    turn = ask("I want my money back for order 12.", "I can refund $40 to your card. Shall I go ahead?", "yes")
    decision = decide(build(base=base), turn)
    assert decision.route == "direct"
    assert "but this policy has no such route" in decision.reasons[-2].text


def test_a_pinned_model_outside_the_policy_counts_as_eligible(build: Build, ask: Ask, decide: Decide) -> None:
    decision = decide(build(), ask("hello"), pin="openai/gpt-4o")
    assert decision.model in decision.eligible
