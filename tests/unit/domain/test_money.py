from __future__ import annotations

from decimal import Decimal

import pytest

from pointsman.domain.money import in_dollars


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0", "$0.00"),
        ("1234.5", "$1,234.50"),
        ("0.0149", "$0.01"),
        ("0.00412", "$0.0041"),
        ("0.0000042", "$0.0000042"),
        ("-0.05", "-$0.05"),
    ],
)
def test_two_decimals_and_four_below_a_cent(amount: str, written: str) -> None:
    assert in_dollars(Decimal(amount)) == written
