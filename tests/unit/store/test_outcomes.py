from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.record import TurnRecord
from pointsman.errors import NotFound, RequestError, UsageError
from pointsman.store import Store, TurnFilter
from pointsman.store.outcome_body import OutcomeBody, moment, report_of
from pointsman.store.outcome_files import read_lines
from pointsman.store.outcomes import OutcomeReport, Outcomes, Report, Sender

MakeRecord = Callable[..., TurnRecord]
T0 = 1_760_000_000_000_000


def said(at_s: int = 0, report_id: str | None = None, *, conversation: str = "conv_1", **fields: object) -> Report:
    report = msgspec.convert(fields, OutcomeReport)
    return Report(conversation, report, T0 + at_s * 1_000_000, report_id)


@pytest.fixture
def outcomes(store: Store, make: MakeRecord) -> Outcomes:
    store.append_sync(make(1))
    return Outcomes(store)


def test_what_a_report_does_not_name_stays_as_it_was(outcomes: Outcomes) -> None:
    outcomes.report_sync(said(resolved=True, csat=4))
    found = outcomes.report_sync(said(1, escalated=False, handoff_cost_usd="3.25"))
    assert (found.resolved, found.escalated, found.csat, found.reopened) == (True, False, 4, None)
    assert found.handoff_cost_usd == Decimal("3.25")


def test_null_takes_an_earlier_word_back(outcomes: Outcomes) -> None:
    outcomes.report_sync(said(resolved=True))
    assert outcomes.report_sync(said(1, resolved=None)).resolved is None


def test_a_late_report_of_an_earlier_moment_does_not_undo_a_newer_one(outcomes: Outcomes) -> None:
    outcomes.report_sync(said(10, resolved=True))
    assert outcomes.report_sync(said(5, resolved=False, csat=2)).resolved is True
    assert outcomes.outcome("conv_1") == outcomes.of("conv_1", None)


def test_the_same_report_id_counts_once(outcomes: Outcomes, store: Store, make: MakeRecord) -> None:
    first = outcomes.report_sync(said(0, "t-1", resolved=True))
    assert outcomes.report_sync(said(9, "t-1", resolved=False)) == first
    store.append_sync(make(2, conversation_id="conv_2"))
    with pytest.raises(RequestError, match="t-1"):
        outcomes.report_sync(said(9, "t-1", conversation="conv_2", resolved=False))


def test_an_unknown_conversation_is_refused_unless_that_is_allowed(outcomes: Outcomes) -> None:
    with pytest.raises(NotFound, match="allow_unknown"):
        outcomes.report_sync(said(conversation="nobody", resolved=True))
    early = msgspec.structs.replace(said(conversation="nobody", resolved=True), unknown_ok=True)
    assert outcomes.report_sync(early).resolved is True


def test_a_key_sees_only_its_own_conversations(outcomes: Outcomes, store: Store, make: MakeRecord) -> None:
    store.append_sync(make(2, conversation_id="shared", key_id="k1"))
    store.append_sync(make(3, conversation_id="shared", key_id="k2"))
    with pytest.raises(NotFound, match="2 client keys"):
        outcomes.report_sync(said(conversation="shared", resolved=True))
    with pytest.raises(NotFound, match="no conversation"):
        outcomes.outcome("conv_1", Sender("k1"))
    with pytest.raises(NotFound, match="no turn"):
        outcomes.feedback("turn_3", Sender("k1"))


def test_turns_are_chosen_by_outcome_and_unknown_is_neither(outcomes: Outcomes, store: Store, make: MakeRecord) -> None:
    store.append_sync(make(2, conversation_id="conv_2"))
    store.append_sync(make(3, conversation_id="conv_3"))
    outcomes.report_sync(said(resolved=True))
    outcomes.report_sync(said(conversation="conv_2", resolved=False, escalated=True))
    chosen = [[row.id for row in store.turns(TurnFilter(resolved=value))] for value in (True, False)]
    assert chosen == [["turn_1"], ["turn_2"]]
    assert [row.id for row in store.turns(TurnFilter(escalated=True))] == ["turn_2"]


def test_a_report_counts_conversations_and_what_a_resolved_one_costs(
    outcomes: Outcomes, store: Store, make: MakeRecord
) -> None:
    store.append_sync(make(2))
    store.append_sync(make(3, conversation_id="conv_2"))
    store.append_sync(make(4, conversation_id="conv_3", cost_usd=None))
    store.append_sync(make(5, conversation_id="conv_4"))
    assert store.report()[0].outcomes is None
    outcomes.report_sync(said(resolved=True, escalated=False, csat=5))
    outcomes.report_sync(said(conversation="conv_2", resolved=False, escalated=True, handoff_cost_usd="3"))
    outcomes.report_sync(said(conversation="conv_3", resolved=True))
    figures = store.report()[0].outcomes
    assert figures is not None
    assert (figures.conversations, figures.reported) == (4, 3)
    assert (figures.resolved, figures.resolved_n, figures.escalated, figures.escalated_n) == (2, 3, 1, 2)
    assert (figures.csat, figures.csat_n, figures.handoff_usd) == (5, 1, Decimal(3))
    # conv_3 has a turn whose cost is unknown: it is not in the figure.
    assert (figures.cost_n, figures.cost_resolved) == (2, 1)
    assert figures.per_resolved_usd == 3 * Decimal("0.00071") + 3
    by = {row.by["outcome"]: row.turns for row in store.report(("outcome",))}
    assert by == {"resolved": 3, "escalated": 1, None: 1}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "nothing is said"),
        ({"source": "crm"}, "nothing is said"),
        ({"resolved": True, "handoff_cost_usd": "-1"}, "handoff_cost_usd"),
        ({"resolved": True, "handoff_cost_usd": "NaN"}, "handoff_cost_usd"),
        ({"resolved": True, "at": "yesterday"}, "at: 'yesterday'"),
        ({"resolved": True, "at": 4e18}, "at"),
        ({"resolved": True, "at": "2999-01-01"}, "a day ahead"),
    ],
)
def test_a_report_that_cannot_be_says_why(fields: dict[str, object], named: str) -> None:
    with pytest.raises(RequestError, match=named):
        report_of("c", msgspec.convert(fields, OutcomeBody))


def test_moments_are_iso_or_unix_seconds() -> None:
    assert moment("2025-10-09T08:53:20Z") == moment("1760000000") == moment(1_760_000_000) == T0
    assert moment("2025-10-09T08:53:20") == moment("2025-10-09T10:53:20+02:00") == T0


def test_a_csv_export_is_read_and_wrong_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    path.write_text("conversation,resolved,csat,handoff_cost_usd\nc1,yes,4.5,\nc2,maybe,,\nc3,no\n\nc4,,,2.50\n")
    lines = list(read_lines(path))
    assert [line.fields for line in lines if line.problem is None] == [
        {"conversation": "c1", "resolved": True, "csat": 4.5},
        {"conversation": "c4", "handoff_cost_usd": "2.50"},
    ]
    assert [(line.number, line.problem) for line in lines if line.problem] == [
        (3, "resolved: 'maybe' is neither true nor false"),
        (4, "2 cells, but the header has 4"),
    ]


@pytest.mark.parametrize("header", ["", "resolved", "conversation,colour", "conversation,conversation"])
def test_a_header_nobody_knows_is_refused_at_once(tmp_path: Path, header: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\nx\n")
    with pytest.raises(UsageError, match="columns are"):
        list(read_lines(path))


@given(st.text(max_size=200))
def test_any_jsonl_gives_lines_or_problems_and_never_fails(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("j") / "x.jsonl"
    path.write_text(text.encode("utf-8", "replace").decode(), "utf-8")
    assert all(line.problem or isinstance(line.fields, dict) for line in read_lines(path))
