from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.catalog.book import Catalog
from pointsman.domain.figures import Rate
from pointsman.domain.record import CheckRecord
from pointsman.domain.usage import Usage
from pointsman.errors import NotFound, RequestError
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.asking.slice import DIMENSIONS, EVERYTHING, Slice
from pointsman.monitoring.columns import sketch
from pointsman.monitoring.columns.rows import STEP_COLUMNS, RowMaker
from pointsman.monitoring.columns.schema import PARTS, TABLES
from pointsman.monitoring.columns.splitting import Splitter
from pointsman.monitoring.questions.cost import Cost
from pointsman.monitoring.questions.latency import Latency
from pointsman.monitoring.questions.registry import QUESTIONS
from pointsman.monitoring.questions.resolution import Resolutions
from pointsman.monitoring.questions.savings import Savings
from pointsman.monitoring.questions.series import Series
from pointsman.monitoring.questions.turns import Turns
from pointsman.store import Store, open_store
from pointsman.store.bodies import Codec
from pointsman.store.outcomes import OutcomeReport, Outcomes, Report
from pointsman.store.rows import gather_bodies, step_row, turn_row
from unit.monitoring.conftest import HOUR_US, NOW_US, OPUS, Keep, step, turn

_SPLIT = (
    "report",
    "mix",
    "cost",
    "savings",
    "latency",
    "health",
    "tools",
    "conformance",
    "escalations",
    "resolution",
    "series",
)
_PICO = 1_000_000_000_000
_STEP_ROW = (
    "turn_seq n purpose model status duration_ms attempt http_status error_code error_text stop_reason input_uncached output"
    " cache_read cache_write cache_write_1h reasoning estimated cost_pico ttft_ms relayed upstream_model request_id prompt"
)


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Iterator[Asker]:
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('nothing')}/store.db?durability=normal") as store:
        yield _folded(store, catalog)


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog) -> Iterator[Asker]:
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('little')}/store.db?durability=normal") as store:
        store.append_sync(turn(1, checks=(CheckRecord("contract x@1", True, "m", "released"),)))
        store.append_sync(turn(2, status="error", error_code="overloaded"))
        yield _folded(store, catalog)


def _folded(store: Store, catalog: Catalog) -> Asker:
    asker = Asker(store, catalog, {"flagship": OPUS, "mid": "anthropic/claude-sonnet-4-6"}, clock=lambda: NOW_US)
    asker.fold()
    return asker


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_answers_on_nothing_on_a_little_and_by_every_dimension(
    name: str, nothing: Asker, little: Asker
) -> None:
    assert msgspec.json.encode(nothing.ask(name, EVERYTHING, ("route",)))
    assert msgspec.json.encode(little.ask(name, Slice(simulated="no"), DIMENSIONS))
    if name in _SPLIT:
        with pytest.raises(RequestError, match="cannot be split"):
            little.ask(name, EVERYTHING, ("a; DROP TABLE turn",))


def test_what_is_not_known_is_refused_in_words(keep: Keep) -> None:
    asker = keep(turn(1))
    with pytest.raises(NotFound, match="there are turns, report"):
        asker.ask("nonsense")
    with pytest.raises(RequestError, match="neither a filter nor an option"):
        asker.ask("series", options={"off": "x"})
    with pytest.raises(RequestError, match="does not fit"):
        asker.ask("series", options={"of": "x"})
    with pytest.raises(RequestError, match="no time zone"):
        asker.ask("series", options={"zone": "../../etc/passwd"})
    with pytest.raises(RequestError, match="is no filter"):
        Slice.from_query([("modle", "x")])


tokens = st.integers(0, 2_000_000)
calls = st.lists(
    st.tuples(
        st.sampled_from(["reply", "route", "plan", "summary", "verify"]),
        st.sampled_from(["ok", "error", "broken", "cancelled"]),
        st.builds(Usage, tokens, tokens, st.none() | tokens, st.none() | tokens, st.none(), st.none() | tokens),
        st.booleans(),
    ),
    max_size=5,
)


@given(calls)
def test_the_parts_of_a_cost_add_up_to_the_pico_dollar(catalog: Catalog, made: list[Any]) -> None:
    record = turn(
        1,
        *[
            step(usage, purpose=purpose, status=status, **({} if priced else {"cost_usd": Decimal("0.123456789")}))
            for purpose, status, usage, priced in made
        ],
    )
    store_row = turn_row(record, 1, gather_bodies(record), Codec())
    names = [name.strip() for name in STEP_COLUMNS.split(",")]
    order = _STEP_ROW.split()
    rows = [dict(zip(order, step_row(one, 1, n), strict=False)) for n, one in enumerate(record.steps)]
    batch = RowMaker(Splitter(catalog)).batch(
        [_pick(store_row)], [tuple(row[name] for name in names) for row in rows], {}
    )
    folded = dict(zip([name for name, _ in TABLES["turn"]], batch.turn[0], strict=True))
    parts = [folded[f"cost_{name}"] for name in PARTS]
    assert record.cost_usd is not None
    assert sum(parts) == folded["cost"] == int(record.cost_usd * _PICO)
    assert all(part >= 0 for part in parts)


def _pick(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a stored turn's row in the order of ``TURN_COLUMNS``: without the columns the fold does not read."""
    left_out = (6, 25, 31, 32)  # requested_model, cache_write_1h, reply_hash, manifest
    return tuple(value for n, value in enumerate(row) if n not in left_out)


@given(st.lists(st.floats(1e-3, 1e7), min_size=1, max_size=300), st.sampled_from([0.05, 0.5, 0.95, 0.99]))
def test_a_quantile_of_the_sketch_is_within_one_percent(values: list[float], share: float) -> None:
    half = len(values) // 2
    counts: dict[int, int] = {}
    for part in (values[:half], values[half:]):  # merged from two
        for value in part:
            index = cast("int", sketch.bucket(value))
            counts[index] = counts.get(index, 0) + 1
    exact = sorted(values)[max(1, math.ceil(len(values) * share - 1e-9)) - 1]
    found = sketch.quantile(counts, share)
    assert found == pytest.approx(exact, rel=0.01)
    low, high = sketch.interval(counts, share)
    assert low is None or low <= cast("float", found)
    assert high is None or high >= cast("float", found)


def test_the_waterfall_names_what_each_call_was_for(keep: Keep) -> None:
    plan = step(Usage(2000, 0), purpose="plan")
    lost = step(Usage(100, 0), status="broken")
    odd = step(cost_usd=Decimal("0.5"))
    asker = keep(turn(1, plan, lost, step()), turn(2, odd), turn(3, step(cost_usd=None)))
    cost = cast("Cost", asker.ask("cost")).total
    assert cost is not None
    parts = {part.kind: part.usd for part in cost.parts}
    assert parts["planner"] == Decimal("0.002")
    assert parts["retries"] == Decimal("0.0001")
    assert parts["unsplit"] == Decimal("0.5")
    assert parts["input"] == Decimal("0.001")
    assert parts["reasoning"] == Decimal("0.0002")
    assert parts["output"] == Decimal("0.0003")
    assert parts["shadow"] is None
    assert sum(value for value in parts.values() if value is not None) == cost.turns_usd == cost.total_usd
    assert cost.known == Rate(2, 3)


def test_cost_per_resolution_counts_conversations_and_the_people_who_took_over(store: Store, keep: Keep) -> None:
    asker = keep(*[turn(n, step(Usage(1000 * (1 + n), 0))) for n in range(9)])
    outcomes = Outcomes(store)
    for name, resolved, people in (("conv_0", True, None), ("conv_1", False, Decimal(4))):
        said = OutcomeReport(resolved=resolved, handoff_cost_usd=people, source="helpdesk", csat=4)
        outcomes.report_sync(Report(name, said, NOW_US))
    asker.fold()
    found = cast("Resolutions", asker.ask("resolution", by=("route",)))
    assert found.total is not None
    assert found.total.resolved == Rate(1, 2, 1)
    assert found.total.counted_usd == Decimal("4.021")
    figure = found.total.per_resolution
    assert figure.value == pytest.approx(4.021)
    assert figure.n == 2
    # By hand: residuals of (0.006, 1) and (4.015, 0) around 4.021 are -4.015 and 4.015.
    assert cast("float", figure.high) - 4.021 == pytest.approx(1.959964 * (2 * 4.015**2 * 2) ** 0.5)
    assert figure.low == 0
    assert found.total.sources == {"helpdesk": 2}
    assert found.rows[0].by == {"route": "tools"}


def test_the_other_model_keeps_its_cache_warm(keep: Keep) -> None:
    first, second = step(Usage(6000, 100)), step(Usage(7000, 50))
    late = step(Usage(8000, 50))
    asker = keep(turn(0, first), turn(1, second), turn(2, late, at_us=NOW_US))
    found = cast("Savings", asker.ask("savings"))
    flagship = next(one for one in found.total if one.model == OPUS)
    # $5 a million in, $25 out, reads a tenth, writes 1.25: the second turn reads what the first left, the third comes too late.
    written, read = 6000 + (7000 - 6100) + 8000, 6100
    expected = (Decimal("6.25") * written + Decimal("0.5") * read + 25 * 200) / 1_000_000
    assert flagship.warm_usd == expected
    assert flagship.cold_usd == (Decimal(5) * 21000 + 25 * 200) / 1_000_000
    assert flagship.n == 3
    assert flagship.saved_usd == expected - cast("Decimal", flagship.actual_usd)


def test_a_list_goes_on_page_by_page_and_filters_are_bound(keep: Keep) -> None:
    asker = keep(*[turn(n) for n in range(5)])
    seen: list[str] = []
    after = ""
    while True:
        page = cast("Turns", asker.ask("turns", options={"limit": "2", "after": after}))
        assert page.n == 5
        seen += [row.id for row in page.rows]
        if page.next is None:
            break
        after = page.next
    assert seen == [f"turn_{n:04d}" for n in (4, 3, 2, 1, 0)]
    hostile = Slice(model=("x' OR 1=1 --",))
    assert cast("Turns", asker.ask("turns", hostile)).n == 0
    assert cast("Turns", asker.ask("turns", Slice(agent=("unknown",)))).n == 0
    assert cast("Turns", asker.ask("turns", Slice().only(intent="refund", agent="desk"))).n == 5


def test_a_slice_survives_the_url_and_knows_the_period_before() -> None:
    chosen = Slice(NOW_US - HOUR_US, NOW_US, model=("a", "b"), intent=("unknown",), simulated="no")
    assert Slice.from_query(chosen.query()) == chosen
    before = chosen.before()
    assert before is not None
    assert (before.since_us, before.until_us, before.model) == (NOW_US - 2 * HOUR_US, NOW_US - HOUR_US, ("a", "b"))
    assert EVERYTHING.before() is None


def test_unknown_is_never_zero(keep: Keep) -> None:
    asker = keep(
        turn(
            1,
            msgspec.structs.replace(step(), cost_usd=None, usage=None, ttft_ms=None),
            ttft_ms=None,
            usage=None,
            cost_usd=None,
        )
    )
    cost = cast("Cost", asker.ask("cost")).total
    latency = cast("Latency", asker.ask("latency")).total
    assert cost is not None
    assert latency is not None
    assert (cost.turns_usd, cost.total_usd, cost.per_turn.value, cost.cache_hit.value) == (None, None, None, None)
    assert (latency.ttft_p95.value, latency.tokens_s_p50.value) == (None, None)


def test_days_follow_the_viewers_zone(keep: Keep) -> None:
    at = round(datetime(2026, 10, 24, 20, tzinfo=UTC).timestamp()) * 1_000_000  # Berlin leaves summer time that night
    asker = keep(turn(1, at_us=at), turn(2, at_us=at + 3 * HOUR_US), turn(3, at_us=at + 28 * HOUR_US))
    found = cast("Series", asker.ask("series", options={"bucket": "day", "zone": "Europe/Berlin"}))
    assert [point.turns for point in found.points] == [1, 1, 1]
    assert [(point.end_us - point.start_us) // HOUR_US for point in found.points] == [24, 25, 24]
