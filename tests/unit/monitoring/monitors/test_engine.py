from __future__ import annotations

import msgspec

from pointsman.monitoring.canary import begin_again
from pointsman.monitoring.drift.watching import Drift
from pointsman.monitoring.incidents import joined, known, related
from pointsman.monitoring.incidents_acting import Acting
from pointsman.monitoring.monitors.backtest import counts_of, replayed
from pointsman.monitoring.monitors.engine import Engine
from pointsman.monitoring.monitors.firing import firing, incident_for
from pointsman.monitoring.monitors.folding import Folder
from pointsman.monitoring.monitors.measures import count
from pointsman.monitoring.monitors.stored_counts import StoredCounts
from pointsman.monitoring.monitors.tallies import Source
from pointsman.routing.canaries import trial_id
from pointsman.routing.sections_canary import Canary
from pointsman.routing.sections_monitors import Monitors
from pointsman.store import Store
from pointsman.store.incidents import Incident, IncidentReader
from pointsman.store.outbox import deliveries
from pointsman.store.outcomes import OutcomeReport, Outcomes, Report
from pointsman.store.promotions import Promotions
from pointsman.store.tallies import Tally
from support.watched import MINUTE_US, MODEL, OTHER, START, minutes, turn, write

SINK = {"webhooks": {"ops": {"url": "http://127.0.0.1:1/", "secret_env": "S"}}}
ONE_RULE = {"defaults": False, "rates": {"errors": {"of": "errors", "above": 0.05}}, "sinks": SINK}


def engine(store: Store, **written: object) -> Engine:
    return Engine(store, Monitors.model_validate(written or ONE_RULE))


def at(minute: int) -> int:
    return (START + minute) * MINUTE_US


def run(watching: Engine, first: int, last: int) -> None:
    for minute in range(first, last + 1):
        watching.evaluate(at(minute))


def only(store: Store) -> Incident:
    [incident] = IncidentReader(store).all()
    return incident


def kinds(store: Store) -> list[str]:
    return [event.kind for event in IncidentReader(store).timeline(only(store).id)]


def test_an_incident_opens_once_and_resolves_on_recovery(store: Store) -> None:
    watching = engine(store)
    minutes(store, START, 10, n=14)
    run(watching, 1, 10)
    assert IncidentReader(store).all() == []
    minutes(store, START + 10, 20, n=14, bad=4)
    run(watching, 11, 30)
    incident = only(store)
    assert (incident.state, incident.severity, incident.subject) == ("open", "page", MODEL)
    linked = IncidentReader(store).turns(incident.id)
    assert linked
    assert all(store.turn(one).status == "error" for one in linked)  # type: ignore[union-attr]
    minutes(store, START + 30, 30, n=14)
    run(watching, 31, 60)
    assert only(store).state == "resolved"
    assert kinds(store) == ["opened", "recovered", "resolved"]
    assert [one.event for one in deliveries(store)] == ["resolved", "opened"]


def test_when_turns_stop_nothing_resolves(store: Store) -> None:
    watching = engine(store)
    minutes(store, START, 15, n=14, bad=5)
    run(watching, 15, 15)
    for minute in (60, 600, 3000):
        watching.evaluate(at(minute))
    assert only(store).state == "open"


def test_a_restart_forgets_nothing_and_counts_nothing_twice(store: Store) -> None:
    minutes(store, START, 15, n=14, bad=5)
    for _ in range(3):
        engine(store).evaluate(at(15))
    source = engine(store).rules[0].sources[0]
    assert StoredCounts(store, simulated=False).between(source, START, START + 15) == {"": Tally(210, 105)}
    assert kinds(store) == ["opened"]
    assert len(deliveries(store)) == 1


def test_a_new_rule_counts_the_turns_that_are_there_already(store: Store) -> None:
    minutes(store, START, 15, n=14, bad=5)
    engine(store).evaluate(at(15))
    minutes(store, START + 15, 5, n=14)
    both = {**ONE_RULE, "rates": {"slow": {"of": "model_calls", "above": 0.05, "per": "model"}}}
    found = engine(store, **both).evaluate(at(20))
    assert [(one.rule, one.n) for _, one in found.findings] == [("slow", 210.0)]
    errors = Source("errors")
    assert StoredCounts(store, simulated=False).between(errors, START, START + 20) == {"": Tally(210, 105)}
    engine(store).evaluate(at(20))
    assert StoredCounts(store, simulated=False).between(errors, START, START + 20) == {"": Tally(280, 105)}


def test_old_minutes_become_hours_and_keep_their_sums(store: Store) -> None:
    source = Source("errors")
    minutes(store, START, 15, n=2, bad=5)
    folder = Folder(store, [source])
    assert folder.catch_up(at(15))
    assert folder.catch_up(at(9 * 1440 + 60))
    counts = StoredCounts(store, simulated=False)
    hour = START - START % 60
    assert counts.between(source, hour, hour + 60) == {"": Tally(30, 15)}
    with store.reading() as connection:
        assert connection.execute("SELECT DISTINCT minute % 60 FROM tally").fetchall() == [(0,)]


def test_one_cause_is_one_incident_and_two_are_two(store: Store) -> None:
    watching = engine(store, sinks=SINK)
    minutes(store, START, 15, n=14, bad=5)
    minutes(store, START, 15, n=14, bad=5, model=OTHER, how={"tool_ok": False}, tool_ok=True)
    run(watching, 15, 16)
    incidents = {(one.family, one.subject) for one in IncidentReader(store).all()}
    assert incidents == {("service", MODEL), ("quality", OTHER)}
    service = next(one for one in IncidentReader(store).all() if one.family == "service")
    rules = {signal.rule for signal in IncidentReader(store).signals(service.id)}
    assert rules == {"error-rate", "model-errors", "error-budget"}
    assert len([one for one in deliveries(store) if one.event == "opened"]) == 2


def test_real_and_simulated_turns_never_mix(store: Store) -> None:
    watching = engine(store)
    minutes(store, START, 15, n=14)
    minutes(store, START, 15, n=14, bad=9, simulated=True)
    watching.evaluate(at(15))
    assert only(store).simulated
    told = deliveries(store)[0]
    assert told.event == "opened"
    no_simulated = {"webhooks": {"ops": {**SINK["webhooks"]["ops"], "simulated": False, "url": "http://127.0.0.1:2/"}}}
    Engine(
        store, Monitors.model_validate({**ONE_RULE, "sinks": {"webhooks": {"b": no_simulated["webhooks"]["ops"]}}})
    ).evaluate(at(16))
    assert [one.sink for one in deliveries(store)] == ["ops"]


def test_acknowledge_silence_resolve_and_note(store: Store) -> None:
    section = Monitors.model_validate(ONE_RULE)
    watching = engine(store)
    minutes(store, START, 15, n=14, bad=5)
    watching.evaluate(at(15))
    acting = Acting(store, section, at(16))
    name = only(store).id
    assert acting.acknowledge(name[:6], "ana").state == "acknowledged"
    assert acting.acknowledge(name, "ana").acknowledged_us == at(16)
    acting.note(name, "ana", "the provider was down")
    assert acting.resolve(name, "ana", "failed over").state == "resolved"
    assert kinds(store) == ["opened", "acknowledged", "note", "resolved"]
    assert known(IncidentReader(store), name).note == "the provider was down"
    watching.evaluate(at(17))
    assert len(IncidentReader(store).all()) == 1  # what was counted before it was resolved is not held against it
    minutes(store, START + 17, 15, n=14, bad=5)
    watching.evaluate(at(32))
    assert len(IncidentReader(store).all()) == 2


def test_what_is_silenced_is_told_afterwards_if_it_still_goes_on(store: Store) -> None:
    section = Monitors.model_validate(ONE_RULE)
    minutes(store, START, 15, n=14, bad=5)
    quiet = Engine(store, section.model_copy(update={"sinks": section.sinks.model_copy(update={"webhooks": {}})}))
    quiet.evaluate(at(15))
    Acting(store, section, at(15)).silence(only(store).id, "ana", 600, "known")
    engine(store).evaluate(at(20))
    assert deliveries(store) == []
    engine(store).evaluate(at(26))
    assert [one.event for one in deliveries(store)] == ["opened"]


def test_a_rule_that_is_taken_out_ends_its_incident(store: Store) -> None:
    minutes(store, START, 15, n=14, bad=5)
    engine(store).evaluate(at(15))
    engine(store, defaults=False).evaluate(at(16))
    assert only(store).state == "resolved"
    assert "no longer has this rule" in IncidentReader(store).timeline(only(store).id)[1].text


def test_whoever_ends_a_trial_can_ask_whether_a_monitor_fires(store: Store) -> None:
    minutes(store, START, 15, n=14, bad=5)
    engine(store, sinks=SINK).evaluate(at(15))
    assert firing(store, "model-errors", only={"model": MODEL}) is not None
    assert firing(store, "model-errors", only={"model": OTHER}) is None
    assert firing(store, "model-errors", simulated=True) is None
    found = incident_for(store, "error-rate", MODEL)
    assert found is not None
    assert found[0] == only(store).id
    assert incident_for(store, "error-rate", OTHER) is None


def test_a_trial_that_begins_again_is_judged_by_what_comes_then(store: Store) -> None:
    canary = Canary(replaces=OTHER, model=MODEL, share=0.5, rollback_on=("tool-call-success",))
    minutes(store, START, 15, n=4, tool_ok=False)
    watching = engine(store, sinks=SINK)
    watching.evaluate(at(15))
    found = incident_for(store, "tool-call-success", MODEL, simulated=False)
    assert found is not None
    assert incident_for(store, "tool-call-success", MODEL, simulated=True) is None
    trial = trial_id("mini", canary)
    assert not begin_again(store, "mini", canary, ("ana", ""), at(16))  # it runs
    Promotions(store).change_trial(trial, "stop", ("monitor:tool-call-success", found[1]), found[0])
    watching.evaluate(at(30))
    assert incident_for(store, "tool-call-success", MODEL) is not None  # it is asked no longer, so nothing recovers

    assert begin_again(store, "mini", canary, ("ana", "mended"), at(31))
    watching.evaluate(at(31))
    assert incident_for(store, "tool-call-success", MODEL) is None
    assert only(store).state == "resolved"
    assert [one.who for one in IncidentReader(store).timeline(only(store).id) if one.kind == "recovered"] == ["ana"]
    minutes(store, START + 31, 15, n=4, tool_ok=False)
    watching.evaluate(at(46))
    assert incident_for(store, "tool-call-success", MODEL) is not None


def test_a_backtest_says_when_it_would_have_fired_and_writes_nothing(store: Store) -> None:
    minutes(store, START, 30, n=14)
    minutes(store, START + 30, 15, n=14, bad=4)
    minutes(store, START + 45, 40, n=14)
    rules = engine(store).rules
    counts = counts_of(store, rules, at(0), at(85), simulated=False)
    [alarm] = replayed(rules, counts, START, START + 85)
    assert START + 30 < alarm.at <= START + 40
    assert alarm.until is not None
    assert IncidentReader(store).all() == []


def test_outcomes_are_counted_by_conversation(store: Store) -> None:
    write(store, [turn(f"t{n}", START, conversation=f"c{n // 2}") for n in range(40)])
    outcomes = Outcomes(store)
    for n in range(20):
        outcomes.report_sync(Report(f"c{n}", OutcomeReport(resolved=n % 4 != 0, escalated=False), at(1)))
    counts = StoredCounts(store, simulated=False)
    assert counts.between(Source("resolutions"), START, START + 5) == {"": Tally(20.0, 15.0)}
    assert counts.between(Source("handoffs", per="route"), START, START + 5) == {"tools": Tally(20.0, 0.0)}
    assert counts.between(Source("resolutions", (("model", OTHER),)), START, START + 5) == {}
    costs = counts.between(Source("cost_per_resolution"), START, START + 5)
    assert (costs["resolved"].n, costs["not"].n, costs["resolved"].usd) == (15, 5, 0.03)


def test_what_a_turn_counts_as() -> None:
    failed = turn("a", START, status="error")
    assert list(count(failed, Source("errors"))) == [("", Tally(1, 1))]
    refused = msgspec.structs.replace(failed, http_status=429)
    assert list(count(refused, Source("errors"))) == []
    client = turn("c", START, status="cancelled")
    assert list(count(client, Source("errors"))) == []
    tools = turn("d", START, tool_ok=False)
    assert list(count(tools, Source("tool_calls", per="tool"))) == [("refund", Tally(1, 0))]
    assert list(count(tools, Source("tool_calls", (("tool", "other"),)))) == []
    assert list(count(turn("e", START, tier="flagship"), Source("escalations"))) == [("", Tally(1, 1))]
    assert list(count(turn("f", START), Source("spend"))) == [("", Tally(1, 1, 1_000_000_000, 1e-06))]
    assert list(count(turn("g", START, ttft_ms=2500.0), Source("first_token", detail="2000"))) == [("", Tally(1, 1))]
    assert list(count(turn("h", START), Source("first_token", detail="2000"))) == []  # not streamed: unknown, not fast


def test_an_alertmanager_is_told_again_while_it_goes_on(store: Store) -> None:
    watching = engine(store, **{**ONE_RULE, "sinks": {"alertmanager": {"am": {"url": "http://127.0.0.1:1"}}}})
    minutes(store, START, 60, n=14, bad=5)
    run(watching, 15, 60)
    assert [one.event for one in deliveries(store)] == ["refresh", "refresh", "opened"]


def test_a_ticket_that_becomes_a_page_is_told_as_worse(store: Store) -> None:
    rules = {"slow": {"of": "errors", "above": 0.01, "severity": "ticket"}, "fast": {"of": "errors", "above": 0.3}}
    only_pages = {"url": "http://127.0.0.1:1/", "secret_env": "S", "severities": ["page"]}
    sinks = {"webhooks": {"all": SINK["webhooks"]["ops"], "pages": only_pages}}
    watching = engine(store, defaults=False, rates=rules, sinks=sinks)
    minutes(store, START, 15, n=14, bad=2)
    watching.evaluate(at(15))
    assert only(store).severity == "ticket"
    assert [(one.sink, one.event) for one in deliveries(store)] == [("all", "opened")]
    minutes(store, START + 15, 15, n=14, bad=9)
    watching.evaluate(at(30))
    assert only(store).severity == "page"
    assert {(one.sink, one.event) for one in deliveries(store)} == {
        ("all", "opened"),
        ("all", "worse"),
        ("pages", "opened"),
    }


def test_another_id_under_the_same_name_opens_an_incident_that_ends_by_hand(store: Store) -> None:
    section = Monitors.model_validate({"defaults": False, "sinks": SINK})
    watching = Engine(store, section, Drift(store, section.drift))
    minutes(store, START, 10, n=5, served="gpt-5-mini-2025-08-07")
    watching.evaluate(at(10))
    assert IncidentReader(store).all() == []
    minutes(store, START + 10, 1, n=5, served="gpt-5-mini-2026-11-01")
    watching.evaluate(at(11))
    incident = only(store)
    assert (incident.family, incident.subject, incident.severity) == ("provider", MODEL, "ticket")
    assert "answers as gpt-5-mini-2026-11-01" in IncidentReader(store).timeline(incident.id)[0].text
    watching.evaluate(at(3000))
    assert only(store).state == "open"
    Acting(store, section, at(3001)).resolve(incident.id, "ana", "announced")
    watching.evaluate(at(3002))
    assert len(IncidentReader(store).all()) == 1


def test_a_mix_that_moved_is_a_ticket(store: Store) -> None:
    section = Monitors.model_validate({"defaults": False, "drift": {"window": "1d", "baseline": "2d"}})
    watching = Engine(store, section, Drift(store, section.drift))
    minutes(store, START, 60, n=10, intent="refund")
    minutes(store, START + 2000, 60, n=10, intent="outage")
    watching.evaluate(at(2100))
    incident = only(store)
    assert (incident.family, incident.subject) == ("input", "all")
    assert "the mix of intent moved" in IncidentReader(store).timeline(incident.id)[0].text


def test_subjects_of_one_provider_are_related() -> None:
    assert related(MODEL, "openai/gpt-5")
    assert related(MODEL, "openai")
    assert related(MODEL, "all")
    assert not related(MODEL, OTHER)
    assert joined(MODEL, "openai/gpt-5") == "openai"
    assert joined("all", MODEL) == "all"
