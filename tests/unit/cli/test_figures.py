"""How money is written, one way everywhere, and how errors are kept short."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pointsman.cli.console import fail
from pointsman.cli.figures import dollars, usd
from pointsman.cli.route_view import flip_lines


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        ("0", "$0.00"),
        ("1234567.891", "$1,234,567.89"),
        ("0.094", "$0.09"),
        ("0.01", "$0.01"),
        ("0.003622", "$0.0036"),
        ("0.00001234", "$0.000012"),
        ("-3", "-$3.00"),
        ("-0.0042", "-$0.0042"),
    ],
)
def test_money_has_two_decimals_four_below_a_cent_and_never_shows_a_cost_as_nothing(
    value: str | None, shown: str
) -> None:
    amount = None if value is None else Decimal(value)
    assert usd(amount) == shown
    assert dollars(amount) == shown.replace("$", "")


def test_what_would_flip_a_decision_is_read_in_words() -> None:
    raw = (
        "rule 'faq' held: intent.recognised && size.tokens <= 100; now intent.recognised = false, intent.risk = 'none'"
    )
    assert flip_lines(raw) == (
        "rule 'faq' held",
        "the rule asks for: intent.recognised && size.tokens <= 100",
        "this turn has: intent recognised no, intent risk none",
    )
    assert flip_lines("it cost $0.003 less per turn") == ("it cost $0.003 less per turn",)


def test_an_error_takes_three_lines_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    fail("\n".join(f"fault {n}" for n in range(9)))
    assert capsys.readouterr().err.splitlines() == ["error: fault 0", "fault 1", "and 7 more; mend these first."]
    fail("one\ntwo\nthree")
    assert capsys.readouterr().err == "error: one\ntwo\nthree\n"
