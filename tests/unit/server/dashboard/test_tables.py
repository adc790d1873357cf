from __future__ import annotations

from decimal import Decimal

import pytest

from pointsman.domain.figures import Estimate, Rate
from pointsman.server.dashboard.rendering import pretty, reason
from pointsman.server.dashboard.tables import Cell, Column, Table, as_csv


def lines(*rows: list[object], columns: tuple[Column, ...] = (Column("a", "A"),)) -> list[str]:
    return as_csv(Table("t", "T", columns, rows)).decode("utf-8-sig").split("\r\n")


@pytest.mark.parametrize("text", ["=1+1", "+1;cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_a_text_that_a_spreadsheet_would_run_is_defused(text: str) -> None:
    assert lines([text])[1].strip('"').startswith("'")


@pytest.mark.parametrize("value", [-3, -2.5, "-4", "+1.5", Decimal("-0.5")])
def test_numbers_stay_numbers(value: object) -> None:
    assert lines([value])[1] == str(value)


def test_a_figure_takes_four_columns_and_unknown_is_empty() -> None:
    columns = (Column("ok", "OK", "figure"), Column("cost", "Cost", "usd"))
    rows = lines([Rate(3, 4), None], [Estimate(None, 0, "usd"), Cell(Decimal("0.00001"), "/x")], columns=columns)
    assert rows[0] == "ok,ok_n,ok_low,ok_high,cost"
    assert rows[1].startswith("0.75,4,0.")
    assert rows[1].endswith(",")
    assert rows[2] == ",0,,,0.00001"


def test_times_are_told_with_their_zone() -> None:
    assert lines([1_760_000_000_000_000], columns=(Column("at", "At", "when"),))[1] == "2025-10-09T08:53:20.000+00:00"


def test_json_is_shown_in_its_letters_and_only_in_those() -> None:
    assert '"Grüße 😀"' in pretty('{"a": "Gr\\u00fc\\u00dfe \\ud83d\\ude00"}')
    for kept in ("\\u0022", "\\u202e", "\\u0000", "\\\\u00fc", "\\ud83d"):
        assert kept in pretty('{"a": "' + kept + '"}')


def test_a_dash_says_why() -> None:
    assert reason(Column("x", "X", "figure"), Estimate(None, 0, "usd", why="no price")) == "no price"
    assert reason(Column("x", "X", why="not streamed"), None) == "not streamed"
    assert reason(Column("x", "X"), 0) == ""
