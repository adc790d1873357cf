from __future__ import annotations

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import StoreError
from pointsman.store.money import MICRO, from_halves, from_pico, to_pico


@given(st.integers(0, 9 * 10**18 - 1))
def test_whole_pico_dollars_come_back_exactly_whatever_the_callers_precision(pico: int) -> None:
    with localcontext() as context:
        context.prec = 5
        assert to_pico(from_pico(pico)) == pico
        assert from_halves(pico // MICRO, pico % MICRO) == from_pico(pico)


def test_unknown_stays_unknown_and_less_than_a_pico_dollar_is_rounded() -> None:
    assert to_pico(None) is None
    assert from_pico(None) is None
    assert from_halves(None, None) is None
    assert to_pico(Decimal("0.0000000000015")) == 2
    assert to_pico(Decimal("1E-999")) == 0


@pytest.mark.parametrize("usd", ["NaN", "sNaN", "Infinity", "9000000", "-9000000"])
def test_what_is_no_amount_is_refused(usd: str) -> None:
    with pytest.raises(StoreError, match="cannot be stored"):
        to_pico(Decimal(usd))
