from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from pointsman.monitoring.monitors.backtest import replayed
from pointsman.monitoring.monitors.burn_rule import BurnWatch
from pointsman.monitoring.monitors.change_rule import ChangeWatch, CostWatch
from pointsman.monitoring.monitors.finding import NO_HISTORY, Finding, Open, Past, Rule, ladder
from pointsman.monitoring.monitors.rate_rule import RateWatch
from pointsman.monitoring.monitors.rulebook import SHIPPED, described, in_force, rules_of
from pointsman.monitoring.monitors.silence_rule import SilenceWatch
from pointsman.monitoring.monitors.spend_rule import SpendWatch
from pointsman.monitoring.monitors.tallies import Counts, MemoryCounts
from pointsman.monitoring.monitors.usual import level
from pointsman.routing.sections_monitors import (
    SHIPPED_RULES,
    BurnRule,
    ChangeRule,
    Monitors,
    RateRule,
    SilenceRule,
    SpendRule,
)
from pointsman.store.tallies import Tally

NOW = 29_500_000
DAY, WEEK = 1440, 10_080


def rate(**more: object) -> RateWatch:
    return RateWatch("r", RateRule.model_validate({"of": "tool_calls", "below": 0.95, **more}))


def flat(  # noqa: PLR0913, PLR0917 - minutes that are all the same, in one line
    rule: Rule, start: int, minutes: int, n: int, hits: int, series: str = "", counts: MemoryCounts | None = None
) -> MemoryCounts:
    counts = MemoryCounts() if counts is None else counts
    for minute in range(start, start + minutes):
        counts.add(rule.sources[0], minute, Tally(n, hits), series)
    return counts


def judge(rule: Rule, counts: Counts, now: int = NOW, past: Past = NO_HISTORY) -> Finding:
    [found] = rule.judge(counts, now, lambda _: past, [""])
    return found


def test_a_dip_fires_with_its_evidence() -> None:
    rule = rate()
    found = judge(rule, flat(rule, NOW - 15, 15, 14, 12))
    assert (found.state, found.n, found.hits, found.window, found.wider_than) == ("firing", 210, 180, 15, None)
    assert found.p is not None
    assert found.p < 2e-5
    assert found.text.startswith(
        "180 of 210 (85.7 %) tool calls that were valid in the last 15 min, below 95.0 % (p = "
    )


def test_a_share_below_the_bound_is_not_enough_without_evidence() -> None:
    rule = rate()
    assert judge(rule, flat(rule, NOW - 15, 15, 2, 1)).state == "firing"  # 15 of 30
    assert judge(rule, flat(rule, NOW - 7, 7, 3, 2)).state == "fine"  # 14 of 21: a third, and it may be chance
    assert judge(rule, flat(rule, NOW - 6, 6, 3, 0)).state == "unknown"  # 0 of 18: fewer than min_n, however bad


def test_low_traffic_widens_the_window_and_says_so() -> None:
    rule = rate()
    found = judge(rule, flat(rule, NOW - 6 * 60, 6 * 60, 1, 1))
    assert found.state == "fine"
    counts = MemoryCounts()
    for minute in range(NOW - 360, NOW, 3):
        counts.add(rule.source, minute, Tally(1, int(minute % 4 != 0)))
    found = judge(rule, counts)
    assert (found.state, found.wider_than) == ("firing", 15)
    assert "only 5 came in 15 min, so it looked back" in found.text


def test_no_data_is_unknown_and_never_resolves() -> None:
    rule = rate()
    was = Past(open=Open(NOW - 600, 0.5))
    found = judge(rule, MemoryCounts(), past=was)
    assert found.state == "unknown"
    # Old good turns, from before it fired, prove nothing either.
    old = flat(rule, NOW - 900, 100, 14, 14)
    assert judge(rule, old, past=was).state != "recovered"


def test_recovery_needs_enough_good_turns_after_it_fired() -> None:
    rule = rate()
    was = Past(open=Open(NOW - 20, 0.8))
    assert judge(rule, flat(rule, NOW - 1, 1, 19, 19), past=was).state != "recovered"  # too few
    assert judge(rule, flat(rule, NOW - 15, 15, 2, 2), past=was).state == "recovered"
    assert judge(rule, flat(rule, NOW - 15, 15, 20, 18), past=was).state != "recovered"  # below the bound still


def test_what_was_before_a_recovery_does_not_fire_again() -> None:
    rule = rate()
    counts = flat(rule, NOW - 300, 270, 5, 2)
    flat(rule, NOW - 30, 30, 5, 5, counts=counts)
    assert judge(rule, counts).state == "firing"
    assert judge(rule, counts, past=Past(since=NOW - 30)).state == "fine"


def test_a_fall_from_what_is_usual_shows_sooner() -> None:
    rule = rate()
    before = flat(rule, NOW - 2 * DAY, 2 * DAY - 15, 14, 14)
    flat(rule, NOW - 15, 15, 14, 13, counts=before)  # 92.9 %: at the bound of 95 % it could be chance
    assert judge(rule, flat(rule, NOW - 15, 15, 14, 13)).state == "fine"
    assert judge(rule, before).state == "firing"


def test_a_share_that_goes_down_for_days_is_no_noise() -> None:
    sliding = [Tally(200, round(200 * (0.97 - 0.10 * hour / 168))) for hour in range(168)]
    found = level(sliding)
    assert found is not None
    assert found.wander < 0.001  # 200 turns count for 170 at least


def test_hours_that_wander_count_for_less() -> None:
    chance = random.Random(7)
    steady = level([Tally(800, sum(chance.random() < 0.97 for _ in range(800))) for _ in range(48)])
    shaky = level([Tally(800, round(800 * chance.gauss(0.97, 0.02))) for _ in range(48)])
    odd = level([Tally(800, 776)] * 47 + [Tally(800, 200)])
    assert steady is not None
    assert shaky is not None
    assert odd is not None
    assert steady.worth(200) < 1.5
    assert shaky.worth(200) > 2
    assert (odd.share, odd.wander) == (0.97, 0.0)  # one incident does not make the next invisible
    assert level([Tally(800, 776)] * 11) is None


def test_series_are_judged_apart() -> None:
    rule = rate(per="model")
    counts = flat(rule, NOW - 15, 15, 14, 14, "a/good")
    flat(rule, NOW - 15, 15, 14, 5, "b/bad", counts)
    assert {one.series: one.state for one in rule.judge(counts, NOW, lambda _: NO_HISTORY, ())} == {
        "a/good": "fine",
        "b/bad": "firing",
    }


def test_a_burn_needs_both_windows_and_evidence() -> None:
    rule = BurnWatch("b", BurnRule.model_validate({"of": "errors", "objective": 0.99}))
    going_on = flat(rule, NOW - 60, 60, 10, 2)
    found = judge(rule, going_on)
    assert (found.state, found.severity, found.bound) == ("firing", "page", 14.4)
    over = flat(rule, NOW - 60, 50, 10, 2)
    flat(rule, NOW - 10, 10, 10, 0, counts=over)
    assert judge(rule, over).bound != 14.4  # the last five minutes are good
    one_failure = flat(rule, NOW - 60, 59, 1, 0)
    flat(rule, NOW - 1, 1, 1, 1, counts=one_failure)
    assert judge(rule, one_failure).state == "fine"  # 1 of 60 is any speed at all
    counts = MemoryCounts()  # one in fifty, for three days
    for minute in range(NOW - 3 * DAY, NOW):
        counts.add(rule.source, minute, Tally(10, int(minute % 5 == 0)))
    ticket = judge(rule, counts)
    assert (ticket.state, ticket.severity, ticket.window) == ("firing", "ticket", 3 * DAY)


def change(**more: object) -> ChangeWatch:
    return ChangeWatch("c", ChangeRule.model_validate({"of": "escalations", "by": 0.05, **more}))


def weeks(rule: Rule, shares: list[int], now: int, n: int = 10) -> MemoryCounts:
    counts = MemoryCounts()
    for back, hits in reversed(list(enumerate([now, *shares]))):
        flat(rule, NOW - back * WEEK - 60, 60, n, hits, counts=counts)
    return counts


def test_a_change_is_held_against_the_same_hours_of_earlier_weeks() -> None:
    rule = change()
    assert judge(rule, weeks(rule, [1, 1, 1, 1], 3)).state == "firing"
    assert judge(rule, weeks(rule, [1, 1, 1, 1], 1)).state == "fine"
    assert judge(rule, weeks(rule, [1], 5)).state == "unknown"  # one week is no habit
    assert judge(rule, weeks(rule, [0, 4, 1, 5], 5)).state == "fine"  # weeks that differ this much anyway
    down = change(direction="down")
    assert judge(down, weeks(down, [4, 4, 4, 4], 1)).state == "firing"


def test_cost_per_resolution_is_compared_with_its_error() -> None:
    rule = CostWatch(
        "c", ChangeRule.model_validate({"of": "cost_per_resolution", "by": 0.25, "window": "1d", "widen_to": "1d"})
    )

    def conversations(cost_now: float) -> MemoryCounts:
        counts = MemoryCounts()
        for back in (4, 3, 2, 1, 0):
            for minute in range(100):
                cost = (cost_now if back == 0 else 0.01) * (1 + minute % 7 / 10)
                at = NOW - back * WEEK - 200 + minute
                one = Tally(1, 1, round(cost * 1e12), cost * cost)
                counts.add(rule.source, at, one, "resolved" if minute % 5 else "not")
        return counts

    assert judge(rule, conversations(0.02)).state == "firing"
    assert judge(rule, conversations(0.0105)).state == "fine"
    assert "$0.0324 per resolved conversation (n = 100)" in judge(rule, conversations(0.02)).text
    assert judge(rule, MemoryCounts()).state == "unknown"


def spending(per: str, usd: str) -> SpendWatch:
    return SpendWatch("s", SpendRule.model_validate({"usd": usd, "per": per}))


def test_spending_is_projected_and_known_overruns_fire_at_once() -> None:
    midnight = NOW - NOW % DAY
    rule = spending("day", "10")

    def spent(each: float, minutes: int) -> MemoryCounts:
        counts = MemoryCounts()
        for minute in range(minutes):
            counts.add(rule.source, midnight + minute, Tally(1, 1, round(each * 1e12), each * each))
        return counts

    noon = midnight + 720
    assert judge(rule, spent(0.005, 720), noon).state == "fine"  # $3.60 by noon, $7.20 projected
    fired = judge(rule, spent(0.009, 720), noon)
    assert (fired.state, "$12.96 projected" in fired.text) == ("firing", True)
    assert judge(rule, spent(0.5, 30), midnight + 30).state == "firing"  # $15 spent: over, whatever comes
    assert judge(rule, spent(0.01, 10), midnight + 10).state == "unknown"
    assert judge(rule, spent(0.001, 720), noon, Past(open=Open(midnight, 1.2))).state == "recovered"


def test_silence_is_judged_by_what_usually_comes() -> None:
    rule = SilenceWatch("s", SilenceRule())
    counts = MemoryCounts()
    for back in (4, 3, 2, 1):
        flat(rule, NOW - back * WEEK - 400, 800, 1, 1, counts=counts)
    assert judge(rule, counts).state == "firing"
    assert judge(rule, MemoryCounts()).state == "unknown"
    flat(rule, NOW - 15, 15, 1, 1, counts=counts)
    assert judge(rule, counts).state == "fine"
    assert judge(rule, counts, past=Past(open=Open(NOW - 30, None))).state == "recovered"


def test_the_shipped_rules_are_those_the_policy_knows_by_name() -> None:
    assert {name for kind in SHIPPED.values() for name in kind} == set(SHIPPED_RULES)
    own = Monitors.model_validate({"off": ["silence"], "rates": {"error-rate": {"of": "errors", "above": 0.2}}})
    found = in_force(own)
    assert not found.silence
    assert found.rates["error-rate"].above == 0.2
    assert all(described(rule)["fires"] for rule in rules_of(own))
    assert rules_of(Monitors(defaults=False)) == ()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"of": "errors"}, "write below or above"),
        ({"of": "errors", "above": 0.1, "per": "tool"}, "tool goes with of: tool_calls"),
        ({"of": "first_token", "above": 0.1}, "over_ms goes with"),
        ({"of": "errors", "above": 0.1, "window": "1h", "widen_to": "15m"}, "widen_to must not be shorter"),
        ({"of": "errors", "above": 0.1, "window": "15"}, "must be a length of time"),
    ],
)
def test_rules_that_make_no_sense_are_refused(written: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RateRule.model_validate(written)


def test_windows_widen_in_known_steps() -> None:
    assert ladder(15, 1440) == (15, 60, 360, 1440)
    assert ladder(60, 600) == (60, 360, 600)
    assert ladder(30, 30) == (30,)


def simulated(share: Callable[[int], float], minutes: int, per_minute: int, seed: int) -> list[int]:
    """Return the minutes at which the rule fires."""
    rule, chance = rate(), random.Random(seed)
    counts = MemoryCounts()
    for minute in range(minutes):
        hits = sum(chance.random() < share(minute) for _ in range(per_minute))
        counts.add(rule.source, minute, Tally(per_minute, hits))
    return [alarm.at for alarm in replayed([rule], counts, 0, minutes - 1)]


def test_healthy_days_page_nobody_and_a_dip_is_seen_in_a_quarter_of_an_hour() -> None:
    """A small part of benchmarks/monitor_simulation.py: the tables there rest on thousands of days."""
    assert simulated(lambda _: 0.97, 3 * DAY, 14, 1) == []
    begins = DAY + 300
    delays = [
        simulated(lambda m: 0.87 if m >= begins else 0.97, begins + 30, 14, seed)[0] - begins for seed in range(4)
    ]
    assert sorted(delays)[1] <= 15
